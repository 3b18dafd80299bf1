package quality

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

func TestLanesThatDiedKeepCounting(t *testing.T) {
	w := start(t, newNetwork(1), nil)
	set := func(lanes ...Lane) {
		w.lanes = lanes
		w.pass(time.Second)
	}
	lane := func(id int, class string, segments, again, rate uint64) Lane {
		return Lane{ID: id, Class: class, TCP: link.TCP{Segments: segments, Retransmitted: again, DeliveryRate: rate}}
	}
	w.pass(time.Second)
	set(lane(1, "small", 100, 10, 1e6), lane(2, "bulk", 1000, 0, 2e6))
	set(lane(1, "small", 150, 15, 1e6), lane(2, "bulk", 1000, 0, 2e6), lane(3, "bulk", 0, 0, 0))
	set(lane(2, "bulk", 2000, 100, 3e6), lane(3, "bulk", 50, 0, 4e6)) // 1 died
	set(lane(2, "bulk", 2000, 100, 3e6), lane(3, "bulk", 50, 0, 4e6), lane(4, "small", 7, 1, 0))
	f := w.Look().Windows[0]
	if f.Segments != 150+2000+50+7 || f.Retransmitted != 15+100+1 {
		t.Errorf("figures %+v", f.Figures)
	}
	want := []LaneTotal{{Name: "bulk1", Segments: 2000, Retransmitted: 100}, {Name: "bulk2", Segments: 50}, {Name: "small1", Segments: 157, Retransmitted: 16}}
	if got := w.LaneTotals(); !slices.Equal(got, want) {
		t.Errorf("totals %+v, want %+v", got, want)
	}
	set()
	if got := w.LaneTotals(); !slices.Equal(got, want) {
		t.Errorf("without lanes: totals %+v", got)
	}
}

func TestDeliveryRateIsTheGreatestOfLanesThatSentMeanwhile(t *testing.T) {
	w := start(t, newNetwork(1), nil)
	says := func(short, long uint64) {
		t.Helper()
		if f := w.Look().Windows; f[0].DeliveryRate != short || f[1].DeliveryRate != long {
			t.Errorf("10 s: %d, 1 min: %d; want %d and %d", f[0].DeliveryRate, f[1].DeliveryRate, short, long)
		}
	}
	lane := func(id int, acked, rate uint64) Lane {
		return Lane{ID: id, Class: "bulk", TCP: link.TCP{AckedBytes: acked, DeliveryRate: rate}}
	}
	w.lanes = []Lane{lane(1, 1e6, 20e6), lane(2, 1e6, 15e6), lane(3, 100, 368e9)} // the third is all but idle
	w.pass(time.Second)
	says(20e6, 20e6) // not the sum
	w.lanes = []Lane{lane(1, 1e6, 20e6), lane(2, 2e6, 5e6), lane(3, 200, 368e9)}
	w.pass(11 * time.Second)
	says(0, 20e6)
	w.pass(time.Minute)
	says(0, 0) // nothing was sent
}

func TestWhatLanesSentBeforeIsNotCounted(t *testing.T) {
	n := newNetwork(1)
	w := start(t, n, func(c *Config) {
		c.Lanes = func() []Lane {
			return []Lane{{ID: 1, Class: "small", TCP: link.TCP{Segments: 500}}}
		}
	})
	w.pass(3 * time.Second)
	if f := w.Look().Windows[0]; f.Segments != 0 {
		t.Errorf("figures %+v", f.Figures)
	}
}

