package quality

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/internal/acts"
	"vedette/proto/stamp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fate is what the network did with a packet.
type fate byte

const (
	arrived fate = iota
	lostTo
	lostFrom
)

// network is a way to a reflector and back that loses and delays. Time passes
// when a world says so, and nothing runs beside it: a day takes seconds, and is
// the same each time.
type network struct {
	now       time.Time
	due       []event // in order of time
	dice      *rand.Rand
	to, from  float64 // shares that are lost
	delay     time.Duration
	jitter    time.Duration // up to so much is added on each way
	reflector *stamp.Reflector
	path      Path
	fates     []fate // by sequence, of all sessions together
	dials     int
	refuses   error
}

// event is something that happens on the way.
type event struct {
	at time.Time
	do func()
}

var peer = netip.MustParseAddrPort("192.0.2.1:4000")

func newNetwork(seed uint64) *network {
	n := &network{now: time.Date(2026, 5, 6, 7, 8, 9, 10_000_000, time.UTC), dice: rand.New(rand.NewPCG(seed, 1)), reflector: stamp.NewReflector()}
	n.handOut(7)
	return n
}

// handOut begins another session.
func (n *network) handOut(session uint16) {
	key := [32]byte{byte(session)}
	n.path = Path{Local: peer.Addr(), Reflector: "192.0.2.2:443", Authenticated: true, Session: session, Key: key}
	n.reflector.Add(stamp.Session{ID: session, Key: &key}, peer.Addr())
}

func (n *network) set(to, from float64, delay time.Duration) {
	n.to, n.from, n.delay = to, from, delay
}

func (n *network) where() (Path, string) {
	return n.path, "there is no way"
}

// dial opens a socket.
func (n *network) dial(p *probe) {
	n.dials++
	if n.refuses != nil {
		p.attach(n.path, nil, n.refuses, true)
		return
	}
	p.attach(n.path, &plug{network: n, probe: p}, nil, true)
}

// later has something happen.
func (n *network) later(after time.Duration, do func()) {
	e := event{n.now.Add(after), do}
	i, _ := slices.BinarySearchFunc(n.due, e, func(a, b event) int {
		if a.at.After(b.at) {
			return 1
		}
		return -1
	})
	n.due = slices.Insert(n.due, i, e)
}

// until has everything happen that is due.
func (n *network) until(at time.Time) {
	for len(n.due) > 0 && !n.due[0].at.After(at) {
		e := n.due[0]
		n.due = n.due[1:]
		n.now = e.at
		e.do()
	}
	n.now = at
}

// lost is what the network did with some packets.
func (n *network) lost(from, to uint64) (all, there, back uint64) {
	for _, f := range n.fates[from:to] {
		switch f {
		case lostTo:
			there++
		case lostFrom:
			back++
		}
	}
	return there + back, there, back
}

// plug is an end of it.
type plug struct {
	network *network
	probe   *probe
	closed  bool
}

func (s *plug) Close() error { s.closed = true; return nil }

func (s *plug) Write(p []byte) (int, error) {
	n := s.network
	if missing := int(binary.BigEndian.Uint32(p)) - len(n.fates); missing > 0 {
		return 0, errors.New("packets are missing")
	}
	f := arrived
	switch {
	case n.dice.Float64() < n.to:
		f = lostTo
	case n.dice.Float64() < n.from:
		f = lostFrom
	}
	n.fates = append(n.fates, f)
	if f == lostTo {
		return len(p), nil
	}
	there, back := n.delay/2, n.delay-n.delay/2
	if n.jitter > 0 {
		there += time.Duration(n.dice.Int64N(int64(n.jitter)))
		back += time.Duration(n.dice.Int64N(int64(n.jitter)))
	}
	packet := append([]byte(nil), p...)
	n.later(there, func() {
		reply := n.reflector.Reflect(packet, peer, n.now, make([]byte, stamp.AuthenticatedLen))
		if reply == nil || f == lostFrom {
			return
		}
		n.later(back, func() {
			if !s.closed {
				s.probe.take(s, reply, n.now)
			}
		})
	})
	return len(p), nil
}

// memory is a store in memory.
type memory struct {
	mu       sync.Mutex
	hours    map[int64][]acts.QualityMinute
	capacity acts.Capacity
	broken   error
	writes   int
}

func (m *memory) LinkHistory(context.Context) (all []acts.QualityMinute, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, minutes := range m.hours {
		all = append(all, minutes...)
	}
	return all, nil
}

func (m *memory) SaveLinkHistory(_ context.Context, hours map[int64][]acts.QualityMinute) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	if m.hours == nil {
		m.hours = make(map[int64][]acts.QualityMinute)
	}
	m.writes++
	maps.Copy(m.hours, hours)
	for at, minutes := range hours {
		if len(minutes) == 0 {
			delete(m.hours, at)
		}
	}
	return nil
}

func (m *memory) LinkCapacity(context.Context) (acts.Capacity, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.capacity, nil
}

func (m *memory) SaveLinkCapacity(_ context.Context, c acts.Capacity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	m.capacity = c
	return nil
}

func (m *memory) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// lines is a log that a test can read.
type lines struct {
	mu  sync.Mutex
	buf strings.Builder
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

// told is a verdict that changed.
type told struct {
	limit      acts.LimitName
	before, is acts.Verdict
}

// world is a room with all that is around it.
type world struct {
	*Room
	t       *testing.T
	network *network
	log     *lines
	beaten  int
	changes []told
	ingress Ingress
	lanes   []Lane
	jump    time.Duration // of the wall clock
}

func (w *world) now() time.Time { return w.network.now.Add(w.jump) }

// start makes a room, which begins to measure; edit changes its Config.
func start(t *testing.T, n *network, edit func(*Config)) *world {
	t.Helper()
	w := &world{t: t, network: n, log: &lines{}}
	c := Config{
		Path: n.where, IngressLimit: 1e9, Store: &memory{}, Now: w.now,
		Lanes:   func() []Lane { return w.lanes },
		Ingress: func() Ingress { return w.ingress },
		Copies:  func() (bool, uint64, uint64) { return true, 5, 50 },
		Changed: func(now acts.Judged, before acts.Verdict) {
			w.changes = append(w.changes, told{now.Limit, before, now.Verdict})
		},
		Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if edit != nil {
		edit(&c)
	}
	w.Room = New(t.Context(), c)
	w.begin(n.now)
	return w
}

// pass lets time pass as Run does.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.network.now.Add(d); w.network.now.Before(end); {
		w.network.until(w.network.now.Add(beat))
		w.probe.beat(w.network.now)
		if w.beaten++; w.beaten%int(second/beat) == 0 {
			w.close(w.network.now)
		}
		if w.probe.conn == nil && w.probe.at.Reflector != "" {
			w.network.dial(w.probe)
		}
		select {
		case <-w.keeper.work:
			w.keeper.do(w.t.Context())
		default:
		}
	}
}

// stop ends the room in order.
func (w *world) stop() {
	w.end()
	w.keeper.do(context.Background())
}

func (w *world) verdicts() map[acts.LimitName]acts.Verdict {
	out := make(map[acts.LimitName]acts.Verdict)
	for _, j := range w.Look().Limits {
		out[j.Limit] = j.Verdict
	}
	return out
}
