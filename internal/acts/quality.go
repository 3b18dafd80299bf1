package acts

import (
	"fmt"
	"time"
)

// Verdict is how a figure stands against its limit.
type Verdict string

// Verdicts, the worst last.
const (
	VerdictUnknown  Verdict = "Not measured"
	VerdictOK       Verdict = "OK"
	VerdictWarning  Verdict = "Warning"
	VerdictExceeded Verdict = "Exceeded"
)

// Worse reports whether v is worse than w.
func (v Verdict) Worse(w Verdict) bool { return v.rank() > w.rank() }

func (v Verdict) rank() int {
	switch v {
	case VerdictOK:
		return 1
	case VerdictWarning:
		return 2
	case VerdictExceeded:
		return 3
	default:
		return 0
	}
}

// LimitName names a documented limit of the link.
type LimitName string

// The documented limits (source document, "Hardware and software requirements",
// the part on Sensors that are proxies).
const (
	LimitLoss     LimitName = "Packet loss"
	LimitDelay    LimitName = "Packet delay"
	LimitJoint    LimitName = "Loss and delay together"
	LimitIngress  LimitName = "Incoming traffic"
	LimitCapacity LimitName = "Channel capacity"
)

// Limits lists them in the order in which they are shown.
func Limits() []LimitName {
	return []LimitName{LimitLoss, LimitDelay, LimitJoint, LimitIngress, LimitCapacity}
}

// The documented figures.
const (
	MaxLoss       = 0.10                   // share of packets
	MaxDelay      = 100 * time.Millisecond // of a round trip
	MaxIngress    = 1_000_000_000          // bit/s
	CapacityShare = 0.15                   // of the SPAN traffic
)

// Of a round trip, what may be the measurement's own: the larger of both. A way
// of exactly the limit is within it.
const (
	OwnDelay      = 500 * time.Microsecond
	OwnDelayShare = 0.01
)

// Judged is a figure beside its limit.
type Judged struct {
	Limit   LimitName `json:"limit"`
	Verdict Verdict   `json:"verdict"`
	Since   time.Time `json:"since,omitzero"` // when the verdict became what it is
	// Amount and Bound are in the unit of the limit: a share of 1 (loss, both
	// together), seconds (delay), bit/s (ingress, capacity).
	Amount float64 `json:"amount"`
	Bound  float64 `json:"bound"`
	// Toward is the verdict that the figure is on its way to, when it has stood
	// otherwise than Verdict says for ToFor already; empty: it is on no way.
	Toward Verdict       `json:"toward,omitempty"`
	ToFor  time.Duration `json:"toward_for_ns,omitempty"`
	// Configured says that the amount is a setting: the channel's capacity.
	Configured bool `json:"configured,omitempty"`
	// AtLeast says that Amount is a lower bound (capacity only).
	AtLeast bool `json:"at_least,omitempty"`
}

// Value writes the figure, and Limit what it may be, in the limit's unit.
func (j Judged) Value() string { return atLeast(j.AtLeast) + j.text(j.Amount) }

func atLeast(lower bool) string {
	if lower {
		return "at least "
	}
	return ""
}

// Most writes the bound in the limit's unit.
func (j Judged) Most() string { return j.text(j.Bound) }

func (j Judged) text(v float64) string {
	switch j.Limit {
	case LimitLoss, LimitJoint:
		return fmt.Sprintf("%.1f %%", 100*v)
	case LimitDelay:
		return fmt.Sprintf("%.1f ms", 1000*v)
	default:
		return BitRate(uint64(v))
	}
}

// Meaning says in a sentence what the limit is about.
func (j Judged) Meaning() string {
	switch j.Limit {
	case LimitLoss:
		return "At most 10 % of the packets between Sensor and Central Node may be lost."
	case LimitDelay:
		return "A packet between Sensor and Central Node may take up to 100 ms, there and back."
	case LimitJoint:
		return "Loss of up to 10 % is allowed with a delay of up to 100 ms: this is the larger part of both limits that is used up."
	case LimitIngress:
		return "Agents may send up to " + j.Most() + " into this Sensor; beyond that it holds them back and drops nothing."
	case LimitCapacity:
		return "The channel between Sensor and Central Node should carry 15 % of the SPAN traffic. This is a recommendation."
	default:
		return ""
	}
}