func TestSpanTrafficIsWhatTheKernelCounts(t *testing.T) {
	folder := t.TempDir()
	count := func(name string, bytes uint64) {
		t.Helper()
		dir := filepath.Join(folder, name, "statistics")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "rx_bytes"), []byte(strconv.FormatUint(bytes, 10)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count("eth1", math.MaxUint32-500)
	w := start(t, newNetwork(1), func(c *Config) { c.Spans, c.SpanFolder = []string{"eth1", "eth2"}, folder })
	w.pass(time.Second)
	step := func(one, two uint64, want uint64) {
		t.Helper()
		before := w.SpanBytes()
		count("eth1", one)
		if two > 0 {
			count("eth2", two)
		}
		w.pass(time.Second)
		if got := w.SpanBytes() - before; got != want {
			t.Errorf("counted %d bytes, want %d", got, want)
		}
	}
	step(math.MaxUint32, 0, 500)
	if got := w.Warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "There is no interface eth2,") {
		t.Errorf("warnings %q", got)
	}
	step(1000, 0, 1000)                // began anew
	step(2000, math.MaxUint64-5, 1000) // it came, with what it had counted before
	step(2000, math.MaxUint64, 5)
	step(2000, 7, 7)
	if got := w.Warnings(); len(got) > 0 {
		t.Errorf("warnings %q", got)
	}
	if err := os.RemoveAll(filepath.Join(folder, "eth2")); err != nil {
		t.Fatal(err)
	}
	step(3000, 0, 1000)
	step(3000, 1e6, 0) // back again
	if err := os.WriteFile(filepath.Join(folder, "eth1", "statistics", "rx_bytes"), []byte("many"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Second)
	if got := w.Warnings(); len(got) != 1 || !strings.Contains(got[0], "eth1 is not counted") {
		t.Errorf("warnings %q", got)
	}
	if f := w.Look().Windows[0]; f.SpanRate == 0 {
		t.Errorf("figures %+v", f.Figures)
	}
}

func TestTestsTellTheCapacityUnlessItIsConfigured(t *testing.T) {
	kept := &memory{}
	w := start(t, newNetwork(1), func(c *Config) { c.Store = kept })
	when := w.now()
	for _, step := range []struct {
		test  acts.LinkTest
		want  uint64
		least bool
	}{
		{acts.LinkTest{Capacity: 100, Back: true}, 0, false},
		{acts.LinkTest{Capacity: 100}, 100, false},
		{acts.LinkTest{Capacity: 50, Bounded: true}, 100, false},
		{acts.LinkTest{Capacity: 50, Growing: true}, 100, false},
		{acts.LinkTest{Capacity: 120, Growing: true}, 120, true},
		{acts.LinkTest{Capacity: 150, Bounded: true}, 150, true},
		{acts.LinkTest{Capacity: 50}, 50, false},
		{acts.LinkTest{}, 50, false},
		{acts.LinkTest{Capacity: 60, Bounded: true}, 60, true},
	} {
		step.test.Time = when
		w.Tested(step.test)
		if q := w.Look(); q.Capacity != step.want || q.CapacityAtLeast != step.least || step.want > 0 && !q.CapacityAt.Equal(when) {
			t.Errorf("after %+v: capacity %d of %v", step.test, q.Capacity, q.CapacityAt)
		}
	}
	if m, _ := w.Wire(time.Time{}); m.Capacity != 60 || !m.CapacityAtLeast || m.CapacityAt != when.Unix() {
		t.Errorf("the Central Node is told %d of %d", m.Capacity, m.CapacityAt)
	}
	w.pass(2 * time.Second)
	w.stop()
	again := start(t, newNetwork(1), func(c *Config) { c.Store = kept })
	defer again.stop()
	if q := again.Look(); q.Capacity != 60 || !q.CapacityAtLeast || !q.CapacityAt.Equal(when) {
		t.Errorf("after a restart: %d of %v", q.Capacity, q.CapacityAt)
	}
	configured := start(t, newNetwork(1), func(c *Config) { c.Store, c.Capacity = kept, 7 })
	defer configured.stop()
	configured.Tested(acts.LinkTest{Capacity: 99, Bounded: true, Time: when})
	w.pass(2 * time.Second)
	if q := configured.Look(); q.Capacity != 7 || !q.CapacityAt.IsZero() {
		t.Errorf("configured: %d of %v", q.Capacity, q.CapacityAt)
	}
	if m, _ := configured.Wire(time.Time{}); m.Capacity != 7 || m.CapacityAtLeast || m.CapacityAt != 0 {
		t.Errorf("configured, the Central Node is told %d of %d", m.Capacity, m.CapacityAt)
	}
}

func TestAnotherCentralNodeHasAnotherChannel(t *testing.T) {
	kept := &memory{}
	w := start(t, newNetwork(1), func(c *Config) { c.Store = kept })
	w.pass(2 * time.Minute)
	w.Tested(acts.LinkTest{Capacity: 100, Time: w.now()})
	w.pass(2 * time.Second)
	minutes := len(w.History(time.Time{}, time.Time{}))
	w.Repointed()
	if q := w.Look(); q.Capacity != 0 || !q.CapacityAt.IsZero() {
		t.Errorf("the channel to another one carries %d, of %v", q.Capacity, q.CapacityAt)
	}
	if got := len(w.History(time.Time{}, time.Time{})); minutes == 0 || got != minutes {
		t.Errorf("%d minutes, %d before", got, minutes)
	}
	w.pass(2 * time.Second)
	if c, err := kept.LinkCapacity(t.Context()); err != nil || c.Bits != 0 {
		t.Errorf("kept: %+v, %v", c, err)
	}
	w.Tested(acts.LinkTest{Capacity: 60, Bounded: true, Time: w.now()})
	if q := w.Look(); q.Capacity != 60 || !q.CapacityAtLeast {
		t.Errorf("a bounded test finds %d", q.Capacity)
	}
	w.stop()
}

// TestAFigureOnItsWayIsTold has a link begin to lose packets.
func TestAFigureOnItsWayIsTold(t *testing.T) {
	n := newNetwork(5)
	w := start(t, n, nil)
	n.set(0, 0, clean)
	w.pass(3 * time.Minute)
	n.set(0.4, 0, clean)
	told := make(map[controlv1.Judgement_Verdict]uint32)
	for range 60 {
		w.pass(time.Second)
		m, _ := w.Wire(time.Time{})
		loss := m.Judgements[0]
		told[loss.Toward] = max(told[loss.Toward], loss.TowardFor)
	}
	if told[controlv1.Judgement_VERDICT_WARNING] == 0 || told[controlv1.Judgement_VERDICT_EXCEEDED] != 9 || told[controlv1.Judgement_VERDICT_UNSPECIFIED] != 0 {
		t.Errorf("told %v", told)
	}
}

func TestTheCentralNodeIsToldAllOfItOnce(t *testing.T) {
	n := newNetwork(1)
	n.set(0.02, 0.03, 40*time.Millisecond)
	w := start(t, n, func(c *Config) { c.Store = &memory{hours: dayBefore(n.now)} })
	w.pass(2*time.Minute + 5*time.Second)
	var since time.Time
	var minutes []*controlv1.Quality_Minute
	for range 20 {
		m, newest := w.Wire(since)
		if len(m.Windows) != 3 || m.Windows[1].Seconds != 60 || m.Windows[1].Figures.Sent < 1190 || m.Windows[1].Figures.Lost == 0 ||
			m.Windows[1].Figures.RoundTripP95 < 39e6 || len(m.Judgements) != 5 || !m.Copying || len(m.Minutes) > 200 {
			t.Fatalf("told %v", m)
		}
		if j := m.Judgements[1]; j.Limit != controlv1.Judgement_LIMIT_DELAY || j.Verdict != controlv1.Judgement_VERDICT_OK || j.Value < 0.039 || j.Bound != 0.1 || j.Since == 0 {
			t.Fatalf("delay %v", j)
		}
		minutes = append(minutes, m.Minutes...)
		if newest.Equal(since) {
			break
		}
		since = newest
	}
	if len(minutes) != len(w.History(time.Time{}, time.Time{})) {
		t.Errorf("told %d minutes of %d", len(minutes), len(w.History(time.Time{}, time.Time{})))
	}
	for i, m := range minutes {
		if m.Start%60 != 0 || i > 0 && m.Start <= minutes[i-1].Start || m.Verdict != controlv1.Judgement_VERDICT_OK && i < 1430 {
			t.Fatalf("minute %d: %v", i, m)
		}
	}
	if m, newest := w.Wire(since); len(m.Minutes) > 0 || !newest.Equal(since) {
		t.Errorf("told again: %d minutes", len(m.Minutes))
	}
	if m, _ := w.Wire(w.now().Add(time.Hour)); len(m.Minutes) == 0 {
		t.Error("after the clock went back nothing is told any more")
	}
}

func TestVerdictsAreTold(t *testing.T) {
	n := newNetwork(5)
	w := start(t, n, nil)
	n.set(0, 0, 20*time.Millisecond)
	w.pass(3 * time.Minute)
	n.set(0.2, 0, 20*time.Millisecond)
	w.pass(3 * time.Minute)
	n.set(0, 0, 20*time.Millisecond)
	w.pass(4 * time.Minute)
	var loss []told
	for _, c := range w.changes {
		if c.limit == acts.LimitLoss {
			loss = append(loss, c)
		}
	}
	want := []told{
		{acts.LimitLoss, acts.VerdictOK, acts.VerdictWarning}, {acts.LimitLoss, acts.VerdictWarning, acts.VerdictExceeded},
		{acts.LimitLoss, acts.VerdictExceeded, acts.VerdictWarning}, {acts.LimitLoss, acts.VerdictWarning, acts.VerdictOK},
	}
	if !slices.Equal(loss, want) {
		t.Errorf("told %v, want %v", loss, want)
	}
	worst := acts.VerdictUnknown
	for _, m := range w.History(time.Time{}, time.Time{}) {
		if m.Verdict.Worse(worst) {
			worst = m.Verdict
		}
	}
	if worst != acts.VerdictExceeded || w.Look().Verdict != acts.VerdictOK {
		t.Errorf("the worst minute is %s, the link now %s", worst, w.Look().Verdict)
	}
}
