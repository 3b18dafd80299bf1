package quality

import (
	"math"
	"time"

	"vedette/internal/acts"
)

const (
	worseAfter  = 10 * time.Second // beyond a threshold
	betterAfter = time.Minute      // below betterShare of it
	betterShare = 0.9
	warnShare   = 0.8 // of a limit

	leastPackets = 200 // within the judged window: fewer prove nothing
	leastAnswers = 50
	leastTime    = 10 * time.Second // over which rates are measured

	jointShare = 0.5 // of both limits at once
	heldShare  = 0.1 // of the time
	doubt      = 5   // standard deviations
)

// evidence is what a loss was counted from.
type evidence struct{ lost, sent uint64 }

func lossOf(s summary) evidence { return evidence{s.Lost, s.Sent} }

func (e evidence) share() float64 {
	if e.sent == 0 {
		return 0
	}
	return float64(e.lost) / float64(e.sent)
}

// most is what the loss is at most, beyond doubt.
func (e evidence) most() float64 {
	if e.sent == 0 {
		return 0
	}
	p := e.share()
	return p + doubt*math.Sqrt(p*(1-p)/float64(e.sent))
}

// ratio is what a figure makes of its threshold at some loss: 1 is at it.
// Figures that are no loss are the same at every loss.
type ratio func(loss float64) float64

// threshold is crossed when its figure has been above it for worseAfter, and
// left when the figure has been below betterShare of it for betterAfter. Loss is
// counted from samples, and of a link that loses 10 % for hours many a minute
// has less than 9 %. So for leaving, what was lost meanwhile, or within the
// longest window when all of it came later than the crossing, must be below the
// threshold beyond doubt too.
type threshold struct {
	crossed time.Time // since when it is; zero: it is not
	above   time.Time // since when the figure is; zero: it is not
	below   time.Time // since when it is below betterShare
	sampled evidence  // since below, the window before it included
}

func (t *threshold) look(r ratio, s seen) {
	now, window := s.now, lossOf(s.minute)
	at := r(window.share())
	if at <= 1 {
		t.above = time.Time{}
	} else if t.above.IsZero() {
		t.above = now
	}
	switch {
	case at >= betterShare:
		t.below = time.Time{}
	case t.below.IsZero():
		t.below, t.sampled = now, window
	default:
		t.sampled.lost += s.newest.lost
		t.sampled.sent += s.newest.sent
	}
	switch {
	case t.crossed.IsZero():
		if !t.above.IsZero() && now.Sub(t.above) >= worseAfter {
			t.crossed = now
		}
	case t.below.IsZero() || now.Sub(t.below) < betterAfter:
	case r(t.sampled.most()) < 1, now.Sub(t.crossed) >= longest && r(lossOf(s.whole).most()) < 1:
		t.crossed = time.Time{}
	}
}

// judge is what is known of one limit.
type judge struct {
	acts.Judged
	measured   time.Time // since when there is a figure; zero: there is none
	warn, most threshold
	troubled   bool // the last that was told is Warning or Exceeded, or that this is not measured any more
}

// judges are those of all limits, in the order of acts.Limits.
type judges struct {
	all          []judge
	ingressLimit float64
}

func newJudges(ingressLimit uint64) judges {
	j := judges{ingressLimit: float64(ingressLimit)}
	bounds := map[acts.LimitName]float64{
		acts.LimitLoss: acts.MaxLoss, acts.LimitDelay: acts.MaxDelay.Seconds(), acts.LimitJoint: 1, acts.LimitIngress: j.ingressLimit,
	}
	for _, name := range acts.Limits() {
		j.all = append(j.all, judge{Judged: acts.Judged{Limit: name, Verdict: acts.VerdictUnknown, Bound: bounds[name]}})
	}
	return j
}

// change is a verdict that became another one.
type change struct {
	acts.Judged
	before acts.Verdict
}

// seen is what is judged.
type seen struct {
	minute, whole summary  // of the judged and of the longest window
	newest        evidence // of the last second
	capacity      uint64   // of the channel; zero: not known
	configured    bool     // the capacity is a setting
	atLeast       bool     // capacity is a lower bound
	now           time.Time
	wall          time.Time // what now is called
	away          bool      // there is no way to measure
	silent        bool      // nothing has been answered for a while: whether packets are lost, or the way is closed, is open
}

// resume begins where a link was in trouble before: which limits it was is not
// known, so of each it is told when it is well.
func (j *judges) resume() {
	for i := range j.all {
		j.all[i].troubled = true
	}
}

// look judges all limits anew and returns verdicts that changed, but for those
// that only say that a figure within its limit is, or is not, measured. What was
// told as trouble is told to be over, also when it was not measured in between.
func (j *judges) look(s seen) (changes []change) {
	for i := range j.all {
		one := &j.all[i]
		one.Toward, one.ToFor = "", 0
		before, probed := one.Verdict, one.Limit == acts.LimitLoss || one.Limit == acts.LimitDelay || one.Limit == acts.LimitJoint
		if probed && s.silent {
			continue
		}
		if probed && s.away || !j.judge(one, s) {
			*one = judge{Judged: acts.Judged{Limit: one.Limit, Verdict: one.Verdict, Since: one.Since, Bound: one.Bound, AtLeast: one.AtLeast}, troubled: one.troubled}
		}
		if after := one.verdict(s.now); after != before {
			one.Verdict, one.Since = after, s.wall.UTC().Round(0)
			if one.troubled = one.troubled || troubled(after); one.troubled {
				changes = append(changes, change{one.Judged, before})
			}
			one.troubled = one.troubled && after != acts.VerdictOK
		}
		one.Toward, one.ToFor = one.toward(s.now)
	}
	return changes
}

