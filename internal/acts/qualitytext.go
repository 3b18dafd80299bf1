package acts

import (
	"fmt"
	"slices"
	"time"
)

// Worst lists the limits, the worst first; equal ones in the order of Limits,
// and those that are not measured behind all others.
func (q LinkQuality) Worst() []Judged {
	all := slices.Clone(q.Limits)
	slices.SortStableFunc(all, func(a, b Judged) int { return b.Verdict.rank() - a.Verdict.rank() })
	return all
}

// Stand says how the figure stands against its limit: "Warning, 8.4 % of
// 10.0 %", and "OK, 17.9 % of 10.0 %, beyond it for 4 s" while the verdict waits
// whether that lasts.
func (j Judged) Stand() string {
	if j.Verdict.rank() == 0 {
		return string(VerdictUnknown)
	}
	stand := string(j.Verdict) + ", " + j.Figure()
	if way := j.Way(); way != "" {
		stand += ", " + way
	}
	return stand
}

// Figure is the figure beside its bound: "8.4 % of 10.0 %".
func (j Judged) Figure() string {
	figure := j.Value() + " of " + j.Most()
	if j.Limit == LimitCapacity {
		figure = j.Value() + ", should be at least " + j.Most()
	}
	for _, note := range []string{j.Tolerated(), j.HeldBack()} {
		if note != "" {
			figure += " (" + note + ")"
		}
	}
	return figure
}

// HeldBack says what makes incoming traffic Exceeded: not its rate, which the
// limit itself keeps within its bound, but for how long agents had to wait.
func (j Judged) HeldBack() string {
	if j.Limit != LimitIngress || j.Verdict != VerdictExceeded {
		return ""
	}
	return "agents were held back"
}

// Tolerated says that the figure is beyond its bound by what may be the
// measurement's own, for which it is not Exceeded: "within the tolerance of
// 1.0 ms". It is empty when that is not so.
func (j Judged) Tolerated() string {
	own := OwnDelay.Seconds()
	switch j.Limit {
	case LimitDelay:
	case LimitJoint: // of a delay that is the larger part
		own /= MaxDelay.Seconds()
	default:
		return ""
	}
	own = max(own, OwnDelayShare*j.Amount)
	const rounding = 1e-9
	if j.Verdict.rank() == 0 || j.Verdict == VerdictExceeded || j.Toward == VerdictExceeded || j.Amount <= j.Bound || j.Amount-own > j.Bound+rounding {
		return ""
	}
	return "within the tolerance of " + j.text(own)
}

// Way says to what side of the limit the figure has been for how long, while the
// verdict waits whether that lasts: "beyond it for 4 s". It is empty when there is
// nothing to wait for.
func (j Judged) Way() string {
	if j.Verdict.rank() == 0 || j.Toward == "" {
		return ""
	}
	how := "near it"
	switch {
	case j.Verdict.Worse(j.Toward):
		how = "better"
	case j.Limit == LimitCapacity:
		how = "short of it"
	case j.Limit == LimitIngress && j.Toward == VerdictExceeded:
		how = "agents held back"
	case j.Toward == VerdictExceeded:
		how = "beyond it"
	}
	return how + " for " + WindowName(j.ToFor.Truncate(time.Second))
}

// Unreported says why nothing is known of the link of an accepted Sensor that is
// connected, and what to do; nothing when something is.
func (s SensorServer) Unreported() string {
	switch {
	case s.Quality != nil || !s.Connected || s.State != Accepted:
		return ""
	case !s.Mute:
		return "not reported now; a Sensor does so every few seconds"
	case s.Version == "":
		return "not reported: its version does not measure its link yet; update the Sensor"
	default:
		return "not reported: its version (" + s.Version + ") does not measure its link yet; update the Sensor"
	}
}

// capacityWindow is over which SPAN traffic is set against the channel.
const capacityWindow = 15 * time.Minute

// WhyNot says in a sentence why a limit of q is not measured, and what to do;
// nothing when it is measured; beside a verdict on loss, that nothing is answered
// now.
func (q LinkQuality) WhyNot(j Judged) string {
	switch {
	case j.Verdict.rank() > 0 && j.Limit == LimitLoss:
		return q.Unmeasured // it is said beside a verdict too
	case j.Verdict.rank() > 0:
		return ""
	case j.Limit == LimitIngress:
		return "The Sensor has not run for long enough."
	case j.Limit != LimitCapacity && q.Unmeasured == "":
		return "On the Sensor, `sensor link status` says why."
	case j.Limit != LimitCapacity:
		return q.Unmeasured
	case q.Capacity == 0:
		return "This needs the channel's capacity, which `sensor link test` measures, and the SPAN traffic, whose interfaces span_interfaces names."
	case q.CapacityAtLeast && float64(q.Capacity) < CapacityShare*float64(q.Last(capacityWindow).SpanRate):
		return "The last test was bounded, so the channel may carry more than it found: run `sensor link test` without --rate, and for longer (--seconds)."
	case slices.ContainsFunc(q.Windows, func(w QualityWindow) bool { return w.SpanRate > 0 }):
		return "The SPAN traffic was not measured for long enough."
	default:
		return "The SPAN traffic is not known: name its interfaces in span_interfaces of the Sensor's configuration."
	}
}

