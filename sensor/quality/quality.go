package quality

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/internal/acts"
	"vedette/proto/link"
)

// Path is where the measurement goes.
type Path struct {
	// Local is where packets come from: the reflector answers only the link's
	// own address. Zero: the kernel chooses.
	Local netip.Addr
	// Reflector is host:port, by UDP.
	Reflector string
	// Session and Key are of authenticated mode. Without Authenticated the
	// reflector is somebody else's, and packets are not authenticated.
	Authenticated bool
	Session       uint16
	Key           [32]byte
}

// Lane is a live connection of the link. ID is one connection's own, and
// comparable.
type Lane struct {
	ID    any
	Class string // small, bulk
	TCP   link.TCP
}

// Ingress is what was read from agents since start.
type Ingress struct {
	Bytes uint64
	Held  time.Duration // in which the limit held somebody back
}

// Store keeps what must survive a restart.
type Store interface {
	// LinkHistory returns what was kept, and beside it what could not be read.
	LinkHistory(context.Context) ([]acts.QualityMinute, error)
	// SaveLinkHistory keeps the minutes of whole hours, in one change. The keys
	// are when an hour begins, in Unix seconds; an hour without minutes is
	// forgotten.
	SaveLinkHistory(context.Context, map[int64][]acts.QualityMinute) error
	// LinkCapacity is what tests of the channel to the configured Central Node
	// found.
	LinkCapacity(context.Context) (acts.Capacity, error)
	// SaveLinkCapacity keeps it; the zero value is forgetting.
	SaveLinkCapacity(context.Context, acts.Capacity) error
}

// Config is what a Room needs. Spans, SpanFolder and Capacity may be zero.
type Config struct {
	// Path is where to measure. An empty Reflector: nothing can be measured now,
	// and why says that in a sentence.
	Path func() (p Path, why string)
	// Lanes are those of the link that live, with what the kernel says of them.
	Lanes   func() []Lane
	Ingress func() Ingress
	// Copies is asked whenever somebody looks.
	Copies func() (copying bool, copied, sent uint64)
	// IngressLimit bounds what agents send, in bit/s.
	IngressLimit uint64
	// Capacity of the channel in bit/s, as configured; zero: what tests find.
	Capacity uint64
	// Spans are the interfaces that mirrored traffic comes in on; SpanFolder is
	// where the kernel counts, /sys/class/net.
	Spans      []string
	SpanFolder string
	Store      Store
	// Changed is told of each verdict that becomes, or was, Warning or Exceeded.
	Changed func(now acts.Judged, before acts.Verdict)
	Logger  *slog.Logger
	// Now is the wall clock, which names minutes and nothing else.
	Now func() time.Time
}

const (
	beat   = 50 * time.Millisecond // between two packets
	second = time.Second           // between two looks at the counters
)

// windows are what figures are shown for; the second is what is judged.
func windows() []time.Duration {
	return []time.Duration{10 * time.Second, judged, longest}
}

const (
	judged  = time.Minute
	longest = 15 * time.Minute
)

// Room measures. Its methods may be called from any goroutine.
type Room struct {
	c      Config
	log    *slog.Logger
	probe  *probe
	keeper *keeper

	mu      sync.Mutex // guards what follows
	tally   *tally
	lanes   lanes
	spans   *spans
	ingress Ingress
	judges  judges
	history history
	// capacity is what tests found.
	capacity   acts.Capacity
	minute     time.Time // the wall clock's minute that is under way
	minuteTook time.Duration
	minuteWas  acts.Verdict // the worst verdict of it
	doubtful   doubtful
	look       acts.LinkQuality
	packets    PacketTotals
}

// PacketTotals are what became of measuring packets since start.
type PacketTotals struct{ Sent, Lost, LostTo, LostFrom uint64 }

// New makes a room, with what was kept of the last 24 hours. What of that
// cannot be read is said in the log and left out.
func New(ctx context.Context, c Config) *Room {
	if c.SpanFolder == "" {
		c.SpanFolder = "/sys/class/net"
	}
	r := &Room{
		c: c, log: c.Logger, tally: newTally(), spans: newSpans(c.SpanFolder, c.Spans), judges: newJudges(c.IngressLimit),
		minuteWas: acts.VerdictUnknown, probe: newProbe(c.Path, c.Logger),
	}
	r.keeper = newKeeper(c.Store, r.hour, c.Changed, c.Logger)
	kept, err := c.Store.LinkHistory(ctx)
	if err != nil {
		r.log.Warn("history of the link: not all of it can be read", "error", err)
	}
	for _, m := range kept {
		r.history.add(m, c.Now())
	}
	if troubled(r.history.last()) {
		r.judges.resume()
	}
	if r.capacity, err = c.Store.LinkCapacity(ctx); err != nil {
		r.log.Warn("capacity of the channel as tested cannot be read", "error", err)
	}
	r.look = r.judge(evidence{}, condition{away: true}, time.Now())
	return r
}

