package proxy_test

import (
	"context"
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

// floods counts what callers that are refused get rid of in a while, or until ctx
// ends, and by how many connections: each sends a request and as much behind it
// as is taken, then comes again.
func (r *rig) floods(ctx context.Context, callers int, while time.Duration) (written, conns int64) {
	var all sync.WaitGroup
	var total, tries atomic.Int64
	end := time.Now().Add(while)
	config := r.config(nil)
	chunk := []byte(strings.Repeat("x", 16<<10))
	for range callers {
		all.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				raw, err := net.Dial("tcp", r.Address().String())
				if err != nil {
					continue
				}
				tries.Add(1)
				_ = raw.(*net.TCPConn).SetWriteBuffer(16 << 10)
				_ = raw.SetDeadline(end)
				done := context.AfterFunc(ctx, func() { _ = raw.Close() })
				c := tls.Client(raw, config)
				_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
				for err == nil {
					var n int
					n, err = c.Write(chunk)
					total.Add(int64(n))
				}
				done()
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
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var written, conns int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		written, conns = r.floods(ctx, callers, life)
	}()
	eventually(t, "somebody is held back", func() bool { return r.Counts().Held })
	<-time.After(while)
	enough()
	<-done
	read := int64(r.Counts().IngressBytes)
	paid := int64(time.Since(start).Seconds()*limit/8) + limit/8/20
	if read == 0 || read > paid+conns*(8<<10) { // what was read and waits for its grant
		t.Errorf("%d bytes were read, %d were granted at most", read, paid)
	}
	if most := paid + conns*(512<<10); written > most {
		t.Errorf("%d connections got rid of %d bytes, more than %d", conns, written, most)
	}
	t.Logf("%d connections, %d bytes written, %d read, %d granted at most", conns, written, read, paid)
}

// TestRefusedCallersTogetherHaveOneShare compares bytes and not times: a busy
// machine makes all of it slower. The agent has connections enough for one to be
// waiting for its turn at any time.
func TestRefusedCallersTogetherHaveOneShare(t *testing.T) {
	const (
		callers = 16
		conns   = 4
		size    = 75 << 10 // of each
	)
	listed := pkitest.Agent(t, "listed")
	r := open(t, options{ingress: 4_000_000, times: proxy.Times{Linger: time.Second}}, echo)
	r.Apply(listing(1, true, []*pki.Pair{listed}, nil))
	var agent [conns]*caller
	for i := range agent {
		agent[i] = r.call(listed)
		agent[i].says(t, "hello")
	}
	ctx, enough := context.WithCancel(t.Context())
	var all, own sync.WaitGroup
	all.Go(func() { r.floods(ctx, callers, life) })
	defer func() { enough(); all.Wait() }()
	eventually(t, "the limit holds", func() bool { return r.Counts().Held })
	before := r.Counts().IngressBytes
	word := strings.Repeat("x", size)
	for _, c := range agent {
		all.Go(func() { _, _ = io.WriteString(c, word) })
		own.Go(func() {
			if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
				t.Error(err)
			}
		})
	}
	own.Wait()
	brought := r.Counts().IngressBytes - before
	// Half of it, and a fifth if each connection had a share.
	share := float64(conns*size) / float64(brought)
	t.Logf("%.2f of %d bytes", share, brought)
	if share < 1.0/3 {
		t.Errorf("an agent had %.2f of %d bytes beside callers that are refused", share, brought)
	}
}
