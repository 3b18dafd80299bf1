package quality

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/reflector"
	"vedette/internal/acts"
)

const patience = 20 * time.Second

// reflecting runs the Central Node's reflector on loopback.
func reflecting(t *testing.T) *reflector.Reflector {
	t.Helper()
	r, err := reflector.New(reflector.Config{
		Address: "127.0.0.1:0", Unauthenticated: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return r
}

// poll waits until ok is true.
func poll(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

// TestTheRealReflectorIsMeasuredByUDP goes over real sockets: authenticated,
// to a port where nobody listens, back, and without authentication by name.
func TestTheRealReflectorIsMeasuredByUDP(t *testing.T) {
	r := reflecting(t)
	var path atomic.Pointer[Path]
	authenticated := func() *Path {
		session, key, port := r.Add(netip.MustParseAddr("127.0.0.1"))
		if session == 0 || port != r.Address().Port() {
			t.Fatalf("session %d, port %d", session, port)
		}
		return &Path{Local: netip.MustParseAddr("127.0.0.1"), Reflector: r.Address().String(), Authenticated: true, Session: session, Key: key}
	}
	path.Store(authenticated())
	var asked atomic.Int64
	w := New(t.Context(), Config{
		Path:  func() (Path, string) { asked.Add(1); return *path.Load(), "" },
		Lanes: func() []Lane { return nil }, Ingress: func() Ingress { return Ingress{} },
		Copies: func() (copying bool, copied, sent uint64) { return false, 0, 0 }, IngressLimit: 1e9,
		Store: &memory{}, Changed: func(acts.Judged, acts.Verdict) {}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	grows := func(by uint64) {
		t.Helper()
		before := w.PacketTotals()
		poll(t, func() bool { return w.PacketTotals().Sent >= before.Sent+by })
		if after := w.PacketTotals(); after.Lost != before.Lost {
			t.Errorf("lost %d on loopback", after.Lost-before.Lost)
		}
	}
	grows(40)
	if f := w.Look().Windows[0]; f.RoundTripP50 <= 0 || f.RoundTripP50 > 5*time.Millisecond || f.RoundTripP99 < f.RoundTripP50 {
		t.Errorf("loopback takes %+v", f.Figures)
	}
	if d := w.RoundTrip(time.Now().Add(-3*time.Second), time.Now()); d <= 0 || d > 5*time.Millisecond {
		t.Errorf("median %v", d)
	}

	nobody := *path.Load()
	nobody.Reflector = "127.0.0.1:9" // the kernel says that nobody listens
	path.Store(&nobody)
	enough := asked.Load() + 10
	poll(t, func() bool { return asked.Load() >= enough })
	path.Store(authenticated())
	grows(20)

	path.Store(&Path{Reflector: fmt.Sprint("localhost:", r.Address().Port())})
	grows(20)
}
