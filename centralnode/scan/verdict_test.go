package scan

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vedette/centralnode/scan/engine"
)

func TestJudge(t *testing.T) {
	ok := answer{asked: true}
	evil := answer{asked: true, result: engine.Result{Detections: []engine.Detection{{Name: "Evil.A"}}}}
	evilInPart := answer{asked: true, result: engine.Result{Detections: []engine.Detection{{Name: "Evil.A"}}, Skipped: "too large"}}
	part := answer{asked: true, result: engine.Result{Skipped: "too large"}}
	broken := answer{asked: true, err: errors.New("connection refused")}
	late := answer{asked: true, err: fmt.Errorf("scan: %w", engine.ErrTimeout)}
	never := answer{}

	for _, c := range []struct {
		answers []answer
		first   State // when there are tries left; empty: another one is made
		last    State
		reason  string
	}{
		{[]answer{ok, ok}, NotDetected, NotDetected, ""},
		{[]answer{ok, evil}, Detect, Detect, ""},
		{[]answer{evil, broken}, Detect, Detect, ""},
		{[]answer{late, evil}, Detect, Detect, ""},
		{[]answer{part, evil}, Detect, Detect, ""},
		{[]answer{evilInPart, ok}, Detect, Detect, ""},
		{[]answer{evil, never}, Detect, Detect, ""},
		{[]answer{ok, part}, Failed, Failed, "two: too large"},
		{[]answer{part, part}, Failed, Failed, "one: too large; two: too large"},
		{[]answer{ok, broken}, "", Failed, "two: connection refused"},
		{[]answer{ok, late}, "", Timeout, "two: scan: the engine took too long"},
		{[]answer{late, late}, "", Timeout, "one: scan"},
		{[]answer{late, broken}, "", Failed, "two: connection refused"},
		// The second engine may still find something.
		{[]answer{part, broken}, "", Failed, "one: too large"},
		{[]answer{part, late}, "", Failed, "one: too large"},
		{[]answer{ok, never}, "", Failed, "two: was not asked"},
		{[]answer{never, never}, "", Failed, "one: was not asked"},
		{nil, Failed, Failed, ""},
	} {
		engines := []engine.Engine{&fake{name: "one"}, &fake{name: "two"}}
		state, _, settled := judge(engines, c.answers, false)
		if settled != (c.first != "") || settled && state != c.first {
			t.Errorf("%+v, not the last try: %q, settled %v; expected %q", c.answers, state, settled, c.first)
		}
		state, reason, settled := judge(engines, c.answers, true)
		if !settled || state != c.last || !strings.Contains(reason, c.reason) {
			t.Errorf("%+v, last try: %q because %q, settled %v; expected %q because %q", c.answers, state, reason, settled, c.last, c.reason)
		}
	}
}

func TestReasonIsBounded(t *testing.T) {
	_, reason, _ := judge([]engine.Engine{&fake{name: "one"}}, []answer{{asked: true, err: errors.New(strings.Repeat("x", 1<<20))}}, true)
	if len(reason) > maxReason {
		t.Errorf("a reason of %d bytes", len(reason))
	}
}

func TestFindingIsBoundedAndKeepsTheMostImportant(t *testing.T) {
	var found []engine.Detection
	for i := range 10_000 {
		found = append(found, engine.Detection{Name: fmt.Sprint(i, strings.Repeat("x", 10_000)), Importance: engine.Low})
	}
	found = append(found, engine.Detection{Name: "medium", Importance: engine.Medium}, engine.Detection{Name: "high", Importance: engine.High})
	got := bounded(engine.Result{Detections: found, RuleSet: strings.Repeat("x", 10_000)})
	size := len(got.RuleSet)
	for _, d := range got.Detections {
		size += len(d.Name)
	}
	if size > 100<<10 || got.Detections[0].Name != "high" || got.Detections[1].Name != "medium" || !strings.HasPrefix(got.Detections[2].Name, "0x") {
		t.Errorf("%d detections, %d bytes, first %.20s", len(got.Detections), size, got.Detections[0].Name)
	}
	if len(found[0].Name) < 10_000 {
		t.Error("the engine's own result was changed")
	}
}
