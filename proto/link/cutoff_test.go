package link

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"sync"
	"testing"
)

// cutoffs is at how many offsets a link is cut in one run.
const cutoffs = 2000

// limited is a connection that breaks after some bytes were written to it.
type limited struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.Conn.Write(p[:min(len(p), l.left)])
	if l.left -= n; l.left == 0 {
		_ = l.Conn.Close()
		return n, io.ErrClosedPipe
	}
	return n, err
}

// TestLinkCutAtAnyOffsetNeverGivesAPartForTheWhole cuts the only lane after any
// number of bytes of an upload. The receiver has it whole, or hears an error.
func TestLinkCutAtAnyOffsetNeverGivesAPartForTheWhole(t *testing.T) {
	upload := make([]byte, 64<<10)
	_, _ = rand.Read(upload) // never fails
	seed := mrand.Uint64()
	t.Logf("seed %d", seed)
	random := mrand.New(mrand.NewPCG(seed, 1))
	whole := 0
	for range cutoffs {
		// Up to a little more than all of it: frames, and the handshake, come on top.
		cut := 1 + random.IntN(len(upload)+600)
		got, err := receive(t, upload, cut)
		switch {
		case err != nil:
		case bytes.Equal(got, upload):
			whole++
		default:
			t.Fatalf("cut after %d bytes: %d bytes came, and no error", cut, len(got))
		}
	}
	if whole == 0 || whole == cutoffs {
		t.Errorf("%d of %d came whole: that proves nothing", whole, cutoffs)
	}
}

// receive sends an upload over a lane that is cut, and returns what the other
// end reads.
func receive(t *testing.T, upload []byte, cut int) ([]byte, error) {
	t.Helper()
	r := &rig{t: t, dial: NewDialing(Config{}), acceptor: NewAccepting(Config{}, nil), connect: func(t testing.TB) (net.Conn, net.Conn) {
		c, s := overTCP(t)
		return &limited{Conn: c, left: cut}, s
	}}
	defer func() {
		r.dial.Close(CodeShutdown, "")
		r.acceptor.Close(CodeShutdown, "")
	}()
	if err := r.add(Bulk); err != nil {
		return nil, fmt.Errorf("cut in the handshake: %w", err)
	}
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() {
		s, err := r.dial.Open(t.Context(), Meta{})
		if err != nil {
			return
		}
		if _, err := s.ReadFrom(bytes.NewReader(upload)); err == nil {
			_ = s.CloseWrite() // the other end tells what came of it
		}
	})
	s, err := r.accept.Accept(t.Context())
	if err != nil {
		return nil, err
	}
	return io.ReadAll(s)
}
