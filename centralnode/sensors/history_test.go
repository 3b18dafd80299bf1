package sensors

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

var now = time.Date(2030, 1, 2, 12, 0, 30, 0, time.UTC)

// absurd draws numbers as a hostile or broken Sensor may say them.
func absurd(t *rapid.T, label string) float64 {
	return rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1), -1, 1e300, 0.5})).Draw(t, label)
}

func absurdFigures(t *rapid.T) *controlv1.Figures {
	n := func(label string) uint64 {
		return rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 100), rapid.SampledFrom([]uint64{math.MaxUint64, 1 << 63})).Draw(t, label)
	}
	if rapid.IntRange(0, 9).Draw(t, "none") == 0 {
		return nil
	}
	return &controlv1.Figures{
		Sent: n("sent"), LostTo: n("to"), LostFrom: n("from"), Lost: n("lost"), RoundTripP50: n("p50"), RoundTripP95: n("p95"), RoundTripP99: n("p99"), Jitter: n("jitter"),
		Segments: n("segments"), Retransmitted: n("again"), DeliveryRate: n("delivery"), IngressRate: n("ingress"), Held: n("held"), SpanRate: n("span"),
	}
}

// sound fails unless figures can be true.
func sound(t *rapid.T, f acts.Figures, within time.Duration) {
	if f.Lost > f.Sent || f.LostTo+f.LostFrom > f.Lost || f.Retransmitted > f.Segments || f.Held < 0 || f.Held > within {
		t.Fatalf("%+v", f)
	}
	for _, share := range []float64{f.Loss(), f.LossTo(), f.LossFrom(), f.Retransmission()} {
		if !(share >= 0 && share <= 1) {
			t.Fatalf("a share of %g in %+v", share, f)
		}
	}
	for _, d := range []time.Duration{f.RoundTripP50, f.RoundTripP95, f.RoundTripP99, f.Jitter} {
		if d < 0 || d > time.Hour {
			t.Fatalf("a time of %s", d)
		}
	}
	for _, rate := range []uint64{f.DeliveryRate, f.IngressRate, f.SpanRate} {
		if rate > 1e15 {
			t.Fatalf("a rate of %d", rate)
		}
	}
}

func TestAbsurdFindingsAreBroughtWithinWhatCanBe(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &controlv1.Quality{Capacity: rapid.Uint64().Draw(t, "capacity"), CapacityAt: rapid.Int64().Draw(t, "tested")}
		for range rapid.IntRange(0, maxWindows).Draw(t, "windows") {
			m.Windows = append(m.Windows, &controlv1.Quality_Window{Seconds: rapid.SampledFrom([]uint32{0, 10, 60, 900, math.MaxUint32}).Draw(t, "seconds"), Figures: absurdFigures(t)})
		}
		for range rapid.IntRange(0, maxJudgements).Draw(t, "judgements") {
			m.Judgements = append(m.Judgements, &controlv1.Judgement{
				Limit: controlv1.Judgement_Limit(rapid.Int32Range(-1, 7).Draw(t, "limit")), Verdict: controlv1.Judgement_Verdict(rapid.Int32Range(-1, 5).Draw(t, "verdict")),
				Since: rapid.Int64().Draw(t, "since"), Value: absurd(t, "value"), Bound: absurd(t, "bound"),
				Toward: controlv1.Judgement_Verdict(rapid.Int32Range(-1, 5).Draw(t, "toward")), TowardFor: rapid.OneOf(rapid.Uint32(), rapid.Just(uint32(math.MaxUint32))).Draw(t, "for"),
			})
		}
		q := qualityOf(m, now)
		if len(q.Windows) > 3 || len(q.Limits) != 5 {
			t.Fatalf("%d windows, %d limits", len(q.Windows), len(q.Limits))
		}
		if q.Capacity > 1e15 || q.CapacityAt.After(now) || !q.CapacityAt.IsZero() && (q.CapacityAt.Unix() <= 0 || q.Capacity == 0) {
			t.Fatalf("a capacity of %d, measured %s", q.Capacity, q.CapacityAt)
		}
		worst := acts.VerdictUnknown
		for i, j := range q.Limits {
			if j.Limit != acts.Limits()[i] || !(j.Amount >= 0 && j.Amount <= 1e15) || !(j.Bound >= 0 && j.Bound <= 1e15) || j.Since.After(now) || !j.Since.IsZero() && j.Since.Unix() <= 0 {
				t.Fatalf("%+v", j)
			}
			if j.ToFor < 0 || j.ToFor > 24*time.Hour || j.Toward == "" && j.ToFor > 0 ||
				j.Toward != "" && (j.Toward == j.Verdict || !j.Toward.Worse(acts.VerdictUnknown) || !j.Verdict.Worse(acts.VerdictUnknown)) {
				t.Fatalf("%s is on its way to %q for %s", j.Verdict, j.Toward, j.ToFor)
			}
			if j.Verdict.Worse(worst) {
				worst = j.Verdict
			}
			if len(j.Value()) > 32 || len(j.Most()) > 32 {
				t.Fatalf("texts %q and %q", j.Value(), j.Most())
			}
		}
		if worst == acts.VerdictOK && q.Limits[0].Verdict == acts.VerdictUnknown {
			worst = acts.VerdictUnknown // a link whose loss nobody measures is not OK
		}
		if q.Verdict != worst {
			t.Fatalf("in all %s, the worst is %s", q.Verdict, worst)
		}
		for i, w := range q.Windows {
			if i > 0 && q.Windows[i-1].Window >= w.Window {
				t.Fatalf("windows %s and %s", q.Windows[i-1].Window, w.Window)
			}
			sound(t, w.Figures, w.Window)
		}
	})
}

