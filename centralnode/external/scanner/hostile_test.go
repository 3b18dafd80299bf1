package scanner_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/external/scanner"
	"vedette/centralnode/scan"
	"vedette/proto/problem"
)

// boundary is that of the bodies below.
const boundary = "b"

// section is one part, as text.
func section(headers, content string) string {
	return "--" + boundary + "\r\n" + headers + "\r\n\r\n" + content + "\r\n"
}

const (
	asContent = `Content-Disposition: form-data; name="content"; filename="f"`
	asScanID  = `Content-Disposition: form-data; name="scanId"`
	theEnd    = "--" + boundary + "--\r\n"
)

var goodObject = section(asContent, "x")

func TestHostileFormsAreRefusedAndForgotten(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	for name, body := range map[string]string{
		"thousands of parts":                 strings.Repeat(section(`Content-Disposition: form-data; name="a"`, ""), 5000) + goodObject + theEnd,
		"thousands of files":                 strings.Repeat(goodObject, 5000) + theEnd,
		"a name of 64 KiB":                   section(`Content-Disposition: form-data; name="`+strings.Repeat("a", 64<<10)+`"`, "x") + goodObject + theEnd,
		"a file name of 64 KiB":              section(`Content-Disposition: form-data; name="content"; filename="`+strings.Repeat("a", 64<<10)+`"`, "x") + theEnd,
		"a line without an end":              "--" + boundary + "\r\n" + strings.Repeat("a", 200<<10),
		"thousands of headers":               section(asContent+strings.Repeat("\r\nA: b", 20_000), "x") + theEnd,
		"folded headers":                     section(asContent+strings.Repeat("\r\n b", 30_000), "x") + theEnd,
		"thousands of parameters":            section(asContent+strings.Repeat("; a*0=b", 10_000), "x") + theEnd,
		"many encoded parameters":            section(`Content-Disposition: form-data; name="content"; `+strings.Repeat("filename*1*=%41; ", 3000), "x") + theEnd,
		"an endless preamble":                strings.Repeat("preamble\r\n", 50_000) + goodObject + theEnd,
		"a preamble without lines":           strings.Repeat("p", 1<<20) + "\r\n" + goodObject + theEnd,
		"an endless epilogue":                goodObject + theEnd + strings.Repeat("e", 1<<20),
		"only boundaries":                    strings.Repeat("--"+boundary+"\r\n", 50_000),
		"no last boundary":                   goodObject,
		"a boundary instead of the last one": goodObject + "--" + boundary + "\r\n",
		"a boundary without an end of line":  goodObject + "--" + boundary,
		"half a last boundary":               goodObject + "--" + boundary + "-",
		"a last boundary with a tail":        goodObject + "--" + boundary + "--x\r\n",
		"an object without an end":           section(asContent, "x")[:60],
		"no empty line after headers":        "--" + boundary + "\r\n" + asContent + "\r\n" + theEnd,
		"a header without a colon":           section("nonsense", "x") + theEnd,
		"a header with NUL":                  section(asContent+"\r\nA\x00: b", "x") + theEnd,
		"a file name of escapes":             section("Content-Disposition: form-data; name=\"content\"; filename=\"a\x1b]0;x\x07b\"", "x") + theEnd,
		"a file name with NUL":               section("Content-Disposition: form-data; name=\"content\"; filename=\"a\x00b\"", "x") + theEnd,
		"another disposition":                section(`Content-Disposition: attachment; name="content"; filename="f"`, "x") + theEnd,
		"no disposition":                     section("Content-Type: text/plain", "x") + theEnd,
		"a name that is there twice":         section(`Content-Disposition: form-data; name="content"; name="scanId"; filename="f"`, "x") + theEnd,
		"two dispositions, a field":          section(asScanID+"\r\n"+asContent, "a b") + goodObject + theEnd,
		"a nested form":                      section(`Content-Disposition: form-data; name="files"`+"\r\nContent-Type: multipart/mixed; boundary=c", "--c\r\n"+asContent+"\r\n\r\nx\r\n--c--") + theEnd,
		"quoted-printable":                   section(asContent+"\r\nContent-Transfer-Encoding: quoted-printable", "=45=56=49=4c") + theEnd,
		"base64":                             section(asContent+"\r\nContent-Transfer-Encoding: BASE64", "RVZJTA==") + theEnd,
		"a scanId over many lines":           section(asScanID, strings.Repeat("a\r\n", 1000)) + goodObject + theEnd,
		"a boundary of another in it":        section(asScanID, "1\r\n--"+boundary+"2") + goodObject + theEnd,
		"an object that was sent twice":      goodObject + section(asScanID, "1") + goodObject + theEnd,
		"nothing but a last boundary":        theEnd,
		"newlines":                           strings.Repeat("\n", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			for _, chunked := range []bool{false, true} {
				var from io.Reader = strings.NewReader(body)
				if chunked {
					from = io.MultiReader(from) // of a length that the client does not know
				}
				a, err := s.tryPost("", "multipart/form-data; boundary="+boundary, from)
				if err != nil || a.status != 400 || a.problem == nil || a.problem.Code != problem.BadRequest || a.problem.Detail == "" {
					t.Errorf("answered %d %v, %v", a.status, a.problem, err)
				}
			}
		})
	}
	w.nothingLeft()
	if a := s.get("scans/state"); a.status != 204 {
		t.Errorf("something was taken: %s", a.body)
	}
}

