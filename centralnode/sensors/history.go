package sensors

import (
	"cmp"
	"slices"
	"time"

	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

// Bounds of the history of a Sensor's link.
const (
	historyTime = 24 * time.Hour
	// clockSkew is how far a Sensor's clock may be ahead of this one.
	clockSkew = time.Minute
	// keptMinutes are those that have begun within historyTime, and the one that
	// clockSkew lets in.
	keptMinutes = int(historyTime/time.Minute) + 1
	// lateMinutes is how old a minute may be before a Sensor's clock must be wrong:
	// they wait for the link.
	lateMinutes = historyTime + time.Hour
)

// minute is a acts.QualityMinute in 80 bytes, so that a day of a Sensor takes
// 113 KiB. Times are in microseconds.
type minute struct {
	start                           uint32 // minutes since 1970
	verdict                         controlv1.Judgement_Verdict
	sent, lost, lostTo, lostFrom    uint32
	p50, p95, p99, jitter, held     uint32
	segments, retransmitted         uint32
	deliveryRate, ingressRate, span uint64
}

// history is the minutes of a link in their order, each once.
type history struct {
	minutes []minute
	unsaved uint32 // the slots that have changed since they were kept, a bit each
}

// minutesOf reads the minutes of a message that are of the last day. strange
// says that there are others, so that one of the clocks must be wrong.
func minutesOf(m *controlv1.Quality, now time.Time) (minutes []minute, strange bool) {
	first, last := now.Add(-historyTime), now.Add(clockSkew)
	for _, f := range m.GetMinutes() {
		start := f.GetStart()
		switch {
		case start > last.Unix(), start < now.Add(-lateMinutes).Unix():
			strange = true
		case start%60 == 0 && start > first.Unix():
			minutes = append(minutes, minuteOf(uint32(start/60), f))
		}
	}
	return minutes, strange
}

func minuteOf(start uint32, m *controlv1.Quality_Minute) minute {
	f := figures(m.GetFigures(), time.Minute)
	verdict := m.GetVerdict()
	if verdictOf(verdict) == acts.VerdictUnknown {
		verdict = controlv1.Judgement_VERDICT_UNSPECIFIED
	}
	return minute{
		start: start, verdict: verdict,
		sent: uint32(f.Sent), lost: uint32(f.Lost), lostTo: uint32(f.LostTo), lostFrom: uint32(f.LostFrom),
		p50: micros(f.RoundTripP50), p95: micros(f.RoundTripP95), p99: micros(f.RoundTripP99), jitter: micros(f.Jitter), held: micros(f.Held),
		segments: uint32(f.Segments), retransmitted: uint32(f.Retransmitted),
		deliveryRate: f.DeliveryRate, ingressRate: f.IngressRate, span: f.SpanRate,
	}
}

// micros is a time of at most an hour.
func micros(d time.Duration) uint32 { return uint32(d.Round(time.Microsecond) / time.Microsecond) }

func (m minute) shown() acts.QualityMinute {
	span := func(micros uint32) time.Duration { return time.Duration(micros) * time.Microsecond }
	return acts.QualityMinute{Start: m.time(), Verdict: verdictOf(m.verdict), Figures: acts.Figures{
		Sent: uint64(m.sent), Lost: uint64(m.lost), LostTo: uint64(m.lostTo), LostFrom: uint64(m.lostFrom),
		RoundTripP50: span(m.p50), RoundTripP95: span(m.p95), RoundTripP99: span(m.p99), Jitter: span(m.jitter), Held: span(m.held),
		Segments: uint64(m.segments), Retransmitted: uint64(m.retransmitted),
		DeliveryRate: m.deliveryRate, IngressRate: m.ingressRate, SpanRate: m.span,
	}}
}

func (m minute) time() time.Time { return time.Unix(60*int64(m.start), 0).UTC() }

// add keeps minutes; one that is there already is replaced.
func (h *history) add(minutes []minute) {
	for _, m := range minutes {
		at, found := slices.BinarySearchFunc(h.minutes, m.start, func(m minute, start uint32) int { return cmp.Compare(m.start, start) })
		switch {
		case !found:
			h.minutes = slices.Insert(h.minutes, at, m)
		case h.minutes[at] == m:
			continue // a Sensor tells its day anew on every link
		default:
			h.minutes[at] = m
		}
		h.unsaved |= 1 << m.slot()
	}
	if over := len(h.minutes) - keptMinutes; over > 0 {
		h.minutes = slices.Delete(h.minutes, 0, over)
	}
}

// forget forgets the minutes that are over a day old.
func (h *history) forget(now time.Time) {
	first := now.Add(-historyTime)
	old := 0
	for old < len(h.minutes) && !h.minutes[old].time().After(first) {
		old++
	}
	h.minutes = slices.Delete(h.minutes, 0, old)
	if len(h.minutes) == 0 {
		h.minutes = nil
	}
}

// between gives the minutes that began from one time on and before another; the
// zero ones are the beginning and the end.
func (h *history) between(from, to time.Time) []acts.QualityMinute {
	var out []acts.QualityMinute
	for _, m := range h.minutes {
		if at := m.time(); !at.Before(from) && (to.IsZero() || at.Before(to)) {
			out = append(out, m.shown())
		}
	}
	return out
}
