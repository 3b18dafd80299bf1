package quality

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// bench judges seconds that a test makes up.
type bench struct {
	tally    *tally
	judges   judges
	now      time.Time
	capacity uint64
	atLeast  bool
	changes  []change
	at       []time.Duration // when they came
}

func newBench() *bench {
	b := &bench{tally: newTally(), judges: newJudges(1e9), now: time.Unix(1_800_000_000, 0)}
	b.tally.begin(b.now)
	return b
}

var begun = time.Unix(1_800_000_000, 0)

// pass makes up seconds.
func (b *bench) pass(d time.Duration, fill func(m *moment)) {
	for end := b.now.Add(d); b.now.Before(end); {
		m := b.tally.open()
		fill(m)
		newest := evidence{uint64(m.lost), uint64(m.sent)}
		b.now = b.now.Add(time.Second)
		b.tally.close(b.now)
		found := b.judges.look(seen{minute: b.tally.sum(judged), whole: b.tally.sum(longest), newest: newest, capacity: b.capacity, atLeast: b.atLeast, now: b.now, wall: b.now})
		b.changes = append(b.changes, found...)
		for range found {
			b.at = append(b.at, b.now.Sub(begun))
		}
	}
}

// of are the changes of one limit.
func (b *bench) of(limit acts.LimitName) (all []change) {
	for _, c := range b.changes {
		if c.Limit == limit {
			all = append(all, c)
		}
	}
	return all
}

func (b *bench) verdict(limit acts.LimitName) acts.Verdict {
	i := slices.IndexFunc(b.judges.limits(), func(j acts.Judged) bool { return j.Limit == limit })
	return b.judges.limits()[i].Verdict
}

// line makes up packets that take a time, and of which so many are lost in a
// second of 20.
func line(lost uint32, roundTrip time.Duration) func(*moment) {
	return func(m *moment) {
		m.sent, m.lost = 20, lost
		for range 20 - lost {
			m.roundTrips = append(m.roundTrips, class(roundTrip))
		}
	}
}

// dice makes up a line that loses by chance.
func dice(seed uint64, share float64) func(*moment) {
	r := rand.New(rand.NewPCG(seed, 9))
	return func(m *moment) {
		lost := uint32(0)
		for range 20 {
			if r.Float64() < share {
				lost++
			}
		}
		m.sent, m.lost = 20, lost
		m.roundTrips = append(m.roundTrips, class(20*time.Millisecond)) // one answer is enough for loss
	}
}

const clean = 20 * time.Millisecond

