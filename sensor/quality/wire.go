package quality

import (
	"time"

	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

// mostMinutes is how many minutes one message carries.
const mostMinutes = 200

// Wire is what the Central Node is told: all that is known now, and the minutes
// that began later than since, the oldest first, as many as a message carries.
// newest is when the last of them began, or since.
func (r *Room) Wire(since time.Time) (m *controlv1.Quality, newest time.Time) {
	now, look := r.c.Now(), r.Look()
	if since.After(now) {
		since = time.Time{} // the clock went back: what it names now is told again
	}
	newest = since
	m = &controlv1.Quality{Copying: look.Copying, Capacity: look.Capacity, CapacityAtLeast: look.CapacityAtLeast}
	if !look.CapacityAt.IsZero() {
		m.CapacityAt = look.CapacityAt.Unix()
	}
	for _, w := range look.Windows {
		m.Windows = append(m.Windows, &controlv1.Quality_Window{Seconds: uint32(w.Window / time.Second), Figures: figures(w.Figures)})
	}
	for _, j := range look.Limits {
		one := &controlv1.Judgement{Limit: limit(j.Limit), Verdict: verdict(j.Verdict), Value: j.Amount, Bound: j.Bound, Toward: verdict(j.Toward), TowardFor: uint32(j.ToFor / time.Second)}
		if !j.Since.IsZero() {
			one.Since = j.Since.Unix()
		}
		m.Judgements = append(m.Judgements, one)
	}
	from := since
	if !since.IsZero() {
		from = since.Add(time.Second)
	}
	r.mu.Lock()
	to := now
	if !r.doubtful.start.IsZero() {
		to = r.doubtful.start.Add(-time.Second) // what is told is not taken back
	}
	minutes := r.history.between(from, to, now)
	r.mu.Unlock()
	for _, one := range minutes[:min(len(minutes), mostMinutes)] {
		m.Minutes = append(m.Minutes, &controlv1.Quality_Minute{Start: one.Start.Unix(), Figures: figures(one.Figures), Verdict: verdict(one.Verdict)})
		newest = one.Start
	}
	return m, newest
}

func figures(f acts.Figures) *controlv1.Figures {
	return &controlv1.Figures{
		Sent: f.Sent, LostTo: f.LostTo, LostFrom: f.LostFrom, Lost: f.Lost,
		RoundTripP50: uint64(f.RoundTripP50), RoundTripP95: uint64(f.RoundTripP95), RoundTripP99: uint64(f.RoundTripP99), Jitter: uint64(f.Jitter),
		Segments: f.Segments, Retransmitted: f.Retransmitted, DeliveryRate: f.DeliveryRate,
		IngressRate: f.IngressRate, Held: uint64(f.Held), SpanRate: f.SpanRate,
	}
}

func limit(name acts.LimitName) controlv1.Judgement_Limit {
	switch name {
	case acts.LimitLoss:
		return controlv1.Judgement_LIMIT_LOSS
	case acts.LimitDelay:
		return controlv1.Judgement_LIMIT_DELAY
	case acts.LimitJoint:
		return controlv1.Judgement_LIMIT_JOINT
	case acts.LimitIngress:
		return controlv1.Judgement_LIMIT_INGRESS
	case acts.LimitCapacity:
		return controlv1.Judgement_LIMIT_CAPACITY
	}
	return controlv1.Judgement_LIMIT_UNSPECIFIED
}

func verdict(v acts.Verdict) controlv1.Judgement_Verdict {
	switch v {
	case acts.VerdictOK:
		return controlv1.Judgement_VERDICT_OK
	case acts.VerdictWarning:
		return controlv1.Judgement_VERDICT_WARNING
	case acts.VerdictExceeded:
		return controlv1.Judgement_VERDICT_EXCEEDED
	}
	return controlv1.Judgement_VERDICT_UNSPECIFIED
}
