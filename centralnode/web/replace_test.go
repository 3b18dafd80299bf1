package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"

	"vedette/centralnode"
	"vedette/centralnode/admin/admintest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// last is the certificate that a browser met last, and how many connections it
// made.
func (b *browser) last() (met pki.Fingerprint, connections int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.met[len(b.met)-1], len(b.met)
}

// protocols are the ways that browsers speak.
var protocols = map[string][]func(*http.Transport){"HTTP/2": nil, "HTTP/1.1": {http1}}

func TestIdleConnectionsMeetTheNewCertificate(t *testing.T) {
	t.Parallel()
	for name, how := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			b := w.browser(how...)
			b.get("/sign-in")
			b.get("/sign-in")
			if met, n := b.last(); met != w.holder.Pair().Fingerprint() || n != 1 {
				t.Fatalf("%d connections", n)
			}
			closed := watch(t, w, name == "HTTP/2")
			next := pkitest.Agent(t, "the next one")
			w.holder.Swap(next)
			if rest := <-closed; (name == "HTTP/2") != strings.Contains(rest, "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x7f\xff\xff\xff\x00\x00\x00\x00") {
				t.Errorf("before the end comes %q", rest)
			}
			if a := b.get("/sign-in"); a.StatusCode != http.StatusOK {
				t.Errorf("the first request after the end of the connection: %s", a.Status)
			}
			eventually(t, "the browser meets the new certificate", func() bool {
				b.get("/sign-in")
				met, _ := b.last()
				return met == next.Fingerprint()
			})
		})
	}
}

// watch keeps a connection that has had an answer and does nothing, and gives
// what still comes before the server ends it.
func watch(t *testing.T, w *world, h2 bool) <-chan string {
	t.Helper()
	config := pki.ClientConfig(pki.PinTo(w.holder.Pair().Fingerprint()), nil)
	if h2 {
		config.NextProtos = []string{"h2"}
	}
	c, err := tls.Dial("tcp", w.server.Address().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	hello := "GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n"
	if h2 {
		hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00" // settings, of which there are none
	}
	if _, err := io.WriteString(c, hello); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan string, 1)
	go func() {
		rest, _ := io.ReadAll(c) // however it ends
		closed <- string(rest)
	}()
	return closed
}

func TestAnAnswerInFlightArrivesOnTheOldConnection(t *testing.T) {
	t.Parallel()
	for name, how := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.person("anna", acts.Administrator)
			b := w.browser(how...)
			b.get("/sign-in")
			old := w.holder.Pair().Fingerprint()

			reader, writer := io.Pipe()
			begun := make(chan struct{})
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteHeaders: func() { close(begun) }})
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url("/sign-in"), reader)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			came := make(chan answer, 1)
			go func() { came <- b.do(r) }()
			<-begun
			next := pkitest.Agent(t, "the next one")
			w.holder.Swap(next)
			// Another browser makes the server notice; the first one is not cut.
			if fresh := w.browser(); fresh.get("/sign-in").StatusCode != http.StatusOK {
				t.Fatal("a new browser is refused")
			} else if met, _ := fresh.last(); met != next.Fingerprint() {
				t.Error("a new browser meets the old certificate")
			}
			if _, err := io.WriteString(writer, url.Values{"name": {"anna"}, "password": {own}}.Encode()); err != nil {
				t.Fatal(err)
			}
			writer.Close()
			if a := <-came; a.StatusCode != http.StatusSeeOther || a.ProtoMajor == 1 && !a.Close {
				t.Fatalf("the answer in flight: %s, close %v", a.Status, a.Close)
			}
			if met, n := b.last(); met != old || n != 1 {
				t.Errorf("the answer came on connection %d", n)
			}
			if a := b.get("/sign-in"); a.StatusCode != http.StatusSeeOther {
				t.Errorf("the session does not outlive the certificate: %s", a.Status)
			}
			if met, n := b.last(); met != next.Fingerprint() || n != 2 {
				t.Errorf("the next request came on connection %d, the certificate is the new one: %v", n, met == next.Fingerprint())
			}
		})
	}
}

// stream opens a live page as its script does.
func (b *browser) stream(path string) *http.Response {
	b.w.t.Helper()
	r := b.request(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Sec-Fetch-Mode", "cors")
	res, err := b.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		b.w.t.Fatalf("%s is not followed: %s %v", path, res.Status, res.Header)
	}
	b.w.t.Cleanup(func() { res.Body.Close() })
	return res
}

const livePage = "/settings/certificates"

func TestEventStreamsEndWithTheCertificateAndTheDaemon(t *testing.T) {
	t.Parallel()
	for name, how := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.person("anna", acts.Administrator)
			b := w.browser(how...)
			b.signIn("anna", own)
			events := b.stream(livePage)
			if _, err := bufio.NewReader(events.Body).ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			w.holder.Swap(pkitest.Agent(t, "the next one"))
			if _, err := io.ReadAll(events.Body); err != nil {
				t.Errorf("the stream does not end in order: %v", err)
			}
			eventually(t, "the browser meets the new certificate", func() bool {
				b.get("/sign-in")
				met, _ := b.last()
				return met == w.holder.Pair().Fingerprint()
			})
			again := b.stream(livePage)
			w.stop()
			if _, err := io.ReadAll(again.Body); err != nil {
				t.Errorf("the stream does not end in order with the daemon: %v", err)
			}
		})
	}
}

// TestGenerateInTheBrowser replaces the certificate by the pages themselves.
func TestGenerateInTheBrowser(t *testing.T) {
	t.Parallel()
	logs := &admintest.Logs{}
	node, err := centralnode.New(centralnode.Config{
		StateDir: t.TempDir(), Address: "127.0.0.1:0", Web: centralnode.Web{Address: "127.0.0.1:0"},
		Logger: slog.New(slog.NewTextHandler(logs, nil)), Console: io.Discard, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	w := &world{World: &admintest.World{Admin: node.Admin(), Node: node}, t: t, at: node.WebAddress()}
	b := w.signedIn("anna", acts.Administrator)
	old, _ := b.last()
	const generate = "/settings/certificates/server/generate"
	page := b.get(generate)
	token, seen := tokenField.FindStringSubmatch(page.text), seenField.FindStringSubmatch(page.text)
	if token == nil || seen == nil {
		t.Fatalf("%s has no form:\n%s", generate, page.text)
	}
	a := b.post(generate, url.Values{"form": {token[1]}, "seen": {seen[1]}})
	served, err := node.Admin().ServerCertificate(t.Context(), admintest.Local())
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK || !strings.Contains(strings.ReplaceAll(a.text, "<wbr>", ""), served.Fingerprint.String()) || served.Fingerprint == old {
		t.Fatalf("%s\n%s", a.Status, a.text)
	}
	if met, n := b.last(); met != old || n != 1 {
		t.Errorf("the answer came on connection %d", n)
	}
	if a := b.get("/settings/certificates"); a.StatusCode != http.StatusOK {
		t.Errorf("the session does not outlive the certificate: %s", a.Status)
	}
	if met, n := b.last(); met != served.Fingerprint || n != 2 {
		t.Errorf("after %d connections the browser has met %s", n, met)
	}
}
