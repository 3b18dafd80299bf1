package admintest

import (
	"math"
	"time"

	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

// AcceptedSensor is a Sensor that was accepted.
func (w *World) AcceptedSensor(name string) *sensortest.Sensor {
	w.t.Helper()
	s := w.AskingSensor(name)
	if _, err := w.AcceptSensorServer(w.t.Context(), Local(), acts.DecideSensorServer{Which: s.Identity.Fingerprint().String()}); err != nil {
		w.t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_ACCEPTED)
	return s
}

// Measured is a day that a Sensor measured up to a time: quiet hours, two
// without link, and a bad line for some two, half of which goes beyond the
// limits of loss and delay.
func Measured(until time.Time) (day []acts.QualityMinute) {
	const minutes = 24 * 60
	for i := range minutes {
		if i >= 300 && i < 420 {
			continue
		}
		bad := math.Exp(-math.Pow(float64(i-1000)/60, 2))
		noise := float64(i*7919%100) / 100
		lost := uint64(bad*190 + 3*noise*noise)
		m := acts.QualityMinute{Start: until.Add(time.Duration(i-minutes) * time.Minute), Verdict: acts.VerdictOK, Figures: acts.Figures{
			Sent: 1200, Lost: lost, LostTo: lost * 2 / 3, LostFrom: lost / 3,
			RoundTripP50: milliseconds(21 + noise + 15*bad), RoundTripP95: milliseconds(24 + 4*noise + 70*bad), RoundTripP99: milliseconds(27 + 12*noise + 110*bad),
			Jitter: milliseconds(1 + noise), Segments: 40_000, Retransmitted: uint64(40 + 4000*bad), DeliveryRate: 180_000_000, IngressRate: uint64(5e7 + 3e7*math.Sin(float64(i)/200) + 4e6*noise),
		}}
		switch {
		case bad > 0.6:
			m.Verdict = acts.VerdictExceeded
		case bad > 0.4:
			m.Verdict = acts.VerdictWarning
		}
		day = append(day, m)
	}
	return day
}

func milliseconds(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }

// Worst is what a Sensor finds in the worst minute of such a day: beyond one
// limit, near another, well within a third, and one that is not measured.
func Worst(now time.Time) acts.LinkQuality {
	var worst acts.Figures
	for _, m := range Measured(now) {
		if m.Lost >= worst.Lost {
			worst = m.Figures
		}
	}
	return acts.LinkQuality{
		Verdict: acts.VerdictExceeded, Copying: true,
		Limits: []acts.Judged{
			{Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded, Since: now.Add(-90 * time.Second), Amount: worst.Loss(), Bound: acts.MaxLoss},
			{Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Since: now.Add(-time.Minute), Amount: worst.RoundTripP95.Seconds(), Bound: acts.MaxDelay.Seconds()},
			{Limit: acts.LimitJoint, Verdict: acts.VerdictExceeded, Since: now.Add(-90 * time.Second), Amount: worst.Loss() / acts.MaxLoss, Bound: 1},
			{Limit: acts.LimitIngress, Verdict: acts.VerdictOK, Since: now.Add(-time.Hour), Amount: float64(worst.IngressRate), Bound: 200_000_000},
			{Limit: acts.LimitCapacity, Verdict: acts.VerdictUnknown},
		},
		Windows: []acts.QualityWindow{{Window: 10 * time.Second, Figures: worst}, {Window: time.Minute, Figures: worst}, {Window: 15 * time.Minute, Figures: worst}},
	}
}

// Reports are the messages that tell what a Sensor finds, as many as the minutes
// need.
func Reports(q acts.LinkQuality, minutes []acts.QualityMinute) (out []*controlv1.Quality) {
	const most = 200 // minutes in a message
	for {
		m := &controlv1.Quality{Copying: q.Copying, Capacity: q.Capacity, CapacityAtLeast: q.CapacityAtLeast}
		if !q.CapacityAt.IsZero() {
			m.CapacityAt = q.CapacityAt.Unix()
		}
		for _, j := range q.Limits {
			said := &controlv1.Judgement{Limit: limits[j.Limit], Verdict: verdicts[j.Verdict], Value: j.Amount, Bound: j.Bound, Toward: verdicts[j.Toward], TowardFor: uint32(j.ToFor / time.Second)}
			if !j.Since.IsZero() {
				said.Since = j.Since.Unix()
			}
			m.Judgements = append(m.Judgements, said)
		}
		for _, w := range q.Windows {
			m.Windows = append(m.Windows, &controlv1.Quality_Window{Seconds: uint32(w.Window / time.Second), Figures: figures(w.Figures)})
		}
		n := min(most, len(minutes))
		for _, one := range minutes[:n] {
			m.Minutes = append(m.Minutes, &controlv1.Quality_Minute{Start: one.Start.Unix(), Verdict: verdicts[one.Verdict], Figures: figures(one.Figures)})
		}
		out, minutes = append(out, m), minutes[n:]
		if len(minutes) == 0 {
			return out
		}
	}
}

// Finds has a Sensor say what it finds of its link.
func (w *World) Finds(s *sensortest.Sensor, q acts.LinkQuality, minutes []acts.QualityMinute) {
	w.t.Helper()
	for _, m := range Reports(q, minutes) {
		if err := s.Say(&controlv1.FromSensor{Message: &controlv1.FromSensor_Quality{Quality: m}}); err != nil {
			w.t.Fatal(err)
		}
	}
}

var (
	limits = map[acts.LimitName]controlv1.Judgement_Limit{
		acts.LimitLoss: controlv1.Judgement_LIMIT_LOSS, acts.LimitDelay: controlv1.Judgement_LIMIT_DELAY, acts.LimitJoint: controlv1.Judgement_LIMIT_JOINT,
		acts.LimitIngress: controlv1.Judgement_LIMIT_INGRESS, acts.LimitCapacity: controlv1.Judgement_LIMIT_CAPACITY,
	}
	verdicts = map[acts.Verdict]controlv1.Judgement_Verdict{
		acts.VerdictOK: controlv1.Judgement_VERDICT_OK, acts.VerdictWarning: controlv1.Judgement_VERDICT_WARNING, acts.VerdictExceeded: controlv1.Judgement_VERDICT_EXCEEDED,
	}
)

func figures(f acts.Figures) *controlv1.Figures {
	return &controlv1.Figures{
		Sent: f.Sent, Lost: f.Lost, LostTo: f.LostTo, LostFrom: f.LostFrom,
		RoundTripP50: uint64(f.RoundTripP50), RoundTripP95: uint64(f.RoundTripP95), RoundTripP99: uint64(f.RoundTripP99), Jitter: uint64(f.Jitter),
		Segments: f.Segments, Retransmitted: f.Retransmitted, DeliveryRate: f.DeliveryRate, IngressRate: f.IngressRate, Held: uint64(f.Held), SpanRate: f.SpanRate,
	}
}
