package e2e

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay stands between a Sensor and its Central Node, as a line does: it can
// cut one lane or all, and it can swallow what passes.
type relay struct {
	t        testing.TB
	listener net.Listener
	to       string

	mu    sync.Mutex
	pairs map[*pair]bool
	cuts  int

	dark   atomic.Bool  // swallow everything
	passed atomic.Int64 // bytes to the Central Node
	open   sync.WaitGroup
}

type pair struct{ near, far net.Conn }

func (p *pair) cut() {
	for _, c := range []net.Conn{p.near, p.far} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

// newRelay runs until the test ends.
func newRelay(t testing.TB, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, listener: listener, to: to, pairs: make(map[*pair]bool)}
	r.open.Go(r.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		r.cutAll()
		r.open.Wait()
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		p := &pair{near, far}
		r.mu.Lock()
		r.pairs[p] = true
		r.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { r.copy(far, near, &r.passed) })
		both.Go(func() { r.copy(near, far, nil) })
		r.open.Go(func() {
			both.Wait()
			p.cut()
			r.mu.Lock()
			delete(r.pairs, p)
			r.mu.Unlock()
		})
	}
}

func (r *relay) copy(to, from net.Conn, count *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !r.dark.Load() {
			if count != nil {
				count.Add(int64(n))
			}
			if _, err := to.Write(buf[:n]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			if tcp, ok := to.(*net.TCPConn); ok && err == io.EOF {
				_ = tcp.CloseWrite()
			} else {
				_ = to.Close()
			}
			return
		}
	}
}

// cutOne resets a lane at random, if there is one.
func (r *relay) cutOne(random *rand.Rand) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pairs) == 0 {
		return
	}
	n := random.IntN(len(r.pairs))
	for p := range r.pairs {
		if n == 0 {
			p.cut()
			r.cuts++
			return
		}
		n--
	}
}

// cutAll resets every lane.
func (r *relay) cutAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.cut()
	}
}

func (r *relay) lanes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs)
}
