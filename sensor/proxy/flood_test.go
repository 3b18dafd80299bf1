package proxy_test

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/sensor/proxy"
)

// floods counts what callers that are refused get rid of in a while, and by how
// many connections: each sends a request and as much behind it as is taken, then
// comes again.
func (r *rig) floods(callers int, while time.Duration) (written, conns int64) {
	var all sync.WaitGroup
	var total, tries atomic.Int64
	end := time.Now().Add(while)
	config := r.config(nil)
	chunk := []byte(strings.Repeat("x", 16<<10))
	for range callers {
		all.Go(func() {
			for time.Now().Before(end) {
				raw, err := net.Dial("tcp", r.Address().String())
				if err != nil {
					continue
				}
				tries.Add(1)
				_ = raw.(*net.TCPConn).SetWriteBuffer(16 << 10)
				_ = raw.SetDeadline(end)
				c := tls.Client(raw, config)
				_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
				for err == nil {
					var n int
					n, err = c.Write(chunk)
					total.Add(int64(n))
				}
				_ = raw.Close()
			}
		})
	}
	all.Wait()
	return total.Load(), tries.Load()
}

// TestRefusedCallersPayForWhatTheySend allows for what the kernel takes before
// anybody reads: less than 512 KiB for each connection.
func TestRefusedCallersPayForWhatTheySend(t *testing.T) {
	const (
		limit   = 1_000_000 // bit/s
		callers = 8
		while   = time.Second
	)
	r := open(t, options{ingress: limit, times: proxy.Times{Linger: time.Second}}, echo)
	r.Apply(listing(1, true, nil, nil))
	start := time.Now()
	written, conns := r.floods(callers, while)
	read := int64(r.Counts().IngressBytes)
	paid := int64(time.Since(start).Seconds()*limit/8) + limit/8/20
	if read == 0 || read > paid+conns*(8<<10) { // what was read and waits for its grant
		t.Errorf("%d bytes were read, %d were granted at most", read, paid)
	}
	if most := paid + conns*(512<<10); written > most {
		t.Errorf("%d connections got rid of %d bytes, more than %d", conns, written, most)
	}
	if !r.Counts().Held {
		t.Error("nobody was held back")
	}
	t.Logf("%d connections, %d bytes written, %d read, %d granted at most", conns, written, read, paid)
}

func TestRefusedCallersTogetherHaveOneShare(t *testing.T) {
	listed := pkitest.Agent(t, "listed")
	r := open(t, options{ingress: 4_000_000, times: proxy.Times{Linger: time.Second}}, echo)
	r.Apply(listing(1, true, []*pki.Pair{listed}, nil))
	c := r.call(listed)
	c.says(t, "hello")
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.floods(16, 3*time.Second)
	}()
	eventually(t, "the limit holds", func() bool { return r.Counts().Held })
	const size = 300 << 10 // 1.2 s of half the limit, 10 s of a part in 17
	start := time.Now()
	word := strings.Repeat("x", size)
	go func() { _, _ = io.WriteString(c, word) }()
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 2500*time.Millisecond {
		t.Errorf("%d bytes took %v beside callers that are refused", size, d)
	}
	<-done
}