func TestVerdictsChangeAsDesigned(t *testing.T) {
	b := newBench()
	step := func(d time.Duration, fill func(*moment), loss, delay, joint acts.Verdict) {
		t.Helper()
		b.pass(d, fill)
		if l, d, j := b.verdict(acts.LimitLoss), b.verdict(acts.LimitDelay), b.verdict(acts.LimitJoint); l != loss || d != delay || j != joint {
			t.Errorf("after %v: loss %s, delay %s, both %s; want %s, %s, %s", b.now.Sub(begun), l, d, j, loss, delay, joint)
		}
	}
	const unknown, ok, warning, exceeded = acts.VerdictUnknown, acts.VerdictOK, acts.VerdictWarning, acts.VerdictExceeded
	step(19*time.Second, line(0, clean), unknown, unknown, unknown) // 10 s for 200 packets, and 10 s more
	step(time.Second, line(0, clean), ok, ok, ok)
	step(time.Minute, line(0, clean), ok, ok, ok)
	if len(b.changes) > 0 {
		t.Errorf("that all is well is no news: %v", b.changes)
	}
	// Half is lost: 8 % of the minute after 10 s, 10 % after 13 s.
	step(19*time.Second, line(10, clean), ok, ok, ok)
	step(time.Second, line(10, clean), warning, ok, warning)
	step(2*time.Second, line(10, clean), warning, ok, warning)
	step(time.Second, line(10, clean), exceeded, ok, exceeded)
	step(time.Minute, line(10, clean), exceeded, ok, exceeded)
	// Mended: 9 % of the minute after 50 s, and a minute more.
	step(109*time.Second, line(0, clean), exceeded, ok, exceeded)
	step(time.Second, line(0, clean), warning, ok, warning)
	step(2*time.Second, line(0, clean), ok, ok, ok)
	// A queue fills, and empties.
	step(time.Minute, line(0, 79*time.Millisecond), ok, ok, ok)
	step(time.Minute, line(0, 85*time.Millisecond), ok, warning, warning)
	step(time.Minute, line(0, 99*time.Millisecond), ok, warning, warning)
	step(time.Minute, line(0, 101*time.Millisecond), ok, exceeded, exceeded)
	step(10*time.Minute, line(0, 95*time.Millisecond), ok, exceeded, exceeded) // above 90 % of the limit
	step(3*time.Minute, line(0, 85*time.Millisecond), ok, warning, warning)
	step(10*time.Minute, line(0, 75*time.Millisecond), ok, warning, warning) // above 90 % of what warns
	step(3*time.Minute, line(0, 70*time.Millisecond), ok, ok, ok)
	// Neither is near its limit, but both are beyond half of it: 5 %, then 6 %.
	step(2*time.Minute, line(0, 55*time.Millisecond), ok, ok, ok)
	step(3*time.Minute, line(1, 55*time.Millisecond), ok, ok, ok)
	n := 0
	step(3*time.Minute, func(m *moment) {
		n++
		line(uint32(1+n%5/4), 55*time.Millisecond)(m)
	}, ok, ok, warning)
	// The link is gone: there is no verdict with less than 200 packets.
	step(50*time.Second, func(*moment) {}, ok, ok, warning)
	step(time.Second, func(*moment) {}, unknown, unknown, unknown)
	if last := b.changes[len(b.changes)-1]; last.Limit != acts.LimitJoint || last.before != warning || last.Verdict != unknown || !last.Since.Equal(b.now) {
		t.Errorf("the last change %+v", last)
	}
}

// TestTheEndOfTroubleIsTold has a link that is lost while it loses packets, and a
// Sensor that begins anew where there was trouble.
func TestTheEndOfTroubleIsTold(t *testing.T) {
	const unknown, ok, warning, exceeded = acts.VerdictUnknown, acts.VerdictOK, acts.VerdictWarning, acts.VerdictExceeded
	told := func(b *bench, limit acts.LimitName) (all [][2]acts.Verdict) {
		for _, c := range b.of(limit) {
			all = append(all, [2]acts.Verdict{c.before, c.Verdict})
		}
		return all
	}
	b := newBench()
	b.pass(time.Minute, line(10, clean))
	b.pass(2*time.Minute, func(*moment) {})
	b.pass(3*time.Minute, line(0, clean))
	b.pass(2*time.Minute, func(*moment) {})
	b.pass(3*time.Minute, line(0, clean)) // that all is well was told
	if got, want := told(b, acts.LimitLoss), [][2]acts.Verdict{{unknown, exceeded}, {exceeded, unknown}, {unknown, ok}}; !slices.Equal(got, want) {
		t.Errorf("of the loss %v is told, want %v", got, want)
	}
	if got := told(b, acts.LimitDelay); got != nil {
		t.Errorf("of the delay %v is told", got)
	}
	b = newBench()
	b.judges.resume()
	b.pass(time.Minute, line(0, 85*time.Millisecond))
	if got, want := told(b, acts.LimitLoss), [][2]acts.Verdict{{unknown, ok}}; !slices.Equal(got, want) {
		t.Errorf("after trouble %v is told of the loss, want %v", got, want)
	}
	if got, want := told(b, acts.LimitDelay), [][2]acts.Verdict{{unknown, warning}}; !slices.Equal(got, want) {
		t.Errorf("after trouble %v is told of the delay, want %v", got, want)
	}
}

