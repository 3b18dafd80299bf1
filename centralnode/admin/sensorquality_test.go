package admin

import (
	"fmt"
	"slices"
	"testing"

	"vedette/internal/acts"
)

func TestLinksBeyondALimitNeedAPersonAndThoseNearOneAreNoted(t *testing.T) {
	loss := func(v acts.Verdict) acts.Judged {
		return acts.Judged{Limit: acts.LimitLoss, Verdict: v, Amount: 0.123, Bound: acts.MaxLoss}
	}
	delay := func(v acts.Verdict) acts.Judged {
		return acts.Judged{Limit: acts.LimitDelay, Verdict: v, Amount: 0.094, Bound: 0.1}
	}
	joint := func(v acts.Verdict) acts.Judged {
		return acts.Judged{Limit: acts.LimitJoint, Verdict: v, Amount: 1.23, Bound: 1}
	}
	for name, c := range map[string]struct {
		limits []acts.Judged
		want   []string
	}{
		"well":         {[]acts.Judged{loss(acts.VerdictOK), delay(acts.VerdictOK)}, nil},
		"not measured": {[]acts.Judged{loss(acts.VerdictUnknown), {}}, nil},
		"beyond one":   {[]acts.Judged{loss(acts.VerdictExceeded), joint(acts.VerdictExceeded)}, []string{"problem s0: Sensor server branch (s0): Packet loss: Exceeded, 12.3 % of 10.0 %."}},
		"beyond both":  {[]acts.Judged{loss(acts.VerdictExceeded), delay(acts.VerdictExceeded), joint(acts.VerdictExceeded)}, []string{"problem s0: Sensor server branch (s0): Packet loss: Exceeded, 12.3 % of 10.0 %; Packet delay: Exceeded, 94.0 ms of 100.0 ms."}},
		"together":     {[]acts.Judged{loss(acts.VerdictOK), joint(acts.VerdictWarning)}, []string{"note s0: Sensor server branch (s0): Loss and delay together: Warning, 123.0 % of 100.0 %."}},
		"beyond and near": {[]acts.Judged{loss(acts.VerdictExceeded), delay(acts.VerdictWarning)}, []string{
			"problem s0: Sensor server branch (s0): Packet loss: Exceeded, 12.3 % of 10.0 %.", "note s0: Sensor server branch (s0): Packet delay: Warning, 94.0 ms of 100.0 ms.",
		}},
	} {
		n := needs{}
		n.links([]acts.SensorServer{{ID: "s0", Name: "branch", Quality: &acts.LinkQuality{Limits: c.limits}}})
		var got, problems []string
		for _, need := range n.all {
			if need.About != acts.AboutSensors || need.Next == "" {
				t.Errorf("%s: %+v", name, need)
			}
			got = append(got, fmt.Sprintf("%s %s: %s", need.Level, need.Subject, need.Text))
			if need.Level == acts.NeedProblem {
				problems = append(problems, need.Text)
			}
		}
		if !slices.Equal(got, c.want) || !slices.Equal(n.problems, problems) {
			t.Errorf("%s: %q and %q, want %q", name, got, n.problems, c.want)
		}
	}
}

func TestManyBadLinksDoNotFillTheList(t *testing.T) {
	var all []acts.SensorServer
	for i := range 15 {
		all = append(all, acts.SensorServer{ID: fmt.Sprint(i), Quality: &acts.LinkQuality{Limits: []acts.Judged{{Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded}}}})
	}
	n := needs{}
	n.links(all)
	if len(n.all) != maxEach || len(n.problems) != len(all) {
		t.Errorf("%d needs, %d problems", len(n.all), len(n.problems))
	}
}