func TestOddFormsThatAreWellFormedAreTaken(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	n := 0
	for name, body := range map[string]string{
		"a preamble and an epilogue":     "preamble\r\n" + goodObject + "ID" + theEnd + "epilogue",
		"only newlines":                  strings.ReplaceAll(goodObject+"ID"+theEnd, "\r\n", "\n"),
		"no end of line at the end":      goodObject + "ID" + strings.TrimSuffix(theEnd, "\r\n"),
		"blanks after boundaries":        strings.ReplaceAll(goodObject, "--b\r\n", "--b \t\r\n") + "ID" + theEnd,
		"a file name with a path":        section(`Content-Disposition: form-data; name="content"; filename="../../etc/x"`, "x") + "ID" + theEnd,
		"an absolute file name":          section(`Content-Disposition: form-data; name="content"; filename="/etc/passwd"`, "x") + "ID" + theEnd,
		"a file name that is no UTF-8":   section("Content-Disposition: form-data; name=\"content\"; filename=\"\xff\xfe\"", "x") + "ID" + theEnd,
		"an encoded file name":           section(`Content-Disposition: form-data; name="content"; filename*=UTF-8''%E2%82%AC.txt`, "x") + "ID" + theEnd,
		"an empty file name":             section(`Content-Disposition: form-data; name="content"; filename=""`, "x") + "ID" + theEnd,
		"a type and an encoding":         section(asContent+"\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary", "x") + "ID" + theEnd,
		"almost a boundary in it":        section(asContent, "\r\n--\r\n--a\r\n-b--\r\n--bb") + "ID" + theEnd,
		"an object of nothing but lines": section(asContent, strings.Repeat("\r\n", 50_000)) + "ID" + theEnd,
		"a charset":                      goodObject + strings.Replace("ID", "ID", section(asScanID+"\r\nContent-Type: text/plain; charset=utf-8", "charset"), 1) + theEnd,
	} {
		n++
		body = strings.Replace(body, "ID", section(asScanID, fmt.Sprint(n)), 1)
		if name == "only newlines" {
			body = strings.ReplaceAll(body, "\r\n", "\n")
		}
		if a := s.post("", "multipart/form-data; boundary="+boundary, strings.NewReader(body)); a.status != 200 {
			t.Errorf("%s: answered %d %v", name, a.status, a.problem)
		}
	}
	if got := s.settled("?state=not%20detected"); strings.Count(got, "scanId") != n {
		t.Errorf("of %d: %s", n, got)
	}
	w.nothingLeft()
}

