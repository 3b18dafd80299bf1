package acts_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/internal/acts"
)

func minute(at string, v acts.Verdict, f acts.Figures) acts.QualityMinute {
	start, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return acts.QualityMinute{Start: start, Verdict: v, Figures: f}
}

func TestMinutesBecomeQuarterHours(t *testing.T) {
	ms := time.Millisecond
	steps := acts.Steps([]acts.QualityMinute{
		minute("2026-11-22T10:13:00+02:00", acts.VerdictOK, acts.Figures{Sent: 100, Lost: 1, LostTo: 1, RoundTripP50: 20 * ms, RoundTripP95: 25 * ms, RoundTripP99: 26 * ms, Jitter: 2 * ms, DeliveryRate: 10, IngressRate: 30}),
		minute("2026-11-22T08:14:00Z", acts.VerdictExceeded, acts.Figures{Sent: 300, Lost: 99, LostFrom: 98, RoundTripP50: 90 * ms, RoundTripP95: 95 * ms, RoundTripP99: 99 * ms, Jitter: 4 * ms, DeliveryRate: 30, Held: time.Second}),
		minute("2026-11-22T08:15:00Z", acts.VerdictUnknown, acts.Figures{IngressRate: 7}),
		minute("2026-11-22T08:16:00Z", acts.VerdictWarning, acts.Figures{Sent: 10, RoundTripP50: 5 * ms, Segments: 9, Retransmitted: 3}),
		minute("2026-11-22T09:00:00Z", acts.VerdictOK, acts.Figures{}),
	}, acts.QuarterHour)
	if len(steps) != 3 {
		t.Fatalf("%d steps: %+v", len(steps), steps)
	}
	want := []acts.QualityMinute{
		minute("2026-11-22T08:00:00Z", acts.VerdictExceeded, acts.Figures{Sent: 400, Lost: 100, LostTo: 1, LostFrom: 98, RoundTripP50: 20 * ms, RoundTripP95: 95 * ms, RoundTripP99: 99 * ms, Jitter: 3 * ms, DeliveryRate: 30, IngressRate: 15, Held: time.Second}),
		minute("2026-11-22T08:15:00Z", acts.VerdictWarning, acts.Figures{Sent: 10, RoundTripP50: 5 * ms, Segments: 9, Retransmitted: 3, IngressRate: 3}),
		minute("2026-11-22T09:00:00Z", acts.VerdictOK, acts.Figures{}),
	}
	want[1].Gaps = 1
	for i, w := range want {
		if steps[i] != w {
			t.Errorf("step %d is\n%+v\nwant\n%+v", i, steps[i], w)
		}
	}
}

func TestMinutesThatAreMissingAreGaps(t *testing.T) {
	ok := acts.Figures{Sent: 1200, IngressRate: 60, SpanRate: 600}
	all := acts.Unbroken([]acts.QualityMinute{
		minute("2026-11-22T08:13:00Z", acts.VerdictOK, ok),
		minute("2026-11-22T08:14:00Z", acts.VerdictOK, ok),
		minute("2026-11-22T08:18:00Z", acts.VerdictOK, ok), // the Sensor was down
		minute("2026-11-22T08:19:00Z", acts.VerdictOK, ok),
		minute("2026-11-22T08:46:00Z", acts.VerdictOK, ok), // and for longer
	})
	if len(all) != 34 {
		t.Fatalf("%d minutes", len(all))
	}
	for i, m := range all {
		if i > 0 && m.Start.Sub(all[i-1].Start) != time.Minute {
			t.Errorf("%s comes after %s", m.Start, all[i-1].Start)
		}
	}
	var gaps []int
	var said []string
	for _, s := range acts.Steps(all, acts.QuarterHour) {
		gaps, said = append(gaps, s.Gaps), append(said, s.VerdictText())
		if s.Sent > 0 && (s.IngressRate != 60 || s.SpanRate != 600) {
			t.Errorf("from %s: %+v", s.Start, s)
		}
	}
	if !slices.Equal(gaps, []int{0, 13, 15, 1}) || !slices.Equal(said, []string{"OK", "OK, 13 gaps", "", "OK, 1 gap"}) {
		t.Errorf("gaps %v, said %q", gaps, said)
	}
	far := acts.Unbroken([]acts.QualityMinute{minute("2020-01-01T00:00:00Z", acts.VerdictOK, ok), minute("2026-11-22T08:13:00Z", acts.VerdictOK, ok)})
	if len(far) > 2+24*60 {
		t.Errorf("a clock that jumped makes %d minutes", len(far))
	}
	if acts.Unbroken(nil) != nil {
		t.Error("of nothing comes something")
	}
}

func TestStepsLoseNoPacket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var minutes []acts.QualityMinute
		var sent uint64
		at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		for _, gap := range rapid.SliceOf(rapid.IntRange(1, 40)).Draw(t, "gaps") {
			at = at.Add(time.Duration(gap) * time.Minute)
			minutes = append(minutes, acts.QualityMinute{Start: at, Figures: acts.Figures{Sent: uint64(gap)}})
			sent += uint64(gap)
		}
		var last time.Time
		for _, s := range acts.Steps(minutes, acts.QuarterHour) {
			if !s.Start.After(last) || s.Start.Minute()%15 != 0 {
				t.Fatalf("a step begins at %s, the one before at %s", s.Start, last)
			}
			last, sent = s.Start, sent-s.Sent
		}
		if sent != 0 {
			t.Fatalf("%d packets were lost", sent)
		}
	})
}

func TestABarShowsTheLimitInItsBracket(t *testing.T) {
	for want, f := range map[string]acts.Figures{
		"":                {},
		"[..........]":    {Sent: 1000, Lost: 4},
		"[#.........]":    {Sent: 1000, Lost: 6},
		"[########..]":    {Sent: 1000, RoundTripP95: 80 * time.Millisecond},
		"[##########]":    {Sent: 1000, Lost: 100, RoundTripP95: 20 * time.Millisecond},
		"[##########]#":   {Sent: 1000, Lost: 101},
		"[##########]###": {Sent: 1000, Lost: 130},
		"[##########]##+": {Sent: 1000, RoundTripP95: 3 * time.Second},
	} {
		if got := f.UsedBar(); got != want {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
}

func TestAQuarterHourSaysHowManyOfItsMinutesWereNotMeasured(t *testing.T) {
	const unknown, ok, warning = acts.VerdictUnknown, acts.VerdictOK, acts.VerdictWarning
	for want, verdicts := range map[string][]acts.Verdict{
		"OK":              {ok, ok},
		"OK, 1 gap":       {ok, unknown},
		"Warning, 2 gaps": {unknown, warning, unknown, ok},
		"":                {unknown, unknown},
	} {
		var minutes []acts.QualityMinute
		for i, v := range verdicts {
			minutes = append(minutes, acts.QualityMinute{Start: time.Unix(int64(60*i), 0), Verdict: v})
		}
		if got := acts.Steps(minutes, acts.QuarterHour)[0].VerdictText(); got != want {
			t.Errorf("%v: %q, want %q", verdicts, got, want)
		}
	}
}
