package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestSpanIsTheMedianOfWhatWasMeasured(t *testing.T) {
	for _, c := range []struct {
		of               []float64
		median, min, max float64
	}{
		{[]float64{3, 1, 2}, 2, 1, 3},
		{[]float64{4, 1, math.NaN(), 2, 3}, 2.5, 1, 4},
		{[]float64{7}, 7, 7, 7},
	} {
		if s, ok := spanOf(c.of); !ok || s.Median != c.median || s.Min != c.min || s.Max != c.max {
			t.Errorf("%v: %+v", c.of, s)
		}
	}
	if _, ok := spanOf([]float64{math.NaN()}); ok {
		t.Error("a median of nothing")
	}
}

func TestRatiosAreWithinOneRound(t *testing.T) {
	// The second round was twice as slow for everybody.
	if s, ok := paired([]float64{1, 2, 1}, []float64{2, 4, 2}); !ok || s.Min != 0.5 || s.Max != 0.5 {
		t.Fatalf("%+v", s)
	}
	if _, ok := paired([]float64{1}, []float64{math.NaN()}); ok {
		t.Fatal("a ratio to what was not measured")
	}
}

func TestReportHoldsAimsAgainstTheSensor(t *testing.T) {
	m := &measure{name: "bulk", about: "uploads", metrics: []metric{{key: "proxy", what: "proxy CPU per GB", unit: "CPU-s", aims: []aim{{"haproxy", "<= 0.80", "0.96"}}}}}
	var r report
	r.add(m, []row{{m, m.metrics[0], map[string][]float64{"haproxy": {2, 4}, "sensor": {1, 2}, "direct": {math.NaN(), math.NaN()}}}})
	text := r.markdown([]string{"direct", "haproxy", "sensor"})
	if want := "| proxy CPU per GB, CPU-s |  | 3 (2 to 4) | 1.5 (1 to 2) | haproxy: 0.5 | <= 0.80 | 0.96 |"; !strings.Contains(text, want) {
		t.Fatalf("no line %s in\n%s", want, text)
	}
}

func TestPercentiles(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i)*time.Millisecond)
	}
	if p50, p99, longest := percentiles(all); p50 != 101 || p99 != 199 || longest != 200 {
		t.Fatal(p50, p99, longest)
	}
}