// TestACapacityIsKnownBeforeItsLimitIsMeasured has a Sensor that was tested and
// names no SPAN interface, and one of a version that does not say its capacity.
func TestACapacityIsKnownBeforeItsLimitIsMeasured(t *testing.T) {
	t.Parallel()
	limit := []*controlv1.Judgement{{Limit: controlv1.Judgement_LIMIT_CAPACITY}}
	q := qualityOf(&controlv1.Quality{Judgements: limit, Capacity: 1_098_000, CapacityAt: 1_800_000_000}, now)
	if why := q.WhyNot(q.Limits[4]); q.Capacity != 1_098_000 || q.CapacityAt.Unix() != 1_800_000_000 || strings.Contains(why, "link test") || !strings.Contains(why, "The SPAN traffic is not known") {
		t.Errorf("%+v: %s", q, why)
	}
	for at, next := range map[int64]string{0: "correct channel_capacity_mbit", 1_800_000_000: "`sensor link test` measures"} {
		small := []*controlv1.Judgement{{Limit: controlv1.Judgement_LIMIT_CAPACITY, Verdict: controlv1.Judgement_VERDICT_WARNING}}
		q := qualityOf(&controlv1.Quality{Judgements: small, Capacity: 1_098_000, CapacityAt: at}, now)
		if got := q.Limits[4].Next(); !strings.Contains(got, next) {
			t.Errorf("measured at %d: %q, want %q", at, got, next)
		}
	}
	q = qualityOf(&controlv1.Quality{Judgements: limit}, now)
	if why := q.WhyNot(q.Limits[4]); q.Capacity != 0 || !strings.Contains(why, "link test") {
		t.Errorf("%+v: %s", q, why)
	}
}

// TestHowACapacityIsKnownIsTold has one of a setting, one that was measured, one
// whose test was bounded, and one whose Sensor's clock is ahead.
func TestHowACapacityIsKnownIsTold(t *testing.T) {
	t.Parallel()
	when := func(at time.Time) string { return at.UTC().Format(time.DateOnly) }
	for want, m := range map[string]*controlv1.Quality{
		"5 Mbit/s, as configured":                               {Capacity: 5e6},
		"6 Mbit/s, as configured":                               {Capacity: 6e6, CapacityAtLeast: true},
		"5 Mbit/s, measured 2020-09-13":                         {Capacity: 5e6, CapacityAt: 1_600_000_000},
		"at least 5 Mbit/s, measured 2020-09-13":                {Capacity: 5e6, CapacityAt: 1_600_000_000, CapacityAtLeast: true},
		"5 Mbit/s, measured " + now.UTC().Format(time.DateOnly): {Capacity: 5e6, CapacityAt: now.Add(72 * time.Hour).Unix()},
	} {
		m.Judgements = []*controlv1.Judgement{{Limit: controlv1.Judgement_LIMIT_CAPACITY, Verdict: controlv1.Judgement_VERDICT_OK, Value: 5e6, Bound: 1e6}}
		q := qualityOf(m, now)
		if got := q.CapacityText(when); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if least := strings.HasPrefix(want, "at least"); q.Limits[4].AtLeast != least || strings.HasPrefix(q.Limits[4].Value(), "at least ") != least {
			t.Errorf("%s: %+v", want, q.Limits[4])
		}
	}
}

