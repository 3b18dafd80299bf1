package socket_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"vedette/internal/socket"
)

// pair returns both ends of a TCP connection, the first one Quick.
func pair(t testing.TB) (quick *socket.Conn, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); other.Close() })
	quick, ok := socket.Quick(near).(*socket.Conn)
	if !ok {
		t.Fatal("a TCP connection is not wrapped")
	}
	return quick, other.(*net.TCPConn)
}

func TestEveryByteArrivesInBothDirections(t *testing.T) {
	quick, far := pair(t)
	const size = 20 << 20
	var all sync.WaitGroup
	for _, way := range []struct{ from, to net.Conn }{{quick, far}, {far, quick}} {
		sent, got := sha256.New(), sha256.New()
		var writing sync.WaitGroup
		writing.Go(func() {
			random := rand.New(rand.NewPCG(1, 2))
			p := make([]byte, 300<<10)
			for left := size; left > 0; {
				n := min(left, 1+random.IntN(len(p)))
				for i := range p[:n] {
					p[i] = byte(random.Uint32())
				}
				if m, err := way.from.Write(p[:n]); m != n || err != nil {
					t.Errorf("wrote %d of %d: %v", m, n, err)
					return
				}
				sent.Write(p[:n])
				left -= n
			}
		})
		all.Go(func() {
			p := make([]byte, 70<<10)
			for left := size; left > 0; {
				n, err := way.to.Read(p[:min(left, len(p))])
				if err != nil || n == 0 {
					t.Errorf("read %d: %v", n, err)
					return
				}
				got.Write(p[:n])
				left -= n
			}
			writing.Wait()
			if !bytes.Equal(sent.Sum(nil), got.Sum(nil)) {
				t.Error("other bytes arrived")
			}
		})
	}
	all.Wait()
}

func TestTheEndIsEOFAndNothingIsNothing(t *testing.T) {
	quick, far := pair(t)
	if n, err := quick.Read(nil); n != 0 || err != nil {
		t.Fatalf("an empty read: %d, %v", n, err)
	}
	if n, err := quick.Write(nil); n != 0 || err != nil {
		t.Fatalf("an empty write: %d, %v", n, err)
	}
	if _, err := far.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	far.CloseWrite()
	if all, err := io.ReadAll(quick); string(all) != "last" || err != nil {
		t.Fatalf("%q, %v", all, err)
	}
	if n, err := quick.Read(make([]byte, 1)); n != 0 || err != io.EOF { // callers compare
		t.Fatalf("%d, %v", n, err)
	}
}

func TestDeadlinesAndClosingEndAWait(t *testing.T) {
	quick, far := pair(t)
	if err := quick.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, err := quick.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("late: %v", err)
	}
	if err := quick.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	type written struct {
		n   int
		err error
	}
	const much = 64 << 20 // more than the sockets hold
	wrote := make(chan written)
	go func() {
		n, err := quick.Write(make([]byte, much))
		wrote <- written{n, err}
	}()
	if _, err := far.Read(make([]byte, 1)); err != nil { // the write has begun, however busy the machine is
		t.Fatal(err)
	}
	if err := quick.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if w := <-wrote; !errors.Is(w.err, os.ErrDeadlineExceeded) || w.n <= 0 || w.n >= much {
		t.Fatalf("wrote %d: %v", w.n, w.err)
	}
	if err := quick.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	waits := make(chan error)
	go func() {
		_, err := quick.Read(make([]byte, 1))
		waits <- err
	}()
	quick.Close()
	if err := <-waits; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("closed: %v", err)
	}
	if _, err := quick.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("after the close: %v", err)
	}
}

func TestErrorsAreWordedAsThoseOfTheNetPackage(t *testing.T) {
	quick, far := pair(t)
	far.SetLinger(0)
	far.Close()
	_, err := quick.Read(make([]byte, 1))
	var op *net.OpError
	if !errors.Is(err, syscall.ECONNRESET) || !errors.As(err, &op) || op.Op != "read" || op.Net != "tcp" {
		t.Fatalf("read: %v", err)
	}
	_, err = quick.Write([]byte("x"))
	if !errors.Is(err, syscall.EPIPE) || !errors.As(err, &op) || op.Op != "write" {
		t.Fatalf("write: %v", err)
	}
	if err := quick.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err = quick.Read(make([]byte, 1)); !errors.As(err, &op) || op.Op != "read" || !errors.Is(err, net.ErrClosed) {
		t.Fatalf("closed: %v", err)
	}
}

func TestOnlyTCPIsWrapped(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if got := socket.Quick(a); got != a {
		t.Fatalf("a pipe became %T", got)
	}
}

func TestReadableSeesBytesAndTheEnd(t *testing.T) {
	quick, far := pair(t)
	raw, err := quick.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	look := func() (is bool) {
		if err := raw.Control(func(fd uintptr) { is = socket.Readable(fd) }); err != nil {
			t.Fatal(err)
		}
		return is
	}
	if look() {
		t.Fatal("readable without a byte")
	}
	if _, err := far.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := raw.Read(socket.Readable); err != nil || !look() {
		t.Fatalf("not readable with a byte: %v", err)
	}
	if _, err := io.ReadFull(quick, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if look() {
		t.Fatal("readable after its bytes were read")
	}
	far.Close()
	if err := raw.Read(socket.Readable); err != nil || !look() {
		t.Fatalf("the end is not readable: %v", err)
	}
}
