package main

import (
	"context"
	"time"

	"vedette/internal/acts"
)

// badQuality is that of a link which loses too much.
func badQuality() acts.LinkQuality {
	bad := acts.Figures{
		Sent: 200, Lost: 25, LostTo: 20, LostFrom: 5, RoundTripP50: 20 * time.Millisecond, RoundTripP95: 84 * time.Millisecond, RoundTripP99: 91 * time.Millisecond,
		Jitter: 300 * time.Microsecond, Segments: 4000, Retransmitted: 350, DeliveryRate: 18_500_000, IngressRate: 12_000, Held: 700 * time.Millisecond,
	}
	minute, quarter := bad, bad
	minute.Sent, minute.Lost, minute.LostTo, minute.LostFrom = 1200, 148, 100, 48
	quarter.Sent, quarter.Lost, quarter.LostTo, quarter.LostFrom, quarter.Held = 18_000, 360, 180, 180, 0
	return acts.LinkQuality{
		Verdict: acts.VerdictExceeded,
		Limits: []acts.Judged{
			{Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded, Since: epoch, Amount: 0.1233, Bound: acts.MaxLoss},
			{Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Since: epoch.Add(-time.Hour), Amount: 0.084, Bound: 0.1},
			{Limit: acts.LimitJoint, Verdict: acts.VerdictExceeded, Since: epoch, Amount: 1.233, Bound: 1},
			{Limit: acts.LimitIngress, Verdict: acts.VerdictOK, Since: epoch.Add(-24 * time.Hour), Amount: 12_000, Bound: acts.MaxIngress},
			{Limit: acts.LimitCapacity, Verdict: acts.VerdictUnknown, Bound: acts.CapacityShare},
		},
		Windows: []acts.QualityWindow{{Window: 10 * time.Second, Figures: bad}, {Window: time.Minute, Figures: minute}, {Window: 15 * time.Minute, Figures: quarter}},
		Copying: true, CopiedBytes: 1_200_000, SentBytes: 34_000_000,
	}
}

func (f *fakeAdmin) TestLink(ctx context.Context, _ acts.Actor, in acts.TestLink) (acts.LinkTest, error) {
	f.mu.Lock()
	state := f.central.State
	f.mu.Unlock()
	if state == acts.LinkUnconfigured {
		return acts.LinkTest{}, &acts.Error{Code: acts.Unavailable, Text: "there is no link to test", Hint: "see link status for what is missing"}
	}
	if in.Duration == 30*time.Second { // as long as somebody waits
		<-ctx.Done()
		return acts.LinkTest{}, ctx.Err()
	}
	return acts.LinkTest{
		Back: in.Back, Duration: in.Duration, Measured: 2_600 * time.Millisecond, Bytes: 257_500_000, Rate: 412_000_000, Others: 1_200_000, Capacity: 413_200_000, Bounded: in.Rate < 413_200_000,
		RoundTripBefore: 20100 * time.Microsecond, RoundTripDuring: 48300 * time.Microsecond, Time: epoch,
	}, nil
}

// LinkHistory has 40 minutes, in which the link gets bad.
func (f *fakeAdmin) LinkHistory(_ context.Context, _ acts.Actor, in acts.ViewHistory) (minutes []acts.QualityMinute, err error) {
	for i := range 40 {
		m := acts.QualityMinute{Start: epoch.Add(time.Duration(i) * time.Minute), Verdict: acts.VerdictOK, Figures: badQuality().Windows[2].Figures}
		if i >= 30 {
			m.Verdict, m.Figures = acts.VerdictExceeded, badQuality().Windows[1].Figures
		}
		if !m.Start.Before(in.From) && (in.To.IsZero() || m.Start.Before(in.To)) {
			minutes = append(minutes, m)
		}
	}
	return minutes, nil
}
