package acts

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// QuarterHour is the step in which a history is read at a glance.
const QuarterHour = 15 * time.Minute

// Unbroken puts an empty minute in the place of each that is missing between the
// first and the last, at most a day of them: of these nothing is known, as when
// the Sensor did not run.
func Unbroken(minutes []QualityMinute) []QualityMinute {
	var out []QualityMinute
	left := int(24 * time.Hour / time.Minute)
	for i, m := range minutes {
		if i > 0 {
			at := minutes[i-1].Start.Add(time.Minute)
			for ; at.Before(m.Start) && left > 0; left-- {
				out = append(out, QualityMinute{Start: at, Verdict: VerdictUnknown})
				at = at.Add(time.Minute)
			}
		}
		out = append(out, m)
	}
	return out
}

// Known says whether there is any figure of a minute.
func (m QualityMinute) Known() bool { return m.Figures != Figures{} }

// Steps joins minutes, the oldest first, into steps that begin at whole
// multiples of step in UTC. Minutes that were not measured are counted as gaps.
// Counts are summed, rates and jitter averaged over the minutes that have them,
// but for the delivery rate, which is the greatest. The median is that of the
// minutes' medians; of the higher quantiles the worst minute's counts, which is
// an upper bound of the step's own. A step of which there is no minute is left out.
func Steps(minutes []QualityMinute, step time.Duration) []QualityMinute {
	var out []QualityMinute
	for len(minutes) > 0 {
		start := minutes[0].Start.UTC().Truncate(step)
		n := slices.IndexFunc(minutes, func(m QualityMinute) bool { return !m.Start.UTC().Truncate(step).Equal(start) })
		if n < 0 {
			n = len(minutes)
		}
		out = append(out, joined(start, minutes[:n]))
		minutes = minutes[n:]
	}
	return out
}

func joined(start time.Time, minutes []QualityMinute) QualityMinute {
	all := QualityMinute{Start: start, Verdict: VerdictUnknown}
	var medians []time.Duration
	var jitter, jitters time.Duration
	known := uint64(0)
	for _, m := range minutes {
		if m.Verdict.Worse(all.Verdict) {
			all.Verdict = m.Verdict
		}
		if m.Verdict == VerdictUnknown {
			all.Gaps++
		}
		if m.Known() {
			known++
		}
		all.Sent += m.Sent
		all.Lost += m.Lost
		all.LostTo += m.LostTo
		all.LostFrom += m.LostFrom
		if m.RoundTripP50 > 0 {
			medians = append(medians, m.RoundTripP50)
			jitter, jitters = jitter+m.Jitter, jitters+1
		}
		all.RoundTripP95 = max(all.RoundTripP95, m.RoundTripP95)
		all.RoundTripP99 = max(all.RoundTripP99, m.RoundTripP99)
		all.Segments += m.Segments
		all.Retransmitted += m.Retransmitted
		all.DeliveryRate = max(all.DeliveryRate, m.DeliveryRate)
		all.IngressRate += m.IngressRate
		all.SpanRate += m.SpanRate
		all.Held += m.Held
	}
	if known > 0 {
		all.IngressRate, all.SpanRate = all.IngressRate/known, all.SpanRate/known
	}
	if len(medians) > 0 {
		slices.Sort(medians)
		all.RoundTripP50, all.Jitter = medians[(len(medians)-1)/2], jitter/jitters
	}
	return all
}

// VerdictText is the verdict, and how many minutes have none: "OK, 3 gaps". It is
// empty when nothing was measured.
func (m QualityMinute) VerdictText() string {
	switch {
	case m.Verdict.rank() == 0:
		return ""
	case m.Gaps == 0:
		return string(m.Verdict)
	case m.Gaps == 1:
		return string(m.Verdict) + ", 1 gap"
	default:
		return fmt.Sprintf("%s, %d gaps", m.Verdict, m.Gaps)
	}
}

// Used is the larger of the parts of the limits of loss and of delay that are
// used up; 1 is the limit. False: neither was measured.
func (f Figures) Used() (float64, bool) {
	return max(f.Loss()/MaxLoss, f.RoundTripP95.Seconds()/MaxDelay.Seconds()), f.Sent > 0
}

// What a bar is drawn with: a mark for each tenth of the limit, and a few more
// behind it.
const (
	barTenths = 10
	barBeyond = 3
)

// UsedBar draws how much of the limits of loss and of delay is used up:
// "[###.......]", and behind the bracket what goes beyond, "[##########]##". It is
// empty when neither was measured.
func (f Figures) UsedBar() string {
	used, measured := f.Used()
	if !measured {
		return ""
	}
	tenths := min(int(math.Round(used*barTenths)), barTenths)
	bar := "[" + strings.Repeat("#", tenths) + strings.Repeat(".", barTenths-tenths) + "]"
	if used <= 1 {
		return bar
	}
	beyond := int(max(1, min(math.Round((used-1)*barTenths), barBeyond+1)))
	if beyond > barBeyond {
		return bar + strings.Repeat("#", barBeyond-1) + "+"
	}
	return bar + strings.Repeat("#", beyond)
}