// CapacityText is what is known of the channel: from a setting, or from a test
// whose time is written by when; nothing when nothing is known.
func (q LinkQuality) CapacityText(when func(time.Time) string) string {
	switch {
	case q.Capacity == 0:
		return ""
	case q.CapacityAt.IsZero():
		return BitRate(q.Capacity) + ", as configured"
	default:
		return atLeast(q.CapacityAtLeast) + BitRate(q.Capacity) + ", measured " + when(q.CapacityAt)
	}
}

// CopyingText says whether small frames go on two lanes, and what that costs.
func (q LinkQuality) CopyingText() string {
	state := "off"
	if q.Copying {
		state = "on, small frames go on two lanes"
	}
	if q.CopiedBytes == 0 {
		return state
	}
	return fmt.Sprintf("%s; %s of the %s sent on this link were copies (%.1f %%)",
		state, ByteSize(q.CopiedBytes), ByteSize(q.SentBytes), 100*share(q.CopiedBytes, q.SentBytes))
}

// FigureRow is one kind of figure over all windows. An empty cell: not measured.
type FigureRow struct {
	Name  string
	Cells []string
}

// FigureTable is what the windows measured, a column for each; what no window
// has is left out where most links never have it.
func (q LinkQuality) FigureTable() (windows []string, rows []FigureRow) {
	for _, w := range q.Windows {
		windows = append(windows, WindowName(w.Window))
	}
	row := func(name string, always bool, cell func(Figures) string) {
		r := FigureRow{Name: name}
		for _, w := range q.Windows {
			c := cell(w.Figures)
			always = always || c != ""
			r.Cells = append(r.Cells, c)
		}
		if always {
			rows = append(rows, r)
		}
	}
	row("Packet loss", true, Figures.LossText)
	row("- to the Central Node", true, func(f Figures) string { return percentOf(f.Sent > 0, f.LossTo()) })
	row("- from the Central Node", true, func(f Figures) string { return percentOf(f.Sent > 0, f.LossFrom()) })
	row("Round trip p50", true, func(f Figures) string { return DelayText(f.RoundTripP50) })
	row("- p95", true, func(f Figures) string { return DelayText(f.RoundTripP95) })
	row("- p99", true, func(f Figures) string { return DelayText(f.RoundTripP99) })
	row("Jitter", true, func(f Figures) string { return DelayText(f.Jitter) })
	row("Retransmitted", true, func(f Figures) string { return percentOf(f.Segments > 0, f.Retransmission()) })
	row("Delivery rate", true, func(f Figures) string { return rateText(f.DeliveryRate) })
	row("Incoming traffic", true, func(f Figures) string { return BitRate(f.IngressRate) })
	row("- held back for", false, func(f Figures) string {
		if f.Held == 0 {
			return ""
		}
		return fmt.Sprintf("%.1f s", f.Held.Seconds())
	})
	row("SPAN traffic", false, func(f Figures) string { return rateText(f.SpanRate) })
	return windows, rows
}

// Last is what the window of a length measured, zero when there is none.
func (q LinkQuality) Last(window time.Duration) Figures {
	for _, w := range q.Windows {
		if w.Window == window {
			return w.Figures
		}
	}
	return Figures{}
}

// WindowName names a window of time: "10 s", "15 min".
func WindowName(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%g s", d.Seconds())
}

// LossText is the loss in percent, or nothing when it was not measured.
func (f Figures) LossText() string { return percentOf(f.Sent > 0, f.Loss()) }

// DelayText is a time on the way in milliseconds, or nothing for none.
func DelayText(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case d == 0:
		return ""
	case ms < 1:
		return fmt.Sprintf("%.2f ms", ms)
	default:
		return fmt.Sprintf("%.1f ms", ms)
	}
}

func percentOf(measured bool, share float64) string {
	if !measured {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

func rateText(n uint64) string {
	if n == 0 {
		return ""
	}
	return BitRate(n)
}

// Direction says which way a test went.
func (t LinkTest) Direction() string {
	if t.Back {
		return "from the Central Node"
	}
	return "to the Central Node"
}

// Summary is what the test found in a line.
func (t LinkTest) Summary() string {
	return fmt.Sprintf("%s%s: %s of the test and %s of agents over the best %.1f s of %v",
		atLeast(t.AtLeast()), BitRate(t.Capacity), BitRate(t.Rate), BitRate(t.Others), t.Measured.Seconds(), t.Duration)
}

// Found says what the channel carries, when that is not all, and what it is
// taken to carry nevertheless.
func (t LinkTest) Found() []string {
	found := []string{atLeast(t.AtLeast()) + BitRate(t.Capacity)}
	switch {
	case t.Bounded:
		found = append(found, "The rate that the test was allowed was the limit: the channel may carry more.")
	case t.Growing:
		found = append(found, "The test was short, its rate still grew, or others filled the link: a longer test, or one at a quieter time, may find more.")
	}
	if t.Configured > 0 {
		found = append(found, "The configured capacity, "+BitRate(t.Configured)+", stays in force.")
	}
	return found
}

// Rates says what came of the test: "257.5 MB in 5.0 s; 412 Mbit/s over the best
// 2.6 s".
func (t LinkTest) Rates() string {
	return fmt.Sprintf("%s in %.1f s; %s over the best %.1f s", ByteSize(t.Bytes), t.Duration.Seconds(), BitRate(t.Rate), t.Measured.Seconds())
}

// RoundTrips says what the test did to others on the link.
func (t LinkTest) RoundTrips() string {
	before, during := DelayText(t.RoundTripBefore), DelayText(t.RoundTripDuring)
	if before == "" || during == "" {
		return "not measured"
	}
	return before + " before, " + during + " during the test"
}