// TestVerdictDoesNotFlapAtTheLimit has a link that loses as much as it may for
// hours, with the chance that goes with it.
func TestVerdictDoesNotFlapAtTheLimit(t *testing.T) {
	for _, share := range []float64{0.10, 0.105} {
		for seed := range uint64(3) {
			b := newBench()
			b.pass(2*time.Minute, line(0, clean))
			b.pass(time.Hour, dice(seed, share))
			up := 0
			for _, c := range b.of(acts.LimitLoss) {
				if !c.Verdict.Worse(c.before) {
					t.Errorf("%.3f, seed %d: back to %s from %s", share, seed, c.Verdict, c.before)
				} else if c.Verdict == acts.VerdictExceeded {
					up++
				}
			}
			if up != 1 {
				t.Errorf("%.3f, seed %d: exceeded %d times", share, seed, up)
			}
		}
	}
}

// TestVerdictComesBackWhenLossIsBelowTheLimit has the same chance on its side.
func TestVerdictComesBackWhenLossIsBelowTheLimit(t *testing.T) {
	for seed := range uint64(3) {
		b := newBench()
		b.pass(5*time.Minute, dice(seed, 0.12))
		if v := b.verdict(acts.LimitLoss); v != acts.VerdictExceeded {
			t.Errorf("seed %d: 12 %% is %s", seed, v)
		}
		b.pass(15*time.Minute, dice(seed+100, 0.075))
		if v := b.verdict(acts.LimitLoss); v != acts.VerdictWarning {
			t.Errorf("seed %d: 7.5 %% after 12 %% is %s", seed, v)
		}
		b.pass(5*time.Minute, dice(seed+200, 0.03))
		if v := b.verdict(acts.LimitLoss); v != acts.VerdictOK {
			t.Errorf("seed %d: 3 %% is %s", seed, v)
		}
	}
}

func TestIngressIsJudgedByRateAndByHowLongItHeldAgentsBack(t *testing.T) {
	b := newBench()
	at := func(bits uint64, held time.Duration) func(*moment) {
		return func(m *moment) { m.ingress, m.held = bits/8, held }
	}
	for _, step := range []struct {
		bits uint64
		held time.Duration
		want acts.Verdict
	}{
		{790e6, 0, acts.VerdictOK},
		{850e6, 0, acts.VerdictWarning},
		{1e9, 90 * time.Millisecond, acts.VerdictWarning},
		{1e9, 150 * time.Millisecond, acts.VerdictExceeded},
		{1e9, 95 * time.Millisecond, acts.VerdictExceeded},
		{850e6, 0, acts.VerdictWarning},
		{600e6, 0, acts.VerdictOK},
	} {
		b.pass(150*time.Second, at(step.bits, step.held))
		if v := b.verdict(acts.LimitIngress); v != step.want {
			t.Errorf("%d bit/s, held %v a second: %s, want %s", step.bits, step.held, v, step.want)
		}
	}
}

func TestCapacityIsARecommendation(t *testing.T) {
	b := newBench()
	spanning := func(bits uint64) func(*moment) {
		return func(m *moment) { m.span, m.spanned = bits/8, true }
	}
	want := func(v acts.Verdict, bound float64) {
		t.Helper()
		j := b.judges.limits()[4]
		if j.Limit != acts.LimitCapacity || j.Verdict != v || j.Bound != bound {
			t.Errorf("%+v, want %s of %g", j, v, bound)
		}
	}
	b.pass(20*time.Minute, spanning(1e9))
	want(acts.VerdictUnknown, 150e6) // nobody knows the capacity
	b.capacity = 140e6
	b.pass(time.Minute, spanning(1e9))
	want(acts.VerdictWarning, 150e6)
	b.capacity = 1
	b.pass(time.Minute, spanning(1e9))
	want(acts.VerdictWarning, 150e6)
	b.capacity = 200e6
	b.pass(2*time.Minute, spanning(1e9))
	want(acts.VerdictOK, 150e6)
	b.atLeast = true
	b.pass(2*time.Minute, spanning(1e9))
	want(acts.VerdictOK, 150e6) // more cannot be less
	b.capacity = 140e6
	b.pass(2*time.Minute, spanning(1e9))
	want(acts.VerdictUnknown, 150e6) // the channel may carry more
	b.capacity = 160e6
	b.pass(2*time.Minute, spanning(1e9))
	want(acts.VerdictOK, 150e6)
	if figure := b.judges.limits()[4].Figure(); figure != "at least 160 Mbit/s, should be at least 150 Mbit/s" {
		t.Error(figure)
	}
	b.pass(20*time.Minute, func(*moment) {})
	want(acts.VerdictUnknown, 0)
}