// Run measures until ctx ends; then it keeps what was measured.
func (r *Room) Run(ctx context.Context) error {
	r.begin(time.Now())
	keeping, kept := context.WithCancel(context.WithoutCancel(ctx))
	defer kept()
	var last errgroup.Group
	last.Go(func() error { r.keeper.run(keeping); return nil })
	measuring, ctx := errgroup.WithContext(ctx)
	measuring.Go(func() error { r.probe.read(ctx); return nil })
	measuring.Go(func() error { r.measure(ctx); return nil })
	err := measuring.Wait()
	r.end()
	kept()
	_ = last.Wait() // the keeper has no errors
	return err
}

// begin takes the counters as they are: what was before is not ours.
func (r *Room) begin(now time.Time) {
	ingress, live := r.c.Ingress(), r.c.Lanes()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ingress = ingress
	r.lanes.begin(live)
	r.spans.read()
	r.tally.begin(now)
	r.minute = r.c.Now().Truncate(time.Minute)
}

// measure sends packets and closes seconds until ctx ends.
func (r *Room) measure(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for closed := time.Now(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		r.probe.beat(now)
		if now.Sub(closed) >= second-beat/2 {
			closed = now
			r.close(now)
		}
	}
}

// close ends a second: counters become differences, windows are judged anew.
func (r *Room) close(now time.Time) {
	ingress, live, wall := r.c.Ingress(), r.c.Lanes(), r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.tally.open()
	r.lanes.take(live, m)
	r.probe.drain(m, r.lanes.roundTrip())
	m.ingress, m.held = since(ingress.Bytes, r.ingress.Bytes), max(ingress.Held-r.ingress.Held, 0)
	r.ingress = ingress
	m.span, m.spanned = r.spans.read()
	r.packets.Sent += uint64(m.sent)
	r.packets.Lost += uint64(m.lost)
	r.packets.LostTo += uint64(m.lostTo)
	r.packets.LostFrom += uint64(m.lostFrom)
	newest := evidence{uint64(m.lost), uint64(m.sent)}
	r.tally.close(now)
	way := r.probe.condition(now)
	r.decide(way)
	r.minuteTook += m.took
	r.look = r.judge(newest, way, now)
	if v := passing(r.look.Limits); v.Worse(r.minuteWas) {
		r.minuteWas = v
	}
	if at := wall.Truncate(time.Minute); !at.Equal(r.minute) {
		r.turn(wall, way.doubt)
		r.minute = at
	}
}

// doubtful is a minute of the history that ended while nothing was answered:
// only later it is known whether what it has as lost was.
type doubtful struct {
	start time.Time // zero: there is none
	lost  uint64
}

// decide takes back what was lost on a way that is known to be closed by now. It
// needs mu.
func (r *Room) decide(way condition) {
	if !way.void.IsZero() {
		r.tally.forget(way.void)
		if !r.doubtful.start.IsZero() {
			r.keeper.touched(r.history.withdraw(r.doubtful.start, r.doubtful.lost))
		}
	}
	if way.doubt.IsZero() {
		r.doubtful = doubtful{}
	}
}

// passing is the verdict on what comes and goes. That the channel is small for its
// SPAN traffic is always so, and would hide in every minute what else there was.
func passing(limits []acts.Judged) acts.Verdict {
	return acts.Overall(slices.DeleteFunc(slices.Clone(limits), func(j acts.Judged) bool { return j.Limit == acts.LimitCapacity }))
}

// leastMinute is how much of a minute must have been measured to be kept.
const leastMinute = 5 * time.Second

// settled is a minute's verdict. That all is well takes as many packets as a
// verdict on the link does.
func settled(m acts.QualityMinute) acts.Verdict {
	if m.Sent < leastPackets && !troubled(m.Verdict) {
		return acts.VerdictUnknown
	}
	return m.Verdict
}

// turn adds the minute that is over to the history. doubt is as of a condition.
// It needs mu.
func (r *Room) turn(wall, doubt time.Time) {
	if r.minuteTook >= leastMinute {
		m := acts.QualityMinute{Start: r.minute.UTC().Round(0), Verdict: r.minuteWas, Figures: r.tally.sum(r.minuteTook).Figures}
		m.Verdict = settled(m)
		r.keeper.touched(r.history.add(m, wall))
		if !doubt.IsZero() {
			r.doubtful = doubtful{m.Start, r.tally.undirected(doubt)}
		}
	}
	r.minuteTook, r.minuteWas = 0, acts.VerdictUnknown
}