func TestHistoryIsSortedBoundedAndOfTheLastDay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var h history
		newest := make(map[int64]controlv1.Judgement_Verdict)
		clock := now
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			clock = clock.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "later")))
			m := &controlv1.Quality{}
			first := clock.Truncate(time.Minute).Add(-time.Duration(rapid.IntRange(-10, 1500).Draw(t, "from")) * time.Minute)
			figures := absurdFigures(t)
			for i := range rapid.IntRange(0, maxMinutes).Draw(t, "minutes") {
				start := first.Add(time.Duration(i) * time.Minute).Unix()
				if rapid.IntRange(0, 99).Draw(t, "broken") == 0 {
					start = rapid.Int64().Draw(t, "start")
				}
				verdict := controlv1.Judgement_Verdict(rapid.Int32Range(-1, 4).Draw(t, "verdict"))
				m.Minutes = append(m.Minutes, &controlv1.Quality_Minute{Start: start, Verdict: verdict, Figures: figures})
				if start%60 == 0 && start > clock.Add(-24*time.Hour).Unix() && start <= clock.Add(time.Minute).Unix() {
					newest[start] = verdict
				}
			}
			h.forget(clock)
			minutes, _ := minutesOf(m, clock)
			h.add(minutes)
		}
		h.forget(clock)
		shown := h.between(time.Time{}, time.Time{})
		if len(shown) > 1441 {
			t.Fatalf("%d minutes", len(shown))
		}
		for i, m := range shown {
			if i > 0 && !shown[i-1].Start.Before(m.Start) {
				t.Fatalf("%s is followed by %s", shown[i-1].Start, m.Start)
			}
			if m.Verdict != verdictOf(newest[m.Start.Unix()]) {
				t.Fatalf("the minute of %s is %s, and was said to be %s last", m.Start, m.Verdict, newest[m.Start.Unix()])
			}
			sound(t, m.Figures, time.Minute)
		}
		kept := 0
		for start := range newest {
			if start > clock.Add(-24*time.Hour).Unix() {
				kept++
			}
		}
		if kept != len(shown) {
			t.Fatalf("%d minutes are kept of %d", len(shown), kept)
		}
	})
}

func TestHistoryKeepsADayInLittleMemory(t *testing.T) {
	t.Parallel()
	f := &controlv1.Figures{
		Sent: 1200, LostTo: 7, LostFrom: 8, Lost: 16, RoundTripP50: 1_234_000, RoundTripP95: 2_345_000, RoundTripP99: 3_456_000, Jitter: 99_000,
		Segments: 5000, Retransmitted: 50, DeliveryRate: 987_654_321, IngressRate: 123_456_789, Held: uint64(time.Second), SpanRate: 9_876_543_210,
	}
	var h history
	m := &controlv1.Quality{}
	for i := range 3000 {
		m.Minutes = append(m.Minutes, &controlv1.Quality_Minute{Start: now.Truncate(time.Minute).Add(time.Duration(i-2999) * time.Minute).Unix(), Figures: f, Verdict: controlv1.Judgement_VERDICT_WARNING})
	}
	for part := range slices.Chunk(m.Minutes, maxMinutes) {
		minutes, _ := minutesOf(&controlv1.Quality{Minutes: part}, now)
		h.add(minutes)
	}
	shown := h.between(time.Time{}, time.Time{})
	want := acts.Figures{
		Sent: 1200, LostTo: 7, LostFrom: 8, Lost: 16, RoundTripP50: 1234 * time.Microsecond, RoundTripP95: 2345 * time.Microsecond, RoundTripP99: 3456 * time.Microsecond,
		Jitter: 99 * time.Microsecond, Segments: 5000, Retransmitted: 50, DeliveryRate: 987_654_321, IngressRate: 123_456_789, Held: time.Second, SpanRate: 9_876_543_210,
	}
	if len(shown) != 1440 || shown[0].Figures != want || shown[0].Verdict != acts.VerdictWarning {
		t.Errorf("%d minutes, the first %+v", len(shown), shown[0])
	}
	if bytes := cap(h.minutes) * 80; bytes > 200<<10 {
		t.Errorf("%d bytes for a day", bytes)
	}
	half := h.between(now.Add(-12*time.Hour), now.Add(-6*time.Hour))
	if len(half) != 360 || half[0].Start.Before(now.Add(-12*time.Hour)) || !half[359].Start.Before(now.Add(-6*time.Hour)) {
		t.Errorf("%d minutes of 6 hours", len(half))
	}
	h.forget(now.Add(25 * time.Hour))
	if h.minutes != nil {
		t.Errorf("%d minutes are left", len(h.minutes))
	}
}
