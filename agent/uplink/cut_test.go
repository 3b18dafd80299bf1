package uplink_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/agent/agenttest"
	"vedette/agent/uplink"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

// down is the whole answer of a Sensor without a link.
const down = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nConnection: close\r\n" +
	"Content-Length: 51\r\n\r\n" + `{"title":"No link","status":503,"code":"link_down"}`

// hangUp answers with some bytes, or none, and closes without reading the rest.
func hangUp(w http.ResponseWriter, text string) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

// codes is a log that keeps the codes of faults.
type codes struct {
	mu    sync.Mutex
	codes []string
}

func (c *codes) Enabled(context.Context, slog.Level) bool { return true }
func (c *codes) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *codes) WithGroup(string) slog.Handler            { return c }
func (c *codes) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "code" {
			c.codes = append(c.codes, a.Value.String())
		}
		return true
	})
	return nil
}

func (c *codes) list() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.codes)
}

// TestPackageIsTakenOnceWhateverHappensOnTheWay: each deed is done to the first
// SendEvents of a queue with three packages.
func TestPackageIsTakenOnceWhateverHappensOnTheWay(t *testing.T) {
	const events = 900
	read := func(r *http.Request, n int64) { _, _ = io.CopyN(io.Discard, r.Body, n) }
	for name, c := range map[string]struct {
		deed func(http.ResponseWriter, *http.Request) // nil: the package is taken, then the connection cut
		code string
	}{
		"cut before the package is read": {func(w http.ResponseWriter, _ *http.Request) { hangUp(w, "") }, uplink.CodeCut},
		"cut in the package":             {func(w http.ResponseWriter, r *http.Request) { read(r, 30_000); hangUp(w, "") }, uplink.CodeCut},
		"cut before the answer":          {func(w http.ResponseWriter, r *http.Request) { read(r, 1<<20); hangUp(w, "") }, uplink.CodeCut},
		"taken, cut before the answer":   {nil, uplink.CodeCut},
		"cut in the answer's header":     {func(w http.ResponseWriter, r *http.Request) { read(r, 1<<20); hangUp(w, "HTTP/1.1 200 OK\r\nConte") }, uplink.CodeBadAnswer},
		"cut in the answer's body": {func(w http.ResponseWriter, r *http.Request) {
			read(r, 1<<20)
			hangUp(w, "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 2\r\n\r\n\x08")
		}, uplink.CodeCut},
		"503 before the package is read": {func(w http.ResponseWriter, _ *http.Request) { hangUp(w, down) }, string(problem.LinkDown)},
		"503 in the package":             {func(w http.ResponseWriter, r *http.Request) { read(r, 30_000); hangUp(w, down) }, string(problem.LinkDown)},
		"503 after the package":          {func(w http.ResponseWriter, r *http.Request) { read(r, 1<<20); hangUp(w, down) }, string(problem.LinkDown)},
		"503 on a kept connection": {func(w http.ResponseWriter, r *http.Request) {
			read(r, 1<<20)
			problem.Write(w, &problem.Problem{Title: "No link", Status: 503, Code: problem.LinkDown, RetryAfter: time.Second})
		}, string(problem.LinkDown)},
		"half a 503": {func(w http.ResponseWriter, r *http.Request) { hangUp(w, down[:len(down)-20]) }, uplink.CodeCut},
		"a 200 that promises nothing": {func(w http.ResponseWriter, r *http.Request) {
			read(r, 1<<20)
			hangUp(w, "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 0\r\n\r\n")
		}, uplink.CodeBadAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := agenttest.Start(t)
			var deeds atomic.Int32
			n.Set(func(u *agenttest.Rules) {
				if c.deed == nil {
					u.SendThen = func(*agentv1.SendEventsRequest) error {
						if deeds.Add(1) == 1 {
							return http.ErrAbortHandler
						}
						return nil
					}
					return
				}
				u.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/SendEvents") && deeds.Add(1) == 1 {
						c.deed(w, r)
						return
					}
					n.Service.ServeHTTP(w, r)
				})
			})
			faults := new(codes)
			began := time.Now()
			r := start(t, uplink.Options{Servers: []string{n.Address}, Log: slog.New(faults)}, n.Pair.Fingerprint())
			for range 3 {
				r.send(t, events)
			}
			agenttest.Eventually(t, "delivery", func() bool { return r.q.Stats().Packages == 0 })
			if got := faults.list(); !slices.Equal(got, []string{c.code}) {
				t.Errorf("the faults were %v, want %s", got, c.code)
			}
			if c.code == string(problem.LinkDown) && time.Since(began) < time.Second {
				t.Error("asked again before Retry-After")
			}
			if got := n.Packages(); got != 3 {
				t.Errorf("%d packages were taken", got)
			}
			taken := n.Events()
			for id, times := range taken {
				if times != 3 { // send gives the same ids in each package
					t.Errorf("event %s was taken %d times", id, times)
				}
			}
			if dropped := r.q.Stats().Dropped; len(taken) != events || len(dropped) != 0 {
				t.Errorf("%d events were taken, dropped %v", len(taken), dropped)
			}
			if n.Requests(pki.Fingerprint{}) < 5 { // one Sync, three packages, one of them twice
				t.Error("no package was sent again")
			}
		})
	}
}