func TestAnObjectMayBeLargerThanWhatIsBesideIt(t *testing.T) {
	t.Parallel()
	w := open(t, options{limits: scan.Limits{MaxObjectSize: 8 << 20}})
	s := w.system("mail-1")
	contentType, body, _ := formAround(t, 8<<20, part{"scanId", "", "1"})
	if a := s.post("", contentType, body); a.status != 200 {
		t.Fatalf("answered %d %v", a.status, a.problem)
	}
	// The bound counts everything before and behind the object.
	beside := strings.Repeat("p", 3000) + "\r\n"
	whole := strings.Repeat(beside, scanner.MaxEnvelope/2/len(beside)) + goodObject
	if a := s.post("", "multipart/form-data; boundary=b", strings.NewReader(whole+theEnd)); a.status != 200 {
		t.Errorf("half of what may be: %d %v", a.status, a.problem)
	}
	if a := s.post("", "multipart/form-data; boundary=b", strings.NewReader(whole+theEnd+strings.Repeat("e", scanner.MaxEnvelope))); a.status != 400 || !strings.Contains(a.problem.Detail, "32 KiB") {
		t.Errorf("half before and more behind: %d %v", a.status, a.problem)
	}
}

// TestWhoIsRefusedWhileSendingGetsTheAnswer is about clients that send all of
// their body before they read.
func TestWhoIsRefusedWhileSendingGetsTheAnswer(t *testing.T) {
	t.Parallel()
	// The answer has to be whole while the caller is still listened to.
	w := open(t, options{limits: scan.Limits{MaxObjectSize: 1 << 20}, api: func(a *scanner.API) { a.SetTimes(30*time.Second, 10*time.Minute) }})
	s := w.system("mail-1")
	for _, framing := range []string{"chunked", "announced", "a preamble"} {
		c := s.raw()
		chunk := strings.Repeat("x", 64<<10)
		const chunks = 192 // 12 MiB, more than the sockets hold
		want, wantCode := 413, problem.TooLarge
		switch framing {
		case "chunked":
			c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(rawPart), rawPart))
		case "a preamble":
			want, wantCode = 400, problem.BadRequest
			c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked"))
			chunk = strings.Repeat("preamble\r\n", 6400)
		default:
			c.write(fmt.Sprintf(rawHead, s.id, fmt.Sprintf("Content-Length: %d", len(rawPart)+chunks*len(chunk))) + rawPart)
		}
		for range chunks {
			if framing != "announced" {
				c.write(fmt.Sprintf("%x\r\n", len(chunk)))
			}
			c.write(chunk)
			if framing != "announced" {
				c.write("\r\n")
			}
		}
		if status, code, err := c.answer(); status != want || code != wantCode || err != nil {
			t.Errorf("%s: answered %d %s, %v", framing, status, code, err)
		}
		_ = c.conn.Close()
	}
	w.nothingLeft()
}

func TestWhoGoesOnSendingIsNotListenedToForEver(t *testing.T) {
	t.Parallel()
	w := open(t, options{limits: scan.Limits{MaxObjectSize: 1 << 20}, api: func(a *scanner.API) { a.SetTimes(30*time.Second, 600*time.Millisecond) }})
	s := w.system("mail-1")
	for _, sends := range []bool{true, false} {
		c := s.raw()
		c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + "40000000\r\n" + rawPart)
		ended := make(chan error, 1)
		go func() {
			most := int64(2 << 20)
			if sends {
				most = 1 << 40
			}
			_, err := io.Copy(c.conn, io.LimitReader(zeros{}, most))
			ended <- err
		}()
		if status, _, err := c.answer(); status != 413 || err != nil {
			t.Errorf("answered %d, %v", status, err)
		}
		if _, err := c.in.ReadByte(); err == nil {
			t.Error("something comes after the answer")
		}
		_ = c.conn.Close()
		<-ended
	}
	w.nothingLeft()
}

func TestManyRefusalsOnOneConnection(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	s.client.Transport = &http.Transport{TLSClientConfig: s.tlsConfig(), MaxConnsPerHost: 1}
	s.client.Transport = w.exchanges.Transport(t, s.client.Transport)
	for range 50 {
		if a := s.submit("", part{"scanId", "", "1"}); a.status != 400 {
			t.Fatalf("answered %d", a.status)
		}
	}
	if n := s.look().Connections; n > 2 {
		t.Errorf("%d connections for calls that were read to their end", n)
	}
}
