package acts_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

func TestTheWorstLimitStandsFirst(t *testing.T) {
	q := acts.LinkQuality{Limits: []acts.Judged{
		{Limit: acts.LimitLoss, Verdict: acts.VerdictOK}, {Limit: acts.LimitDelay, Verdict: acts.VerdictExceeded}, {Limit: acts.LimitJoint, Verdict: acts.VerdictWarning},
		{Limit: acts.LimitIngress}, {Limit: acts.LimitCapacity, Verdict: acts.VerdictWarning},
	}}
	var order []acts.LimitName
	for _, j := range q.Worst() {
		order = append(order, j.Limit)
	}
	if want := []acts.LimitName{acts.LimitDelay, acts.LimitJoint, acts.LimitCapacity, acts.LimitLoss, acts.LimitIngress}; !slices.Equal(order, want) {
		t.Errorf("%q, want %q", order, want)
	}
	if q.Limits[0].Limit != acts.LimitLoss {
		t.Error("the limits themselves were put in another order")
	}
}

func TestAVerdictSaysItsFigure(t *testing.T) {
	for want, j := range map[string]acts.Judged{
		"Warning, 8.4 % of 10.0 %":                                 {Limit: acts.LimitLoss, Verdict: acts.VerdictWarning, Amount: 0.084, Bound: acts.MaxLoss},
		"OK, 20.1 ms of 100.0 ms":                                  {Limit: acts.LimitDelay, Verdict: acts.VerdictOK, Amount: 0.0201, Bound: 0.1},
		"OK, 9 Mbit/s of 40 Mbit/s, agents held back for 6 s":      {Limit: acts.LimitIngress, Verdict: acts.VerdictOK, Amount: 9e6, Bound: 4e7, Toward: acts.VerdictExceeded, ToFor: 6 * time.Second},
		"Warning, 33 Mbit/s of 40 Mbit/s":                          {Limit: acts.LimitIngress, Verdict: acts.VerdictWarning, Amount: 33e6, Bound: 4e7},
		"Exceeded, 16 Mbit/s of 40 Mbit/s (agents were held back)": {Limit: acts.LimitIngress, Verdict: acts.VerdictExceeded, Amount: 16e6, Bound: 4e7},
		"Not measured": {Limit: acts.LimitCapacity, Verdict: acts.VerdictUnknown},
		"OK, 17.9 % of 10.0 %, beyond it for 4 s":                                    {Limit: acts.LimitLoss, Verdict: acts.VerdictOK, Amount: 0.179, Bound: acts.MaxLoss, Toward: acts.VerdictExceeded, ToFor: 4900 * time.Millisecond},
		"OK, 85.0 ms of 100.0 ms, near it for 0 s":                                   {Limit: acts.LimitDelay, Verdict: acts.VerdictOK, Amount: 0.085, Bound: 0.1, Toward: acts.VerdictWarning, ToFor: time.Millisecond},
		"Exceeded, 3.0 % of 10.0 %, better for 41 s":                                 {Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded, Amount: 0.03, Bound: acts.MaxLoss, Toward: acts.VerdictOK, ToFor: 41 * time.Second},
		"OK, 10 Mbit/s, should be at least 15 Mbit/s, short of it for 2 s":           {Limit: acts.LimitCapacity, Verdict: acts.VerdictOK, Amount: 1e7, Bound: 15e6, Toward: acts.VerdictWarning, ToFor: 2 * time.Second},
		"Warning, 100.4 ms of 100.0 ms (within the tolerance of 1.0 ms)":             {Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Amount: 0.1004, Bound: 0.1},
		"OK, 100.4 ms of 100.0 ms (within the tolerance of 1.0 ms), near it for 3 s": {Limit: acts.LimitDelay, Verdict: acts.VerdictOK, Amount: 0.1004, Bound: 0.1, Toward: acts.VerdictWarning, ToFor: 3 * time.Second},
		"Warning, 100.4 % of 100.0 % (within the tolerance of 1.0 %)":                {Limit: acts.LimitJoint, Verdict: acts.VerdictWarning, Amount: 1.004, Bound: 1},
		"Warning, 102.0 ms of 100.0 ms, beyond it for 9 s":                           {Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Amount: 0.102, Bound: 0.1, Toward: acts.VerdictExceeded, ToFor: 9 * time.Second},
		"Warning, 100.4 % of 100.0 %, beyond it for 9 s":                             {Limit: acts.LimitJoint, Verdict: acts.VerdictWarning, Amount: 1.004, Bound: 1, Toward: acts.VerdictExceeded, ToFor: 9 * time.Second},
		"Warning, 102.0 ms of 100.0 ms":                                              {Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Amount: 0.102, Bound: 0.1},
		"Exceeded, 100.4 ms of 100.0 ms, better for 2 s":                             {Limit: acts.LimitDelay, Verdict: acts.VerdictExceeded, Amount: 0.1004, Bound: 0.1, Toward: acts.VerdictWarning, ToFor: 2 * time.Second},
		"Warning, 100.0 ms of 100.0 ms":                                              {Limit: acts.LimitDelay, Verdict: acts.VerdictWarning, Amount: 0.1, Bound: 0.1},
		"Warning, 10.1 % of 10.0 %":                                                  {Limit: acts.LimitLoss, Verdict: acts.VerdictWarning, Amount: 0.101, Bound: 0.1},
		"Warning, 9.0 % of 10.0 %, better for 1 min":                                 {Limit: acts.LimitLoss, Verdict: acts.VerdictWarning, Amount: 0.09, Bound: acts.MaxLoss, Toward: acts.VerdictOK, ToFor: time.Minute},
	} {
		if got := j.Stand(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatIsNotMeasuredSaysWhy(t *testing.T) {
	q := acts.LinkQuality{Unmeasured: "There is no link."}
	for limit, want := range map[acts.LimitName]string{
		acts.LimitLoss: "There is no link.", acts.LimitDelay: "There is no link.", acts.LimitJoint: "There is no link.",
		acts.LimitIngress: "has not run", acts.LimitCapacity: "link test",
	} {
		if got := q.WhyNot(acts.Judged{Limit: limit, Verdict: acts.VerdictUnknown}); !strings.Contains(got, want) {
			t.Errorf("%s: %q", limit, got)
		}
		if got := q.WhyNot(acts.Judged{Limit: limit, Verdict: acts.VerdictOK}); got != "" && limit != acts.LimitLoss {
			t.Errorf("%s is measured, and says %q", limit, got)
		}
	}
	q.Unmeasured = "" // it does not travel to the Central Node
	if got := q.WhyNot(acts.Judged{Limit: acts.LimitLoss}); !strings.Contains(got, "On the Sensor") {
		t.Errorf("at the Central Node: %q", got)
	}
	q.Capacity = 1
	if got := q.WhyNot(acts.Judged{Limit: acts.LimitCapacity}); !strings.Contains(got, "SPAN") {
		t.Errorf("a known capacity: %q", got)
	}
}

func TestSpanTrafficThatIsNewSaysSo(t *testing.T) {
	q := acts.LinkQuality{Capacity: 1, Windows: []acts.QualityWindow{{Figures: acts.Figures{SpanRate: 1}}}}
	if got := q.WhyNot(acts.Judged{Limit: acts.LimitCapacity}); !strings.Contains(got, "long enough") {
		t.Errorf("%q", got)
	}
}

func TestABoundedTestThatIsNotEnoughSaysWhatToDo(t *testing.T) {
	q := acts.LinkQuality{Capacity: 1e6, CapacityAtLeast: true, Windows: []acts.QualityWindow{{Window: 15 * time.Minute, Figures: acts.Figures{SpanRate: 1e8}}}}
	if got := q.WhyNot(acts.Judged{Limit: acts.LimitCapacity}); !strings.Contains(got, "bounded") || !strings.Contains(got, "without --rate") {
		t.Errorf("%q", got)
	}
	q.Capacity = 2e7
	if got := q.WhyNot(acts.Judged{Limit: acts.LimitCapacity}); !strings.Contains(got, "long enough") {
		t.Errorf("%q", got)
	}
}

func TestCapacityAndCopiesInWords(t *testing.T) {
	when := func(at time.Time) string { return at.UTC().Format(time.DateOnly) }
	for want, q := range map[string]acts.LinkQuality{
		"":                                       {},
		"100 Mbit/s, as configured":              {Capacity: 1e8},
		"100 Mbit/s, measured 1970-01-01":        {Capacity: 1e8, CapacityAt: time.Unix(1, 0)},
		"at least 1 Mbit/s, measured 1970-01-01": {Capacity: 1e6, CapacityAt: time.Unix(1, 0), CapacityAtLeast: true},
		"1.5 Gbit/s, measured 1970-01-01":        {Capacity: 15e8, CapacityAt: time.Unix(1, 0)},
		"999 bit/s, as configured":               {Capacity: 999},
	} {
		if got := q.CapacityText(when); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, q := range map[string]acts.LinkQuality{
		"off":                              {},
		"on, small frames go on two lanes": {Copying: true},
		"off; 1 MB of the 50 MB sent on this link were copies (2.0 %)": {CopiedBytes: 1e6, SentBytes: 5e7},
	} {
		if got := q.CopyingText(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFiguresOfAllWindows(t *testing.T) {
	q := acts.LinkQuality{Windows: []acts.QualityWindow{
		{Window: 10 * time.Second},
		{Window: time.Minute, Figures: acts.Figures{
			Sent: 1000, Lost: 30, LostTo: 10, LostFrom: 20, RoundTripP50: 123 * time.Microsecond, RoundTripP95: 20 * time.Millisecond, RoundTripP99: 30 * time.Millisecond,
			Segments: 200, Retransmitted: 1, DeliveryRate: 2e6, IngressRate: 1e6,
		}},
		{Window: 15 * time.Minute, Figures: acts.Figures{Held: 1500 * time.Millisecond}},
	}}
	if q.Last(time.Minute).Lost != 30 || q.Last(time.Hour) != (acts.Figures{}) {
		t.Error("a window is not found by its length, or another one is")
	}
	windows, rows := q.FigureTable()
	if !slices.Equal(windows, []string{"10 s", "1 min", "15 min"}) {
		t.Errorf("windows %q", windows)
	}
	got := map[string]string{}
	for _, r := range rows {
		got[r.Name] = strings.Join(r.Cells, "|")
	}
	for name, want := range map[string]string{
		"Packet loss": "|3.0 %|", "- to the Central Node": "|1.0 %|", "- from the Central Node": "|2.0 %|", "Round trip p50": "|0.12 ms|", "- p95": "|20.0 ms|", "- p99": "|30.0 ms|",
		"Jitter": "||", "Retransmitted": "|0.5 %|", "Delivery rate": "|2 Mbit/s|", "Incoming traffic": "0 bit/s|1 Mbit/s|0 bit/s", "- held back for": "||1.5 s",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if _, shown := got["SPAN traffic"]; shown {
		t.Error("SPAN traffic that nobody has is shown")
	}
}

func TestAResultOfATestInWords(t *testing.T) {
	r := acts.LinkTest{Capacity: 412e6, RoundTripBefore: 20 * time.Millisecond, RoundTripDuring: 48 * time.Millisecond}
	if got := r.Found(); len(got) != 1 || got[0] != "412 Mbit/s" || r.Direction() != "to the Central Node" || r.RoundTrips() != "20.0 ms before, 48.0 ms during the test" {
		t.Errorf("%q %q %q", got, r.Direction(), r.RoundTrips())
	}
	r = acts.LinkTest{Capacity: 3e6, Growing: true}
	if got := r.Found(); len(got) != 2 || got[0] != "at least 3 Mbit/s" || got[1] != "The test was short, its rate still grew, or others filled the link: a longer test, or one at a quieter time, may find more." {
		t.Errorf("%q", got)
	}
	r = acts.LinkTest{Capacity: 1e9, Bounded: true, Back: true}
	if got := r.Found(); len(got) != 2 || got[0] != "at least 1 Gbit/s" || r.Direction() != "from the Central Node" || r.RoundTrips() != "not measured" {
		t.Errorf("%q %q %q", got, r.Direction(), r.RoundTrips())
	}
}

func TestAConfiguredCapacityIsSaidToStayAndToBeCorrected(t *testing.T) {
	for want, r := range map[string]acts.LinkTest{
		"412 Mbit/s|The configured capacity, 100 Mbit/s, stays in force.":                                                                                    {Capacity: 412e6, Configured: 1e8},
		"at least 1 Gbit/s|The rate that the test was allowed was the limit: the channel may carry more.|The configured capacity, 2 Gbit/s, stays in force.": {Capacity: 1e9, Bounded: true, Configured: 2e9},
	} {
		if got := strings.Join(r.Found(), "|"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	j := acts.Judged{Limit: acts.LimitCapacity, Verdict: acts.VerdictWarning}
	if got := j.Next(); !strings.HasSuffix(got, "`sensor link test` measures the channel again.") || strings.Contains(got, "channel_capacity_mbit") {
		t.Errorf("%q", got)
	}
	j.Configured = true
	if got := j.Next(); !strings.Contains(got, "correct channel_capacity_mbit") || strings.Contains(got, "link test") {
		t.Errorf("%q", got)
	}
}

func TestALinkWhoseLossIsNotMeasuredIsNotOK(t *testing.T) {
	const unknown, ok, warning, exceeded = acts.VerdictUnknown, acts.VerdictOK, acts.VerdictWarning, acts.VerdictExceeded
	for _, c := range []struct{ loss, ingress, want acts.Verdict }{
		{unknown, unknown, unknown}, {unknown, ok, unknown}, {unknown, warning, warning}, {unknown, exceeded, exceeded},
		{ok, unknown, ok}, {ok, ok, ok}, {ok, warning, warning}, {exceeded, ok, exceeded},
	} {
		got := acts.Overall([]acts.Judged{{Limit: acts.LimitLoss, Verdict: c.loss}, {Limit: acts.LimitIngress, Verdict: c.ingress}})
		if got != c.want {
			t.Errorf("loss %s, ingress %s: %s, want %s", c.loss, c.ingress, got, c.want)
		}
	}
}

func TestSilenceIsSaidBesideTheVerdictOnLoss(t *testing.T) {
	q := acts.LinkQuality{Unmeasured: "No answer comes."}
	loss, delay := acts.Judged{Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded}, acts.Judged{Limit: acts.LimitDelay, Verdict: acts.VerdictOK}
	if q.WhyNot(loss) != q.Unmeasured || q.WhyNot(delay) != "" {
		t.Errorf("loss: %q, delay: %q", q.WhyNot(loss), q.WhyNot(delay))
	}
}
