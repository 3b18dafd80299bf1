package adminmenu

import (
	"context"
	"time"

	"vedette/internal/acts"
)

func (f fakeSensor) TestLink(ctx context.Context, who acts.Actor, in acts.TestLink) (acts.LinkTest, error) {
	if err := f.begin(ctx, "TestLink"); err != nil {
		return acts.LinkTest{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tested = append(f.tested, in)
	f.record(who, "link test")
	return acts.LinkTest{
		Back: in.Back, Duration: in.Duration, Measured: 2_600 * time.Millisecond, Bytes: 257_500_000, Rate: 412_000_000, Others: 1_200_000, Capacity: 413_200_000, Bounded: in.Rate < 413_200_000,
		RoundTripBefore: 20100 * time.Microsecond, RoundTripDuring: 48300 * time.Microsecond, Time: time.Now(),
	}, nil
}

func (f fakeSensor) LinkHistory(ctx context.Context, _ acts.Actor, _ acts.ViewHistory) ([]acts.QualityMinute, error) {
	return f.history(ctx, "LinkHistory")
}

func (f fakeCentral) SensorHistory(ctx context.Context, _ acts.Actor, which string, _ acts.ViewHistory) ([]acts.QualityMinute, error) {
	f.change(func(f *fake) { f.historyOf = which })
	return f.history(ctx, "SensorHistory")
}

func (f *fake) history(ctx context.Context, method string) ([]acts.QualityMinute, error) {
	if err := f.begin(ctx, method); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.minutes, nil
}

// quality is that of a link which is well, by its last minute.
func quality() acts.LinkQuality {
	well := acts.Figures{
		Sent: 200, Lost: 1, LostTo: 1, RoundTripP50: 20 * time.Millisecond, RoundTripP95: 21500 * time.Microsecond, RoundTripP99: 24 * time.Millisecond,
		Jitter: 300 * time.Microsecond, Segments: 4000, Retransmitted: 20, DeliveryRate: 518_500_000, IngressRate: 250_000_000,
	}
	minute, quarter := well, well
	minute.Sent, quarter.Sent = 1200, 18_000
	since := time.Now().Add(-3 * time.Hour)
	return acts.LinkQuality{
		Verdict: acts.VerdictOK,
		Limits: []acts.Judged{
			{Limit: acts.LimitLoss, Verdict: acts.VerdictOK, Since: since, Amount: minute.Loss(), Bound: acts.MaxLoss},
			{Limit: acts.LimitDelay, Verdict: acts.VerdictOK, Since: since, Amount: minute.RoundTripP95.Seconds(), Bound: acts.MaxDelay.Seconds()},
			{Limit: acts.LimitJoint, Verdict: acts.VerdictOK, Since: since, Amount: 0.215, Bound: 1},
			{Limit: acts.LimitIngress, Verdict: acts.VerdictOK, Since: since, Amount: 250_000_000, Bound: acts.MaxIngress},
			{Limit: acts.LimitCapacity, Verdict: acts.VerdictUnknown},
		},
		Windows: []acts.QualityWindow{{Window: 10 * time.Second, Figures: well}, {Window: time.Minute, Figures: minute}, {Window: 15 * time.Minute, Figures: quarter}},
	}
}

// worse is that of a link which loses too much.
func worse() acts.LinkQuality {
	q := quality()
	q.Verdict, q.Copying, q.CopiedBytes, q.SentBytes = acts.VerdictExceeded, true, 1_200_000, 34_000_000
	q.Limits[0].Verdict, q.Limits[0].Amount, q.Limits[0].Since = acts.VerdictExceeded, 0.123, time.Now().Add(-75*time.Second)
	q.Limits[2].Verdict, q.Limits[2].Amount, q.Limits[2].Since = acts.VerdictExceeded, 1.23, time.Now().Add(-75*time.Second)
	q.Limits[1].Verdict, q.Limits[1].Amount = acts.VerdictWarning, 0.084
	q.Capacity, q.CapacityAt = 413_200_000, time.Now().Add(-time.Hour)
	q.Limits[4] = acts.Judged{Limit: acts.LimitCapacity, Verdict: acts.VerdictOK, Amount: 413_200_000, Bound: 150_000_000, Since: q.CapacityAt}
	for i := range q.Windows {
		q.Windows[i].Lost, q.Windows[i].LostFrom = q.Windows[i].Sent/8, q.Windows[i].Sent/8-1
		q.Windows[i].SpanRate, q.Windows[i].Held = 1_000_000_000, time.Duration(i)*time.Second
	}
	return q
}

// measuredFor gives the daemon a history up to now, bad in a quarter of an hour
// an hour ago, and without packets before that.
func (f *fake) measuredFor(d time.Duration) {
	f.change(func(f *fake) {
		f.minutes = nil
		for at := time.Now().Add(-d).Truncate(time.Minute); at.Before(time.Now()); at = at.Add(time.Minute) {
			m := acts.QualityMinute{Start: at, Verdict: acts.VerdictOK, Figures: quality().Windows[1].Figures}
			switch ago := time.Since(at); {
			case ago > 60*time.Minute && ago <= 75*time.Minute:
				m.Verdict, m.Lost, m.LostFrom, m.RoundTripP95, m.Held = acts.VerdictExceeded, 160, 159, 1234*time.Millisecond, 700*time.Millisecond
			case ago > 75*time.Minute && ago <= 90*time.Minute:
				m = acts.QualityMinute{Start: at, Verdict: acts.VerdictUnknown, Figures: acts.Figures{IngressRate: 1000}}
			}
			f.minutes = append(f.minutes, m)
		}
	})
}
