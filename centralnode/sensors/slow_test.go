package sensors_test

import (
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	controlv1 "vedette/proto/control/v1"
)

// slowLine relays TCP connections to an address. What comes back goes at so
// many bytes a second, and is counted; little of it is held on the way.
func slowLine(t *testing.T, to string, rate int) (address string, back *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back = new(atomic.Int64)
	var running sync.WaitGroup
	ended := make(chan struct{})
	t.Cleanup(func() {
		close(ended)
		_ = listener.Close()
		running.Wait()
	})
	carry := func(from, into net.Conn, wait time.Duration, piece int) {
		defer from.Close()
		defer into.Close()
		tick := time.NewTicker(max(wait, 1))
		defer tick.Stop()
		b := make([]byte, piece)
		for {
			n, err := from.Read(b)
			if wait > 0 {
				back.Add(int64(n))
			}
			if _, failed := into.Write(b[:n]); err != nil || failed != nil {
				return
			}
			if wait > 0 {
				select {
				case <-tick.C:
				case <-ended:
					return
				}
			}
		}
	}
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			running.Go(func() { carry(near, far, 0, 32<<10) })
			running.Go(func() { carry(far, near, 20*time.Millisecond, rate/50) })
		}
	})
	return listener.Addr().String(), back
}

// TestLongPolicyOnASlowLineCutsNobody has a line on which the policy takes
// longer than an act waits.
func TestLongPolicyOnASlowLineCutsNobody(t *testing.T) {
	t.Parallel()
	const rate = 48_000 // bytes a second; the policy has 10,000 fingerprints of 32 bytes
	w := start(t, func(c *centralnode.Config) { manyWithdrawn(t, c) })
	gone, stays := w.generate("gone"), w.generate("stays")
	w.validation(true)
	s := w.joined("branch")
	s.Close()
	address, back := slowLine(t, s.Address, rate)
	s.Address = address
	began := time.Now()
	w.connect(s)
	s.AwaitState(accepted)
	s.AwaitPolicy(0)
	// It takes as long as the machine lets it. It goes over the line once.
	if took, sent := time.Since(began), back.Load(); took < 6*time.Second || sent > 15*rate {
		t.Errorf("from cold start the policy took %s and %d bytes", took, sent)
	}
	first := s.Link()
	kept := behind(s, stays, 1)
	if err := kept.send(t.Context()); err != nil {
		t.Fatal(err)
	}
	stream, err := s.Open(gone.Leaf().Raw)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both streams are known", func() bool { return w.row(s).Agents == 2 })
	before := len(w.events())
	done := w.delete(gone)
	if done.Cut != 1 || !slices.ContainsFunc(done.Late, func(name string) bool { return strings.HasPrefix(name, "branch (") }) {
		t.Errorf("%+v", done)
	}
	eventually(t, "the table says so", func() bool { return strings.Contains(w.row(s).Problem, "has not taken the policy in force yet") })
	s.AwaitPolicy(done.Revision)
	resetBy(t, stream, controlv1.CodeWithdrawn)
	if err := kept.send(t.Context()); err != nil || len(w.events()) != before+1 {
		t.Errorf("with the other certificate: %v", err)
	}
	eventually(t, "the problem is gone", func() bool { return !strings.Contains(w.row(s).Problem, "policy") })
	if first.Err() != nil {
		t.Errorf("the link ended: %v", first.Err())
	}
}