// toward is the verdict that the figure is on its way to, and for how long.
func (one *judge) toward(now time.Time) (acts.Verdict, time.Duration) {
	warn, most := &one.warn, &one.most
	switch {
	case one.Verdict == acts.VerdictUnknown:
	case most.crossed.IsZero() && !most.above.IsZero():
		return acts.VerdictExceeded, now.Sub(most.above)
	case most.crossed.IsZero() && warn.crossed.IsZero() && !warn.above.IsZero():
		return acts.VerdictWarning, now.Sub(warn.above)
	case !most.crossed.IsZero() && !most.below.IsZero() && (warn.crossed.IsZero() || !warn.below.IsZero()):
		return acts.VerdictOK, now.Sub(most.below)
	case !most.crossed.IsZero() && !most.below.IsZero():
		return acts.VerdictWarning, now.Sub(most.below)
	case one.Verdict == acts.VerdictWarning && !warn.below.IsZero():
		return acts.VerdictOK, now.Sub(warn.below)
	}
	return "", 0
}

func troubled(v acts.Verdict) bool { return v == acts.VerdictWarning || v == acts.VerdictExceeded }

func (one *judge) verdict(now time.Time) acts.Verdict {
	switch {
	case one.measured.IsZero():
		return acts.VerdictUnknown
	case !one.most.crossed.IsZero():
		return acts.VerdictExceeded
	case !one.warn.crossed.IsZero():
		return acts.VerdictWarning
	case now.Sub(one.measured) < worseAfter:
		return one.Verdict // too early to say that all is well
	}
	return acts.VerdictOK
}

// delayOf is the delay that is judged, in seconds. What may be the measurement's
// own is taken off, though never more than brings it to the limit.
func delayOf(s summary) float64 {
	p95 := s.RoundTripP95
	if p95 <= acts.MaxDelay {
		return p95.Seconds()
	}
	own := max(acts.OwnDelay, time.Duration(acts.OwnDelayShare*float64(p95)))
	return max(p95-own, acts.MaxDelay).Seconds()
}

// judge looks at one limit; false: there is no figure.
func (j *judges) judge(one *judge, s seen) bool {
	loss := s.minute.Loss() / acts.MaxLoss
	delay := delayOf(s.minute) / acts.MaxDelay.Seconds()
	counted := s.minute.Sent >= leastPackets && s.minute.answers > 0
	timed := counted && s.minute.answers >= leastAnswers
	always := func(at float64) ratio { return func(float64) float64 { return at } }
	switch one.Limit {
	case acts.LimitLoss:
		part := func(loss float64) float64 { return loss / acts.MaxLoss }
		return counted && one.look(s.minute.Loss(), func(l float64) float64 { return part(l) / warnShare }, part, s)
	case acts.LimitDelay:
		return timed && one.look(s.minute.RoundTripP95.Seconds(), always(delay/warnShare), always(delay), s)
	case acts.LimitJoint:
		larger := func(l float64) float64 { return max(l/acts.MaxLoss, delay) }
		warn := func(l float64) float64 {
			return max(larger(l)/warnShare, min(l/acts.MaxLoss, delay)/jointShare)
		}
		return timed && one.look(max(loss, s.minute.RoundTripP95.Seconds()/acts.MaxDelay.Seconds()), warn, larger, s)
	case acts.LimitIngress:
		held := s.minute.Held.Seconds() / max(s.minute.took, 1).Seconds()
		return s.minute.took >= leastTime && j.ingressLimit > 0 &&
			one.look(float64(s.minute.IngressRate), always(float64(s.minute.IngressRate)/(warnShare*j.ingressLimit)), always(held/heldShare), s)
	case acts.LimitCapacity:
		one.Bound, one.Configured, one.AtLeast = acts.CapacityShare*float64(s.whole.SpanRate), s.configured, s.atLeast
		if s.atLeast && float64(s.capacity) < one.Bound {
			return false // it may carry more
		}
		return s.capacity > 0 && s.whole.SpanRate > 0 && s.whole.took >= judged &&
			one.look(float64(s.capacity), always(one.Bound/float64(s.capacity)), always(0), s)
	}
	return false
}

// look takes the figure, and what it makes of both thresholds.
func (one *judge) look(amount float64, warn, most ratio, s seen) bool {
	if one.measured.IsZero() {
		one.measured = s.now
	}
	one.Amount = amount
	one.warn.look(warn, s)
	one.most.look(most, s)
	return true
}

func (j *judges) limits() []acts.Judged {
	out := make([]acts.Judged, len(j.all))
	for i, one := range j.all {
		out[i] = one.Judged
	}
	return out
}
