package sensors

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// Bounds of a Quality message; what has more breaks the protocol.
const (
	maxWindows    = 4
	maxJudgements = 8
	maxMinutes    = 200
)

// Bounds of what a Sensor finds; what is beyond is brought to them.
const (
	maxFigure    = math.MaxUint32 // packets, segments
	maxRoundTrip = time.Hour
	maxBitRate   = 1e15
	maxShare     = 1000 // of a limit, used up
	maxToward    = 24 * time.Hour
)

// qualityFor is how long a Sensor's last word on its link is shown.
const qualityFor = time.Minute

// quality is what a Sensor finds of its link. What it points to never changes.
type quality struct {
	found   *acts.LinkQuality // nil: nothing was said on this link
	heard   time.Time
	logged  noted
	history history
	clock   bool // it says minutes that are not of the last day
}

// noted is how a link stands as the log has it.
type noted struct {
	verdict acts.Verdict // empty: the log has nothing
	limits  string       // in trouble, each with its verdict
}

// assess takes what a Sensor finds of its link.
func (p *linked) assess(m *controlv1.Quality) error {
	if len(m.GetWindows()) > maxWindows || len(m.GetJudgements()) > maxJudgements || len(m.GetMinutes()) > maxMinutes {
		return nonsense("more of a link's quality than fits into a message")
	}
	r := p.room
	if p.standing(r.c.Door.Trust()) != controlv1.Authorisation_STATE_ACCEPTED {
		return nil
	}
	now := r.c.Now()
	p.mu.Lock()
	p.see(now)
	p.mu.Unlock()
	found := qualityOf(m, now)
	minutes, strange := minutesOf(m, now)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sensors[p.id]
	if s == nil || s.link != p {
		return nil
	}
	q := &s.quality
	q.found, q.heard = found, now
	q.history.forget(now)
	q.history.add(minutes)
	if len(m.GetMinutes()) > 0 {
		q.clock = strange
	}
	r.noteVerdict(p, q)
	return nil
}

// noteVerdict writes a line when the link, or any of its limits, is better or
// worse than the log says, as often as a link may.
func (r *Room) noteVerdict(p *linked, q *quality) {
	troubles := q.found.Troubles()
	now, before := noted{verdict: q.found.Verdict}, cmp.Or(q.logged, noted{verdict: acts.VerdictUnknown})
	for _, j := range troubles {
		now.limits += string(j.Limit) + " " + string(j.Verdict) + ", "
	}
	if now == before {
		return
	}
	if _, ok := r.assessed.Allow(p.id); !ok {
		return
	}
	q.logged = now
	figures := make([]string, len(troubles))
	for i, j := range troubles {
		figures[i] = fmt.Sprintf("%s %s, %s", j.Limit, j.Verdict, j.Figure())
	}
	log := r.c.Logger.Info
	if now.verdict.Worse(acts.VerdictOK) {
		log = r.c.Logger.Warn
	}
	log("a Sensor's link stands differently against the limits", "sensor", trust.SensorID(p.id), "remote", p.remote, "verdict", string(now.verdict), "before", string(before.verdict), "limits", strings.Join(figures, "; "))
}

// shown is what faces get: nothing once the Sensor has not said anything for a
// while. It needs the locks of Room and p.
func (q *quality) shown(p *linked, now time.Time) *acts.LinkQuality {
	if q.found == nil || now.Sub(q.heard) > qualityFor {
		return nil
	}
	found := *q.found
	found.Limits, found.Windows = slices.Clone(found.Limits), slices.Clone(found.Windows)
	for _, j := range found.Limits {
		if j.Limit == acts.LimitLoss && j.Verdict == acts.VerdictUnknown {
			found.Unmeasured = p.unmeasured()
		}
	}
	return &found
}

// mute says whether a Sensor reports for a while, and has not said what it finds
// of its link, which goes with the first report: its version is older than that.
// It needs the locks of Room and p.
func (q *quality) mute(p *linked, now time.Time) bool {
	return q.found == nil && !p.reporting.IsZero() && now.Sub(p.reporting) > qualityFor
}

// History is what a Sensor has said of the last 24 hours of its link, the oldest
// minute first, from one time up to another; the zero ones are the beginning and
// the end.
func (r *Room) History(id pki.Fingerprint, from, to time.Time) []acts.QualityMinute {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sensors[id]
	if s == nil {
		return nil
	}
	s.quality.history.forget(r.c.Now())
	return s.quality.history.between(from, to)
}

