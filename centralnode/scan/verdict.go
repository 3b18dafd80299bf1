package scan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
)

// Bounds on what engines say: rules come from outside, and an alert has to fit
// where it is kept.
const (
	maxReason     = 512 // bytes of why there was no answer
	maxDetections = 256 // of one engine in one object, the most important ones
	maxWord       = 256 // bytes of a name, a type, a version
)

// verdict is what was decided about an object.
type verdict struct {
	state  State
	reason string
	engine string // which did not answer, or not about all
	at     time.Time
}

// judge makes one answer of all engines' answers. Whatever was found counts.
// Nothing found by all who were asked, each of whom looked at everything, is
// "not detected". Everything else is no answer: settled is false while another
// try may give one, last says that there is none.
func judge(engines []engine.Engine, answers []answer, last bool) (state State, reason string, settled bool) {
	var why []string
	failed, skipped, late := 0, 0, 0
	for i, a := range answers {
		switch {
		case a.err == nil && len(a.result.Detections) > 0:
			return Detect, "", true
		case !a.asked:
			failed++
			why = append(why, engines[i].Name()+": was not asked")
		case a.err != nil:
			failed++
			if errors.Is(a.err, engine.ErrTimeout) {
				late++
			}
			why = append(why, fmt.Sprintf("%s: %v", engines[i].Name(), a.err))
		case a.result.Skipped != "":
			skipped++
			why = append(why, engines[i].Name()+": "+a.result.Skipped)
		}
	}
	reason = foreign.Bounded(strings.Join(why, "; "), maxReason)
	switch {
	case failed > 0 && !last:
		return Processing, reason, false
	case failed > 0 && late == failed && skipped == 0:
		return Timeout, reason, true
	case failed > 0 || skipped > 0 || len(answers) == 0:
		return Failed, reason, true
	}
	return NotDetected, "", true
}

// blamed names the engines that did not look at all of an object.
func blamed(engines []engine.Engine, answers []answer) string {
	var names []string
	for i, a := range answers {
		if !a.asked || a.err != nil || a.result.Skipped != "" {
			names = append(names, engines[i].Name())
		}
	}
	return strings.Join(names, ", ")
}

// finding is what has to be told of what one engine found. r.mu is held.
func (r *Room) finding(t *task) Finding {
	it, j, e := t.item, t.job, r.hands[t.engine].engine
	kind := t.answer.result.Type
	for _, other := range j.tasks {
		if kind == "" && other.over && other.answer.err == nil {
			kind = other.answer.result.Type
		}
	}
	return Finding{
		Origin: j.origin, Key: it.fullKey(), Leaf: j.leaf, SystemName: j.systemName,
		Mail: j.mail, Remote: j.remote, Name: j.name, Size: it.size,
		MD5: j.md5, SHA256: it.sha256.String(), Type: foreign.Bounded(kind, maxWord),
		Submitted: it.submitted, Scanned: t.at,
		Engine: e.Name(), Technology: e.Technology(), Result: bounded(t.answer.result),
	}
}

// bounded cuts a result to what an alert may carry.
func bounded(r engine.Result) engine.Result {
	rank := map[engine.Importance]int{engine.High: 0, engine.Medium: 1, engine.Low: 2}
	all := slices.Clone(r.Detections)
	slices.SortStableFunc(all, func(a, b engine.Detection) int { return rank[a.Importance] - rank[b.Importance] })
	r.Detections = all[:min(len(all), maxDetections)]
	for i := range r.Detections {
		r.Detections[i].Name = foreign.Bounded(r.Detections[i].Name, maxWord)
	}
	r.RuleSet = foreign.Bounded(r.RuleSet, maxWord)
	r.Type = foreign.Bounded(r.Type, maxWord)
	r.Skipped = foreign.Bounded(r.Skipped, maxReason)
	return r
}
