package uplink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/internal/acts"
	"vedette/internal/machine"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/sensor/uplink/uplinktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// quick makes waits short enough for tests.
var quick = timings{
	dial: 5 * time.Second, authorise: 5 * time.Second, policy: 5 * time.Second, drain: 5 * time.Second, gone: 200 * time.Millisecond, report: 20 * time.Millisecond,
	link: backoff{5 * time.Millisecond, 50 * time.Millisecond}, lane: backoff{5 * time.Millisecond, 50 * time.Millisecond},
	slow: 20 * time.Millisecond, distant: 100 * time.Millisecond, carried: 10 * time.Second, lived: time.Second,
}

var (
	here  = machine.Digest{1}
	there = machine.Digest{2}
)

// lines is a log that a test can read.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func logger(l *lines) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// rig is a running uplink.
type rig struct {
	*Uplink
	t         *testing.T
	identity  *pki.Pair
	log       *lines
	announced chan [2]pki.Fingerprint
	stop      func()

	mu    sync.Mutex
	apply func(*controlv1.Policy) int
}

type options struct {
	identity *pki.Pair
	unsafe   bool
	times    timings
	lookup   lookup
	quality  func(time.Time) (*controlv1.Quality, time.Time)
}

// run starts an uplink that is stopped with the test.
func run(t *testing.T, target Target, o options) *rig {
	t.Helper()
	if o.identity == nil {
		o.identity = pkitest.Agent(t, "sensor")
	}
	if o.times == (timings{}) {
		o.times = quick
	}
	r := &rig{t: t, identity: o.identity, log: &lines{}, announced: make(chan [2]pki.Fingerprint, 16)}
	r.Uplink = newUplink(Config{
		Identity: o.identity,
		Introduce: func() Introduction {
			return Introduction{Name: "branch", Version: "1.2", Addresses: []string{"192.0.2.7"}, ServerCertificate: pki.Fingerprint{9}}
		},
		Server: here, UnsafeSameServer: o.unsafe,
		Apply: func(p *controlv1.Policy) int {
			r.mu.Lock()
			apply := r.apply
			r.mu.Unlock()
			if apply == nil {
				return 0
			}
			return apply(p)
		},
		Report: func() *controlv1.Report { return &controlv1.Report{Agents: 3} },
		Quality: func(since time.Time) (*controlv1.Quality, time.Time) {
			if o.quality != nil {
				return o.quality(since)
			}
			return &controlv1.Quality{}, since
		},
		Announce: func(_ context.Context, pin, next pki.Fingerprint) error {
			r.announced <- [2]pki.Fingerprint{pin, next}
			return nil
		},
		Logger: logger(r.log), Now: time.Now,
	}, target, o.times)
	if o.lookup != nil {
		r.Uplink.lookup = o.lookup
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *rig) onApply(f func(*controlv1.Policy) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apply = f
}

// until waits for a state that fits.
func (r *rig) until(what string, fits func(State) bool) State {
	r.t.Helper()
	for deadline := time.After(patience); ; {
		changed := r.Changed()
		s := r.State()
		if fits(s) {
			return s
		}
		select {
		case <-changed:
		case <-deadline:
			r.t.Fatalf("waited for %s, the state is %+v\n%s", what, s, r.log)
		}
	}
}

func (r *rig) await(want acts.LinkState) State {
	r.t.Helper()
	return r.until(string(want), func(s State) bool { return s.Link == want })
}

// awaitDetail waits for a state with some words in its detail.
func (r *rig) awaitDetail(want acts.LinkState, words string) State {
	r.t.Helper()
	return r.until(string(want)+" with "+words, func(s State) bool { return s.Link == want && strings.Contains(s.Detail, words) })
}

// awaitLanes waits until as many lanes live.
func (r *rig) awaitLanes(n int) Look {
	r.t.Helper()
	var look Look
	poll(r.t, func() bool { look = r.Look(); return len(look.Lanes) == n })
	return look
}

// poll waits until ok is true.
func poll(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}

var meta = link.Meta{Address: netip.MustParseAddrPort("192.0.2.1:1234"), ALPN: "http/1.1"}

// ask sends a message on a new stream and wants it back.
func (r *rig) ask() {
	r.t.Helper()
	stream, err := r.Open(r.t.Context(), meta)
	if err != nil {
		r.t.Fatalf("open: %v", err)
	}
	if err := exchange(stream, []byte("over the link")); err != nil {
		r.t.Fatal(err)
	}
}

func exchange(stream *link.Stream, message []byte) error {
	if err := stream.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := stream.Write(message); err != nil {
		return err
	}
	if err := stream.CloseWrite(); err != nil {
		return err
	}
	back, err := io.ReadAll(stream)
	if err == nil && !bytes.Equal(back, message) {
		err = errors.New("other bytes came back")
	}
	return errors.Join(err, stream.Close())
}

func target(n *uplinktest.CentralNode, p *pki.Pair) Target {
	return Target{Address: n.Addr(), Pin: p.Fingerprint(), Request: [16]byte{1}}
}

// says makes an answer of authorisation states.
func says(states ...controlv1.Authorisation_State) func(*uplinktest.Sensor) {
	return func(s *uplinktest.Sensor) {
		for _, state := range states {
			s.Authorise(state)
		}
	}
}

const (
	pending  = controlv1.Authorisation_STATE_PENDING
	accepted = controlv1.Authorisation_STATE_ACCEPTED
	rejected = controlv1.Authorisation_STATE_REJECTED
	same     = controlv1.Authorisation_STATE_SAME_SERVER
)

var policy = &controlv1.Policy{StoreID: "store", Revision: 1}
