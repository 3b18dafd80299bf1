package link

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// exchange sends n random streams' bytes both ways, over both kinds of reading and writing, and compares the hashes.
func exchange(t *testing.T, r *rig, n, most int, after func(done int)) {
	t.Helper()
	var served sync.WaitGroup
	served.Add(n)
	go func() {
		for range n {
			s, err := r.accept.Accept(context.Background())
			if err != nil {
				t.Error(err)
				served.Done()
				continue
			}
			go func() {
				defer served.Done()
				serveSums(t, s)
			}()
		}
	}()
	var wg sync.WaitGroup
	var done atomic.Int64
	room := make(chan struct{}, 200)
	for i := range n {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			askSums(t, r, uint64(i), most)
			if after != nil {
				after(int(done.Add(1)))
			}
		})
	}
	wg.Wait()
	served.Wait()
}

// serveSums reads everything, then sends it back with its hash before it.
func serveSums(t *testing.T, s *Stream) {
	var got bytes.Buffer
	if _, err := s.WriteTo(&got); err != nil {
		t.Errorf("serve %d: %v", s.ID(), err)
		return
	}
	sum := sha256.Sum256(got.Bytes())
	if _, err := s.Write(append(sum[:], got.Bytes()...)); err != nil {
		t.Errorf("serve %d: %v", s.ID(), err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Errorf("serve %d: %v", s.ID(), err)
	}
}

func askSums(t *testing.T, r *rig, i uint64, most int) {
	rng := rand.New(rand.NewPCG(i, 3))
	p := make([]byte, rng.IntN(most))
	for j := range p {
		p[j] = byte(rng.Uint32())
	}
	s, err := r.dial.Open(context.Background(), Meta{ALPN: fmt.Sprint(i), Leaf: p[:min(len(p), 800)]})
	if err != nil {
		t.Errorf("open: %v", err)
		return
	}
	if i%2 == 0 {
		_, err = s.ReadFrom(bytes.NewReader(p))
	} else {
		_, err = s.Write(p)
	}
	if err = errors.Join(err, s.CloseWrite()); err != nil {
		t.Errorf("ask %d: %v", s.ID(), err)
		return
	}
	got, err := io.ReadAll(s)
	want := sha256.Sum256(p)
	if err != nil || !bytes.Equal(got, append(want[:], p...)) {
		t.Errorf("ask %d: %d bytes of %d, %v", s.ID(), len(got), len(p)+32, err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestThousandStreamsArriveWhole(t *testing.T) {
	for name, connect := range map[string]transport{"pipe": overPipe, "tcp": overTCP, "tls": overTLS(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, connect, Config{}, Small, Small, Bulk, Bulk)
			exchange(t, r, 1000, 40_000, nil)
			eventually(t, "no stream, nothing retained", func() bool {
				a, b := r.dial.Stats(), r.accept.Stats()
				return a.Streams+b.Streams+a.Retained+b.Retained == 0
			})
		})
	}
}

func TestLanesDieUnderLoadAndNoByteChanges(t *testing.T) {
	r := newRig(t, overTLS(t), Config{}, Small, Small, Bulk, Bulk)
	var killing sync.Mutex
	killed := 0
	exchange(t, r, 600, 200_000, func(done int) {
		if done%15 != 0 || !killing.TryLock() {
			return
		}
		defer killing.Unlock()
		r.mu.Lock()
		victim := r.lanes[0]
		r.lanes = r.lanes[1:]
		r.mu.Unlock()
		if done%2 == 0 {
			kill(victim.conn)
		} else {
			victim.fail(io.ErrUnexpectedEOF)
		}
		killed++
		if err := r.add(victim.Class()); err != nil {
			t.Errorf("new lane: %v", err)
		}
	})
	if killed < 10 {
		t.Errorf("only %d lanes were killed", killed)
	}
}

func TestDrainedLaneLosesNothingAndIsNoFault(t *testing.T) {
	r := newRig(t, overTLS(t), Config{}, Small, Bulk, Bulk)
	exchange(t, r, 200, 100_000, func(done int) {
		if done == 60 {
			r.lanes[1].Drain()
		}
		if done == 100 {
			r.lanes[0].Drain()
		}
	})
	for _, lane := range r.lanes[:2] {
		<-lane.Done()
		if err := lane.Err(); err != nil {
			t.Errorf("drained lane: %v", err)
		}
	}
	if r.dial.Err() != nil || r.dial.Stats().Lanes != 1 {
		t.Errorf("link: %v, %+v", r.dial.Err(), r.dial.Stats())
	}
}

func TestOneStalledStreamStopsNobodyElse(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small, Small, Bulk, Bulk)
	stalled, unread := r.open(Meta{})
	stuck := make(chan error, 1)
	go func() {
		_, err := stalled.Write(make([]byte, 64<<20))
		stuck <- err
	}()
	eventually(t, "the stalled stream has used its credit", func() bool {
		r.dial.mu.Lock()
		defer r.dial.mu.Unlock()
		return stalled.s.out.sent == 32<<10
	})
	exchange(t, r, 999, 20_000, nil)
	select {
	case err := <-stuck:
		t.Fatalf("the stalled stream ended: %v", err)
	default:
	}
	stalled.Reset(CodeCancel, "enough")
	if err := <-stuck; err == nil {
		t.Error("write on a reset stream succeeded")
	}
	var e *ResetError
	if _, err := io.ReadAll(unread); !errors.As(err, &e) || !e.Remote || e.Code != CodeCancel || e.Reason != "enough" {
		t.Errorf("read: %v", err)
	}
}

func TestCutStreamNeverLooksComplete(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small)
	a, b := r.open(Meta{})
	if _, err := a.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	kill(r.lanes[0].conn)
	if _, err := b.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("reader of a link that died: %v", err)
	}
	var e *Error
	if <-r.dial.Done(); !errors.As(r.dial.Err(), &e) || e.Code != CodeLost {
		t.Errorf("link: %v", r.dial.Err())
	}
	if _, err := a.Write([]byte("x")); !errors.As(err, &e) {
		t.Errorf("writer: %v", err)
	}
}