// Next says in a sentence what to do, or nothing when all is well.
func (j Judged) Next() string {
	if j.Verdict != VerdictWarning && j.Verdict != VerdictExceeded {
		return ""
	}
	switch j.Limit {
	case LimitLoss:
		return "Ask for the line between the two servers: errors, a full queue or a policer on it. Until it is mended small frames go on two lanes; agents lose nothing."
	case LimitDelay:
		return "Look at the way between the two servers: a detour, or a queue that the traffic of others fills. Give the link priority there, or move the Sensor's Central Node nearer."
	case LimitJoint:
		return "Loss and delay together decide how much TCP carries. Mend whichever of the two is nearer to its limit first."
	case LimitIngress:
		return "Spread the agents over one more Sensor, or let them send less; ingress_limit_mbit is what this Sensor was given."
	case LimitCapacity:
		again := "`sensor link test` measures the channel again."
		if j.Configured {
			again = "when it carries more than is configured, correct channel_capacity_mbit of the Sensor's configuration."
		}
		return "Order a faster line between the two servers, or mirror less traffic to the Sensor; " + again
	default:
		return ""
	}
}

// Figures are what was measured of the link within a time.
type Figures struct {
	Sent     uint64 `json:"sent"`      // packets whose answer has come or is given up
	LostTo   uint64 `json:"lost_to"`   // lost on the way to the Central Node
	LostFrom uint64 `json:"lost_from"` // lost on the way back
	Lost     uint64 `json:"lost"`      // in all; of some the direction may be unknown
	// Round trips without the Central Node's own time; zero: none was measured.
	RoundTripP50 time.Duration `json:"round_trip_p50_ns"`
	RoundTripP95 time.Duration `json:"round_trip_p95_ns"`
	RoundTripP99 time.Duration `json:"round_trip_p99_ns"`
	// Jitter is the mean difference of successive round trips.
	Jitter        time.Duration `json:"jitter_ns"`
	Segments      uint64        `json:"segments"`                            // TCP segments with data that the lanes sent
	Retransmitted uint64        `json:"retransmitted"`                       // of these, sent again
	DeliveryRate  uint64        `json:"delivery_rate_bits_per_second"`       // the greatest at which one lane delivered
	IngressRate   uint64        `json:"ingress_rate_bits_per_second"`        // read from agents
	Held          time.Duration `json:"held_ns"`                             // in which the ingress limit held agents back
	SpanRate      uint64        `json:"span_rate_bits_per_second,omitempty"` // received on the SPAN interfaces
}

// Loss is the share of packets that were lost, 0 to 1.
func (f Figures) Loss() float64 { return share(f.Lost, f.Sent) }

// LossTo is the share that was lost on the way to the Central Node.
func (f Figures) LossTo() float64 { return share(f.LostTo, f.Sent) }

// LossFrom is the share of those reflected that was lost on the way back.
func (f Figures) LossFrom() float64 { return share(f.LostFrom, f.Sent-min(f.LostTo, f.Sent)) }

// Retransmission is the share of TCP segments that were sent again.
func (f Figures) Retransmission() float64 { return share(f.Retransmitted, f.Segments) }

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// QualityWindow is what was measured up to now.
type QualityWindow struct {
	Window time.Duration `json:"window_ns"`
	Figures
}

// QualityMinute is one minute of the history.
type QualityMinute struct {
	Start   time.Time `json:"start"`
	Verdict Verdict   `json:"verdict"` // the worst of this minute
	// Gaps is, of minutes that were joined, how many were not measured.
	Gaps int `json:"gaps,omitempty"`
	Figures
}