func TestAFewPacketsMakeNoVerdict(t *testing.T) {
	b := newBench()
	n := 0
	b.pass(10*time.Minute, func(m *moment) { // 195 a minute, all but few lost
		if n++; n%20 < 13 {
			m.sent, m.lost = 5, 4
			m.roundTrips = append(m.roundTrips, class(time.Second))
		}
	})
	if v := b.verdict(acts.LimitLoss); v != acts.VerdictUnknown || len(b.changes) > 0 {
		t.Errorf("loss %s, changes %v", v, b.changes)
	}
}

// TestAWayOfExactlyTheLimitIsWithinIt has what scheduling adds to it.
func TestAWayOfExactlyTheLimitIsWithinIt(t *testing.T) {
	for delay, want := range map[time.Duration]acts.Verdict{
		100 * time.Millisecond: acts.VerdictWarning, 100_900 * time.Microsecond: acts.VerdictWarning, 102 * time.Millisecond: acts.VerdictExceeded,
	} {
		b := newBench()
		b.pass(3*time.Minute, line(0, delay))
		for _, limit := range []acts.LimitName{acts.LimitDelay, acts.LimitJoint} {
			if v := b.verdict(limit); v != want {
				t.Errorf("%v: %s is %s, want %s", delay, limit, v, want)
			}
			for _, j := range b.judges.limits() {
				if says := strings.Contains(j.Stand(), "(within the tolerance of 1.0 "); j.Limit == limit && delay > acts.MaxDelay && says != (want == acts.VerdictWarning) {
					t.Errorf("%v: %s: %s", delay, limit, j.Stand())
				}
			}
		}
	}
}

// TestAFigureOnItsWayToAnotherVerdictSaysSo has a link lose 40 %, and nothing
// again.
func TestAFigureOnItsWayToAnotherVerdictSaysSo(t *testing.T) {
	b := newBench()
	toward := func() (verdict, to acts.Verdict, d time.Duration) {
		j := b.judges.limits()[0]
		return j.Verdict, j.Toward, j.ToFor
	}
	b.pass(2*time.Minute, line(0, clean))
	if verdict, to, d := toward(); verdict != acts.VerdictOK || to != "" || d != 0 {
		t.Fatalf("clean: %s, toward %s for %v", verdict, to, d)
	}
	most, steps := make(map[acts.Verdict]time.Duration), []acts.Verdict{}
	note := func() acts.Verdict {
		verdict, to, d := toward()
		if to != "" {
			if len(steps) == 0 || steps[len(steps)-1] != to {
				steps = append(steps, to)
			}
			most[to] = max(most[to], d)
		}
		return verdict
	}
	for note() != acts.VerdictExceeded {
		b.pass(time.Second, line(8, clean))
	}
	if want := []acts.Verdict{acts.VerdictWarning, acts.VerdictExceeded}; !slices.Equal(steps, want) || most[acts.VerdictExceeded] != worseAfter-time.Second {
		t.Errorf("it went toward %v, for %v", steps, most)
	}
	b.pass(2*time.Minute, line(8, clean))
	if verdict, to, _ := toward(); verdict != acts.VerdictExceeded || to != "" {
		t.Errorf("while it loses: %s, toward %s", verdict, to)
	}
	steps, most = nil, make(map[acts.Verdict]time.Duration)
	for note() != acts.VerdictOK {
		b.pass(time.Second, line(0, clean))
	}
	if want := []acts.Verdict{acts.VerdictWarning, acts.VerdictOK}; !slices.Equal(steps, want) || most[acts.VerdictOK] != betterAfter-time.Second {
		t.Errorf("back it went toward %v, for %v", steps, most)
	}
	if _, to, _ := toward(); to != "" {
		t.Errorf("in the end toward %s", to)
	}
}
