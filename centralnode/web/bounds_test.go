package web_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web"
	"vedette/internal/acts"
	"vedette/pki"
)

// knock opens a connection and says nothing on it.
func (w *world) knock() *tls.Conn {
	w.t.Helper()
	c, err := tls.Dial("tcp", w.at.String(), pki.ClientConfig(func(pki.Fingerprint) error { return nil }, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// say sends a request on a connection of its own, which stays open, and gives
// the status line.
func say(t *testing.T, c *tls.Conn, cookie string) string {
	t.Helper()
	if _, err := io.WriteString(c, "GET /no-such-page HTTP/1.1\r\nHost: localhost\r\nCookie: __Host-vedette="+cookie+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, line); err != nil {
		t.Fatal(err)
	}
	return string(line[len(line)-3:])
}

func TestStrangersKeepNobodyOut(t *testing.T) {
	w := start(t, func(c *web.Config) { c.Limits = web.Limits{Connections: 4, Strangers: 6, StrangersPerAddress: 4} })
	b := w.signedIn("anna", acts.Administrator)
	if a := b.get("/no-such-page"); a.StatusCode != http.StatusNotFound {
		t.Fatal(a.Status) // from here on the connection is no stranger's
	}
	silent := []*tls.Conn{w.knock()}
	for range 20 {
		silent = append(silent, w.knock())
	}
	if _, err := silent[0].Read(make([]byte, 1)); err == nil {
		t.Error("the first of many strangers still has its place")
	}
	if a := b.get("/no-such-page"); a.StatusCode != http.StatusNotFound {
		t.Errorf("somebody who is signed in: %s", a.Status)
	}
	if _, n := b.last(); n != 1 {
		t.Errorf("it lost its connection to strangers: %d", n)
	}
	if a := w.browser().get("/sign-in"); a.StatusCode != http.StatusOK {
		t.Errorf("somebody who comes then: %s", a.Status)
	}
}

func TestNoAccountTakesThePlacesOfAll(t *testing.T) {
	w := start(t, func(c *web.Config) { c.Limits = web.Limits{Connections: 6, Strangers: 20, StrangersPerAddress: 20} })
	anna := w.signedIn("anna", acts.Administrator).cookie()
	ben := w.signedIn("ben", acts.Administrator).cookie()
	var first *tls.Conn
	for n := range 3 {
		c := w.knock()
		if first == nil {
			first = c
		}
		if got := say(t, c, anna); got != "404" {
			t.Fatalf("connection %d: %s", n, got)
		}
	}
	if got := say(t, w.knock(), anna); got != "503" {
		t.Errorf("more than half of all places: %s", got)
	}
	if got := say(t, w.knock(), ben); got != "404" {
		t.Errorf("somebody else: %s", got)
	}
	first.Close()
	eventually(t, "a place that was given back is there", func() bool { return say(t, w.knock(), anna) == "404" })
}

// TestWhoTricklesIsNotWaitedFor sends a form byte by byte.
func TestWhoTricklesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := w.knock()
	began := time.Now()
	head := "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 5000\r\n\r\n"
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(io.Discard, c) // to the end of the connection, however it comes
	}()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = io.WriteString(c, "x") // the other side may have had enough
		case <-answered:
			if took := time.Since(began); took < 5*time.Second || took > 18*time.Second {
				t.Errorf("the server waited %s", took)
			}
			return
		}
	}
}

func TestAPageFollowsLongSilenceOverBothProtocols(t *testing.T) {
	t.Parallel()
	for name, how := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.person("anna", acts.Administrator)
			b := w.browser(how...)
			b.signIn("anna", own)
			b.Timeout = 0
			events := b.stream(livePage)
			rest := make(chan string, 1)
			go func() {
				all, err := io.ReadAll(events.Body)
				if err != nil {
					all = append(all, err.Error()...)
				}
				rest <- string(all)
			}()
			// The kit says something at least every 15 seconds, and bounds each
			// piece by 10: what bounds the pieces must not end the silence.
			select {
			case all := <-rest:
				t.Fatalf("it ended by itself: %q", all)
			case <-time.After(12 * time.Second):
			}
			w.stop()
			if all := <-rest; !strings.HasPrefix(all, ":") || strings.Contains(all, "error") {
				t.Errorf("%q", all)
			}
		})
	}
}
