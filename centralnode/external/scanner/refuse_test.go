package scanner_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/external/scanner"
	"vedette/centralnode/scan"
	"vedette/centralnode/trust"
	"vedette/proto/problem"
)

// raw is a connection on which a test writes what it likes.
type raw struct {
	t    testing.TB
	conn *tls.Conn
	in   *bufio.Reader
}

func (s *system) raw() *raw {
	s.w.t.Helper()
	conn, err := tls.Dial("tcp", s.w.gateway.Address().String(), s.tlsConfig())
	if err != nil {
		s.w.t.Fatal(err)
	}
	s.w.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		s.w.t.Fatal(err)
	}
	return &raw{t: s.w.t, conn: conn, in: bufio.NewReader(conn)}
}

func (r *raw) write(text string) {
	r.t.Helper()
	if _, err := io.WriteString(r.conn, text); err != nil {
		r.t.Fatal(err)
	}
}

// answer reads the answer; the code is empty when it is no problem.
func (r *raw) answer() (status int, code problem.Code, err error) {
	res, err := http.ReadResponse(r.in, nil)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	if p, ok := problem.Read(res); ok {
		return res.StatusCode, p.Code, nil
	}
	return res.StatusCode, "", nil
}

const rawHead = "POST /kata/scanner/v1/sensors/%s/scans HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n%s\r\n\r\n"

const rawPart = "--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"f\"\r\n\r\n"

func TestUploadThatStopsIsAnsweredAndForgotten(t *testing.T) {
	t.Parallel()
	w := open(t, options{api: func(a *scanner.API) { a.SetTimes(300*time.Millisecond, time.Second) }})
	s := w.system("mail-1")
	c := s.raw()
	// More than the pace of the gateway asks for, so that only the pause counts.
	c.write(fmt.Sprintf(rawHead, s.id, "Content-Length: 1000000") + rawPart + strings.Repeat("x", 40_000))
	if status, code, err := c.answer(); status != 408 || code != problem.TooSlow || err != nil {
		t.Errorf("answered %d %s, %v", status, code, err)
	}
	if _, err := c.in.ReadByte(); err == nil {
		t.Error("the connection stays")
	}
	w.nothingLeft()
	if look := s.look(); !strings.Contains(look.LastError, "408") {
		t.Errorf("the administrator sees %q", look.LastError)
	}
}

func TestUploadThatGoesOnIsTakenHoweverLongItTakes(t *testing.T) {
	t.Parallel()
	const stall = 1500 * time.Millisecond
	w := open(t, options{api: func(a *scanner.API) { a.SetTimes(stall, time.Second) }})
	s := w.system("mail-1")
	c := s.raw()
	c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(rawPart), rawPart))
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < stall+stall/2; <-tick.C {
		c.write("400\r\n" + strings.Repeat("x", 1024) + "\r\n")
	}
	c.write("7\r\n\r\n--b--\r\n0\r\n\r\n")
	if status, _, err := c.answer(); status != 200 || err != nil {
		t.Errorf("answered %d, %v", status, err)
	}
}

func TestUploadBelowThePaceIsAnswered(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	c := s.raw()
	c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(c.conn, "1\r\n-\r\n"); err != nil {
				return
			}
		}
	}()
	if status, code, err := c.answer(); status != 408 || code != problem.TooSlow || err != nil {
		t.Errorf("answered %d %s, %v", status, code, err)
	}
	_ = c.conn.Close()
	<-done
	w.nothingLeft()
}

func TestUploadThatIsCutLeavesNothing(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	form := rawPart + strings.Repeat("x", 100_000) + "\r\n--b--\r\n"
	for _, cut := range []int{0, 10, len(rawPart), len(rawPart) + 50_000, len(form) - 5} {
		c := s.raw()
		c.write(fmt.Sprintf(rawHead, s.id, fmt.Sprintf("Content-Length: %d", len(form))) + form[:cut])
		if err := c.conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if status, _, err := c.answer(); err == nil && status != 400 {
			t.Errorf("cut after %d bytes: answered %d", cut, status)
		}
		c = s.raw()
		c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s", len(form), form[:cut]))
		_ = c.conn.Close()
	}
	// The whole form, but not the end of the body.
	c := s.raw()
	c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(form), form))
	if err := c.conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if status, _, err := c.answer(); err == nil && status != 400 {
		t.Errorf("without the last chunk: answered %d", status)
	}
	w.nothingLeft()
	if a := s.get("scans/state"); a.status != 204 {
		t.Errorf("something was taken: %s", a.body)
	}
}

func TestWithdrawalDuringAnUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	var uploads []*raw
	for range 8 {
		c := s.raw()
		c.write(fmt.Sprintf(rawHead, s.id, "Transfer-Encoding: chunked") + "10000\r\n" + rawPart + strings.Repeat("x", 50_000))
		uploads = append(uploads, c)
	}
	eventually(t, "the uploads", func() bool { return w.scans.Status(t.Context()).SpoolBytes >= 8*32<<10 })
	before := s.look().Refused
	s.decide(trust.Rejected)
	for _, c := range uploads {
		if _, _, err := c.answer(); err == nil {
			t.Error("an answer came although the connection was to be cut")
		}
	}
	w.nothingLeft()
	if look := s.look(); look.Refused != before {
		t.Errorf("the cut is noted as the caller's fault: %s", look.LastError)
	}
	if a := s.submit("", object); a.status != 401 || a.problem.Code != problem.Rejected {
		t.Errorf("afterwards: %d %v", a.status, a.problem)
	}
}

func TestWithdrawalRightBeforeTheEndTakesNothing(t *testing.T) {
	t.Parallel()
	reached, goOn := make(chan struct{}), make(chan struct{})
	var committed atomic.Bool
	w := open(t, options{api: func(a *scanner.API) {
		a.SetBegin(func(string) (scanner.Upload, error) {
			return upload{write: func() error {
				close(reached)
				<-goOn
				return nil
			}, commit: func() error { committed.Store(true); return nil }}, nil
		})
	}})
	s := w.system("mail-1")
	answered := make(chan error, 1)
	contentType, body := formOf(t, object)
	go func() {
		_, err := s.tryPost("", contentType, strings.NewReader(body))
		answered <- err
	}()
	<-reached
	s.decide(trust.Rejected)
	close(goOn)
	if err := <-answered; err == nil {
		t.Error("an answer came to somebody who was withdrawn")
	}
	if committed.Load() {
		t.Error("an object was taken after the withdrawal")
	}
}

// upload is one that goes as a test likes.
type upload struct{ write, commit func() error }

func (u upload) Write(p []byte) (int, error) { return len(p), u.write() }
func (u upload) Commit(ctx context.Context, _ scan.Submission) error {
	return errors.Join(ctx.Err(), u.commit())
}
func (upload) Abandon() {}

func TestWhatTheRoomsCannotDoIsAnswered(t *testing.T) {
	t.Parallel()
	none := func() error { return nil }
	fails := func(err error) func() error { return func() error { return err } }
	full := &scan.StorageError{Text: "the disk is full", Full: true, Cause: errors.New("ENOSPC of /secret/path")}
	for name, c := range map[string]struct {
		begin error
		u     upload
		want  int
		code  problem.Code
	}{
		"disk full while it arrives":   {nil, upload{fails(full), none}, 503, problem.StorageFull},
		"disk full at the end":         {nil, upload{none, fails(full)}, 503, problem.StorageFull},
		"no room while it arrives":     {nil, upload{fails(&scan.BusyError{Text: "the spool is full", RetryAfter: 7 * time.Second}), none}, 429, problem.Busy},
		"no room":                      {&scan.BusyError{Text: "many objects wait"}, upload{}, 429, problem.Busy},
		"scanning is not available":    {fmt.Errorf("%w: /secret/path", scan.ErrUnavailable), upload{}, 503, problem.Unavailable},
		"something else while arrives": {nil, upload{fails(errors.New("/secret/path")), none}, 503, problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, options{api: func(a *scanner.API) {
				a.SetBegin(func(string) (scanner.Upload, error) { return c.u, c.begin })
			}})
			s := w.system("mail-1")
			a := s.submit("", object, part{"scanId", "", "1"})
			if a.status != c.want || a.problem.Code != c.code || a.problem.RetryAfter < time.Second || strings.Contains(a.problem.Detail, "secret") {
				t.Errorf("answered %d %+v", a.status, a.problem)
			}
			if look := s.look(); !strings.Contains(look.LastError, string(c.code)) || look.Submitted != 0 {
				t.Errorf("the administrator sees %+v", look)
			}
		})
	}
}

func TestAnswersHaveFixedHeadersAndRepeatNoInput(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	const mark = "q7Zx"
	for _, path := range []string{
		"scans/state?state=" + mark, "scans/" + mark + "%0d%0aX-Evil:1", "detects?token=" + mark, "detects?detect_type=%0d%0a" + mark, "scans/state?sensorInstanceId=%0a" + mark, "scans/state?" + mark + "=%zz",
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
			a := s.call(method, path)
			text := fmt.Sprint(a.header, a.body, a.problem)
			if strings.Contains(text, mark) || strings.Contains(text, "X-Evil") {
				t.Errorf("%s %s repeats what was sent: %s", method, path, text)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
				if a.header.Get(name) != want {
					t.Errorf("%s %s: %s is %q", method, path, name, a.header.Get(name))
				}
			}
		}
	}
	if a := s.submit("", part{"content", mark, "x"}, part{"scanId", "", mark + " "}); strings.Contains(fmt.Sprint(a.header, a.problem), mark) {
		t.Errorf("a submission repeats what was sent: %v", a.problem)
	}
}