func TestMetadataAndAddressArrive(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small)
	want := Meta{Address: netip.MustParseAddrPort("192.0.2.9:443"), TLSVersion: 0x304, ALPN: "http/1.1", Leaf: bytes.Repeat([]byte{5}, maxLeaf)}
	_, b := r.open(want)
	got := b.Meta()
	if got.Address != want.Address || got.TLSVersion != want.TLSVersion || got.ALPN != want.ALPN || !bytes.Equal(got.Leaf, want.Leaf) {
		t.Errorf("got %+v", got)
	}
	if b.RemoteAddr().String() != "192.0.2.9:443" {
		t.Errorf("address %v", b.RemoteAddr())
	}
	if _, err := r.dial.Open(context.Background(), Meta{Leaf: make([]byte, maxLeaf+1)}); !errors.Is(err, ErrMetaTooLarge) {
		t.Errorf("a leaf over 8 KiB: %v", err)
	}
}

func TestMissedDeadlineHarmsNeitherStreamNorLane(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small)
	a, b := r.open(Meta{})
	_ = a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	type result struct {
		n   int
		err error
	}
	wrote := make(chan result, 1)
	go func() {
		n, err := a.Write(make([]byte, 1<<20))
		wrote <- result{n, err}
	}()
	eventually(t, "all the credit is used", func() bool {
		r.dial.mu.Lock()
		defer r.dial.mu.Unlock()
		return a.s.out.written == 32<<10
	})
	_ = a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	write := <-wrote
	if !errors.Is(write.err, os.ErrDeadlineExceeded) || write.n != 32<<10 {
		t.Errorf("write: %d, %v", write.n, write.err)
	}
	_ = a.SetDeadline(time.Time{})
	go func() {
		_, _ = io.CopyN(io.Discard, b, int64(write.n))
		_, _ = b.Write([]byte("still here"))
		_ = b.CloseWrite()
	}()
	if got, err := io.ReadAll(a); err != nil || string(got) != "still here" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestControlMessagesKeepTheirOrderWhileLanesDie(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small, Small)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	go func() {
		for i := range 300 {
			if err := r.dial.Send(ctx, append([]byte{byte(i)}, make([]byte, (i*997)%maxMessage)...)); err != nil {
				t.Error(err)
			}
		}
	}()
	for i := range 300 {
		m, err := r.accept.Receive(ctx)
		if err != nil || m[0] != byte(i) || len(m) != (i*997)%maxMessage+1 {
			t.Fatalf("message %d: %d bytes, %v", i, len(m), err)
		}
		if i%40 == 20 {
			kill(r.lanes[0].conn)
			r.lanes = r.lanes[1:]
			if err := r.add(Small); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.dial.Send(ctx, make([]byte, maxMessage+1)); !errors.Is(err, ErrMessageTooLarge) {
		t.Errorf("a message over 64 KiB: %v", err)
	}
}

func TestMessageBeforeTheEndIsHeard(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small)
	for _, m := range []string{"goodbye", "indeed"} {
		if err := r.dial.Send(t.Context(), []byte(m)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.accept.Send(t.Context(), []byte("too late")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all messages are acknowledged", func() bool {
		return r.dial.Stats().Unheard == 0 && r.accept.Stats().Unheard == 0
	})
	r.dial.Close(CodeShutdown, "")
	<-r.accept.Done()
	for _, want := range []string{"goodbye", "indeed"} {
		if m, err := r.accept.Receive(t.Context()); err != nil || string(m) != want {
			t.Errorf("%q, %v, want %q", m, err, want)
		}
	}
	var ended *Error
	if m, err := r.accept.Receive(t.Context()); !errors.As(err, &ended) || ended.Code != CodeShutdown || !ended.Remote {
		t.Errorf("%q, %v after the last message", m, err)
	}
	if m, err := r.dial.Receive(t.Context()); !errors.As(err, &ended) || ended.Remote {
		t.Errorf("who ended the link heard %q, %v", m, err)
	}
}

// listener feeds an HTTP server with streams.
type listener struct{ l *Link }

func (n listener) Accept() (net.Conn, error) { return n.l.Accept(context.Background()) }
func (n listener) Close() error              { return nil }
func (n listener) Addr() net.Addr            { return addr("link") }

func TestHTTPServerServesStreams(t *testing.T) {
	r := newRig(t, overTLS(t), Config{}, Small, Bulk)
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		_, _ = w.Write(body)
	})}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(listener{r.accept}) }()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return r.dial.Open(ctx, Meta{}) }}
	for i := range 50 {
		body := strings.Repeat("x", i*1000)
		res, err := (&http.Client{Transport: tr}).Post("http://central-node/", "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(got) != body {
			t.Fatalf("%d bytes of %d, %v", len(got), len(body), err)
		}
	}
	eventually(t, "the server's streams have closed", func() bool {
		tr.CloseIdleConnections() // the last connection becomes idle a little later than its answer is read
		return r.accept.Stats().Streams == 0
	})
	r.dial.Close(CodeShutdown, "")
	<-served
	_ = srv.Close()
}