// limits and windows are those that faces know. A Sensor of another version may
// say others, which are skipped.
var (
	limits = map[controlv1.Judgement_Limit]acts.LimitName{
		controlv1.Judgement_LIMIT_LOSS: acts.LimitLoss, controlv1.Judgement_LIMIT_DELAY: acts.LimitDelay, controlv1.Judgement_LIMIT_JOINT: acts.LimitJoint,
		controlv1.Judgement_LIMIT_INGRESS: acts.LimitIngress, controlv1.Judgement_LIMIT_CAPACITY: acts.LimitCapacity,
	}
	windows = []uint32{10, 60, 900} // s
)

// qualityOf reads a message. Every figure is foreign, and is brought within what
// it can be.
func qualityOf(m *controlv1.Quality, now time.Time) *acts.LinkQuality {
	q := &acts.LinkQuality{Copying: m.GetCopying(), Capacity: min(m.GetCapacity(), maxBitRate)}
	if q.Capacity > 0 {
		q.CapacityAt = past(m.GetCapacityAt(), now)
		q.CapacityAtLeast = m.GetCapacityAtLeast() && !q.CapacityAt.IsZero() // a setting is no bound
	}
	for _, name := range acts.Limits() {
		j := acts.Judged{Limit: name, Verdict: acts.VerdictUnknown}
		for _, f := range m.GetJudgements() {
			if limits[f.GetLimit()] == name {
				j = judged(name, f, now)
				j.Configured = name == acts.LimitCapacity && q.Capacity > 0 && q.CapacityAt.IsZero()
				break
			}
		}
		j.AtLeast = name == acts.LimitCapacity && q.CapacityAtLeast
		q.Limits = append(q.Limits, j)
	}
	q.Verdict = acts.Overall(q.Limits)
	for _, seconds := range windows {
		for _, w := range m.GetWindows() {
			if w.GetSeconds() == seconds {
				length := time.Duration(seconds) * time.Second
				q.Windows = append(q.Windows, acts.QualityWindow{Window: length, Figures: figures(w.GetFigures(), length)})
				break
			}
		}
	}
	return q
}

func judged(name acts.LimitName, f *controlv1.Judgement, now time.Time) acts.Judged {
	most := map[acts.LimitName]float64{acts.LimitLoss: 1, acts.LimitDelay: maxRoundTrip.Seconds(), acts.LimitJoint: maxShare}[name]
	if most == 0 {
		most = maxBitRate
	}
	j := acts.Judged{Limit: name, Verdict: verdictOf(f.GetVerdict()), Amount: within(f.GetValue(), most), Bound: within(f.GetBound(), most)}
	j.Since = past(f.GetSince(), now)
	if toward := verdictOf(f.GetToward()); j.Verdict != acts.VerdictUnknown && toward != acts.VerdictUnknown && toward != j.Verdict {
		j.Toward, j.ToFor = toward, min(time.Duration(f.GetTowardFor())*time.Second, maxToward)
	}
	return j
}

// past is a time that is over by now; zero: none was said.
func past(unix int64, now time.Time) time.Time {
	if unix <= 0 {
		return time.Time{}
	}
	return time.Unix(min(unix, now.Unix()), 0).UTC()
}

// within brings a number between 0 and most; what is none is 0.
func within(v, most float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), most)
}

func verdictOf(v controlv1.Judgement_Verdict) acts.Verdict {
	switch v {
	case controlv1.Judgement_VERDICT_OK:
		return acts.VerdictOK
	case controlv1.Judgement_VERDICT_WARNING:
		return acts.VerdictWarning
	case controlv1.Judgement_VERDICT_EXCEEDED:
		return acts.VerdictExceeded
	default:
		return acts.VerdictUnknown
	}
}

// figures reads what was measured within a time.
func figures(f *controlv1.Figures, within time.Duration) acts.Figures {
	count := func(n uint64) uint64 { return min(n, maxFigure) }
	rate := func(n uint64) uint64 { return min(n, maxBitRate) }
	span := func(n uint64) time.Duration { return time.Duration(min(n, uint64(maxRoundTrip))) }
	sent := count(f.GetSent())
	lost := min(f.GetLost(), sent)
	lostTo := min(f.GetLostTo(), lost)
	segments := count(f.GetSegments())
	return acts.Figures{
		Sent: sent, Lost: lost, LostTo: lostTo, LostFrom: min(f.GetLostFrom(), lost-lostTo),
		RoundTripP50: span(f.GetRoundTripP50()), RoundTripP95: span(f.GetRoundTripP95()), RoundTripP99: span(f.GetRoundTripP99()),
		Jitter: span(f.GetJitter()), Segments: segments, Retransmitted: min(f.GetRetransmitted(), segments),
		DeliveryRate: rate(f.GetDeliveryRate()), IngressRate: rate(f.GetIngressRate()), SpanRate: rate(f.GetSpanRate()),
		Held: time.Duration(min(f.GetHeld(), uint64(within))),
	}
}