// hour is what is kept of an hour.
func (r *Room) hour(at int64) []acts.QualityMinute {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.hour(at)
}

// end keeps the minute under way as far as it came.
func (r *Room) end() {
	wall := r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(wall, time.Time{})
}

// judge sums up what is known now. It needs mu.
func (r *Room) judge(newest evidence, way condition, now time.Time) acts.LinkQuality {
	var q acts.LinkQuality
	r.channel(&q)
	s := seen{newest: newest, capacity: q.Capacity, atLeast: q.CapacityAtLeast, configured: r.c.Capacity > 0, now: now, wall: r.c.Now(), away: way.away, silent: way.silent}
	for _, w := range windows() {
		sum := r.tally.sum(w)
		switch w {
		case judged:
			s.minute = sum
		case longest:
			s.whole = sum
		}
		q.Windows = append(q.Windows, acts.QualityWindow{Window: w, Figures: sum.Figures})
	}
	r.keeper.changed(r.judges.look(s))
	q.Limits = r.judges.limits()
	q.Verdict = acts.Overall(q.Limits)
	for _, j := range q.Limits {
		if j.Limit == acts.LimitLoss && (j.Verdict == acts.VerdictUnknown || way.silent) {
			q.Unmeasured = r.probe.trouble(now)
		}
	}
	return q
}

// Look is what is known of the link now; it is a second old at most.
func (r *Room) Look() acts.LinkQuality {
	r.mu.Lock()
	q := r.look
	q.Limits, q.Windows = slices.Clone(q.Limits), slices.Clone(q.Windows)
	r.mu.Unlock()
	q.Copying, q.CopiedBytes, q.SentBytes = r.c.Copies()
	return q
}

// History are the minutes of the last 24 hours that begin within from and to,
// the oldest first. Zero times: the beginning, and now.
func (r *Room) History(from, to time.Time) []acts.QualityMinute {
	now := r.c.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.between(from, to, now)
}

// Warnings are sentences about what cannot be measured beside loss and delay.
func (r *Room) Warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans.warnings()
}

// LaneTotals are what lanes sent since start, those that are gone included, by
// names such as small1.
func (r *Room) LaneTotals() []LaneTotal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lanes.totals()
}

// PacketTotals are what became of measuring packets since start.
func (r *Room) PacketTotals() PacketTotals {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.packets
}

// RoundTrip is the median round trip of the packets whose answers came within
// about a time, seconds being whole; zero when none did. It reaches back as far
// as the longest window.
func (r *Room) RoundTrip(from, to time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally.median(from, to)
}

// SpanBytes is what came in on the SPAN interfaces since start.
func (r *Room) SpanBytes() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans.total
}

// Tested takes the result of a test of the channel. Only the direction to the
// Central Node counts, which is where the traffic goes. A test that says at least
// shows only that the channel carries as much, so it does not lower what is known:
// its own rate was its bound, its rate still grew at its end, it was too short,
// agents sent more than it did, or others may use the line (capacity.Result).
func (r *Room) Tested(t acts.LinkTest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.Back || t.Capacity == 0 || t.AtLeast() && t.Capacity <= r.capacity.Bits {
		return
	}
	r.found(acts.Capacity{Bits: t.Capacity, AtLeast: t.AtLeast(), Time: t.Time.UTC().Round(0)})
}

// Repointed forgets what tests found: the channel is one to another Central Node.
// Minutes stay: they say when the Sensor's own line was bad.
func (r *Room) Repointed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found(acts.Capacity{})
}

// found takes what is known of the channel from now on. It needs mu.
func (r *Room) found(c acts.Capacity) {
	r.capacity = c
	r.channel(&r.look)
	r.keeper.found(c)
}

// channel writes what is known of the channel; a setting is before all tests. It
// needs mu.
func (r *Room) channel(q *acts.LinkQuality) {
	q.Capacity, q.CapacityAt, q.CapacityAtLeast = r.capacity.Bits, r.capacity.Time, r.capacity.AtLeast
	if r.c.Capacity > 0 {
		q.Capacity, q.CapacityAt, q.CapacityAtLeast = r.c.Capacity, time.Time{}, false
	}
}

// since is how much a counter grew. One that is less than before began anew.
func since(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}