// LinkQuality is what a Sensor finds of its link.
type LinkQuality struct {
	// Verdict is that of Overall.
	Verdict Verdict         `json:"verdict"`
	Limits  []Judged        `json:"limits"`
	Windows []QualityWindow `json:"windows"` // 10 s, 1 min, 15 min
	// Unmeasured says in a sentence why loss and delay are not measured, or
	// nothing. Beside verdicts on them it says that those wait for an answer.
	Unmeasured string `json:"unmeasured,omitempty"`
	// Copying says that small frames go on two lanes now.
	Copying bool `json:"copying"`
	// CopiedBytes is what copies cost since the link was made, SentBytes what it
	// sent in all.
	CopiedBytes uint64 `json:"copied_bytes"`
	SentBytes   uint64 `json:"sent_bytes"`
	// Capacity of the channel in bit/s, from the setting or the last test; zero:
	// not known.
	Capacity   uint64    `json:"capacity_bits_per_second,omitempty"`
	CapacityAt time.Time `json:"capacity_at,omitzero"` // of the test; zero: it is a setting
	// CapacityAtLeast says that the test showed only that the channel carries as
	// much: it may carry more.
	CapacityAtLeast bool `json:"capacity_at_least,omitempty"`
}

// AtLeast says that the channel may carry more than the test found.
func (t LinkTest) AtLeast() bool { return t.Bounded || t.Growing }

// Capacity is what tests of the channel found; its zero value is that none did.
type Capacity struct {
	Bits uint64 `json:"bits_per_second"`
	// AtLeast says that the channel may carry more. Entries of versions before
	// this was told lack it, and count as measured.
	AtLeast bool      `json:"at_least,omitempty"`
	Time    time.Time `json:"time"`
}

// Overall is the worst verdict of all limits. A link whose loss is not measured
// is not OK because its other limits are.
func Overall(limits []Judged) Verdict {
	worst, blind := VerdictUnknown, true
	for _, j := range limits {
		if j.Verdict.Worse(worst) {
			worst = j.Verdict
		}
		if j.Limit == LimitLoss {
			blind = j.Verdict == VerdictUnknown
		}
	}
	if blind && worst == VerdictOK {
		return VerdictUnknown
	}
	return worst
}

// Troubles are the verdicts on what is at or beyond a limit, the worst first.
func (q LinkQuality) Troubles() []Judged {
	var out []Judged
	for _, v := range []Verdict{VerdictExceeded, VerdictWarning} {
		for _, j := range q.Limits {
			if j.Verdict == v {
				out = append(out, j)
			}
		}
	}
	return out
}

// Problems are sentences about what is at or beyond a limit, the worst first.
func (q LinkQuality) Problems() []string {
	var out []string
	for _, j := range q.Troubles() {
		out = append(out, fmt.Sprintf("%s: %s, %s. %s", j.Limit, j.Verdict, j.Figure(), j.Next()))
	}
	return out
}

// ViewHistory chooses minutes of the link's history.
type ViewHistory struct {
	From, To time.Time // zero: the beginning, and now
}

// TestLink asks for a measurement of the channel's capacity.
type TestLink struct {
	// Duration is from 1 to 30 s; zero: 5 s.
	Duration time.Duration
	// Rate bounds what the test sends, in bit/s; zero: MaxIngress.
	Rate uint64
	// Back tests the direction from the Central Node to the Sensor.
	Back bool
}

// LinkTest is what a test found.
type LinkTest struct {
	Back     bool          `json:"back"`
	Duration time.Duration `json:"duration_ns"`
	Bytes    uint64        `json:"bytes"`                    // of the test that arrived
	Measured time.Duration `json:"measured_ns"`              // the best part of it, of which the rates are
	Rate     uint64        `json:"rate_bits_per_second"`     // at which they arrived
	Others   uint64        `json:"others_bits_per_second"`   // what agents sent meanwhile in the same direction
	Capacity uint64        `json:"capacity_bits_per_second"` // both together: the channel carries at least this
	// Bounded says that the test's own rate was the limit, so the channel may
	// carry more.
	Bounded bool `json:"bounded"`
	// Growing says that the rate still grew at the end, or that the test was too
	// short or stepped aside for others most of the time, so another may find more.
	Growing bool `json:"growing"`
	// Configured is the capacity that is a setting, in bit/s, and stays in force
	// whatever a test finds; zero: there is none, or the test was of the way back.
	Configured uint64 `json:"configured_capacity_bits_per_second,omitempty"`
	// RoundTripBefore and RoundTripDuring are the median over the link: what the
	// test did to others.
	RoundTripBefore time.Duration `json:"round_trip_before_ns"`
	RoundTripDuring time.Duration `json:"round_trip_during_ns"`
	Time            time.Time     `json:"time"`
}
