package chart_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/chart"
)

func percent(v float64) string { return fmt.Sprintf("%.4g %%", v) }

// limited is an hour of loss, by the minute, which goes up to peak in its middle,
// and of which ten minutes were not measured.
func limited(peak float64) chart.Spec {
	s := chart.Spec{
		Title: "Packet loss", From: noon.Add(-time.Hour), To: noon, Step: time.Minute, Format: percent,
		Limit: chart.Limit{Value: 10}, Series: []chart.Series{{Name: "In all"}},
	}
	for i := range 60 {
		if i < 10 || i >= 20 {
			s.Series[0].Points = append(s.Series[0].Points, chart.Point{At: s.From.Add(time.Duration(i) * time.Minute), Value: math.Round(100*peak*math.Exp(-math.Pow(float64(i-30)/8, 2))) / 100})
		}
	}
	return s
}

func TestALimitIsDrawnAndNamed(t *testing.T) {
	for _, c := range []struct {
		name         string
		peak         float64
		limit        chart.Limit
		want, absent string
	}{
		{"reached", 12, chart.Limit{Value: 10}, "Limit: 10 %, which was reached.", "far above"},
		{"just reached", 10, chart.Limit{Value: 10}, "Limit: 10 %, which was reached.", "far above"},
		{"near", 2, chart.Limit{Value: 10}, "Limit: 10 %, which was not reached.", "far above"},
		{"named", 12, chart.Limit{Name: "At most", Value: 10}, "At most: 10 %, which was reached.", "Limit"},
		{"far", 1.9, chart.Limit{Value: 10}, "Limit: 10 %, which was not reached.", "Limit 10 %"},
		{"none", 12, chart.Limit{}, "highest 12 %.\n", "Limit"},
		{"no number", 12, chart.Limit{Value: math.NaN()}, "highest 12 %.\n", "Limit"},
		{"endless", 12, chart.Limit{Value: math.Inf(1)}, "highest 12 %.\n", "Limit"},
		{"below nothing", 12, chart.Limit{Value: -1}, "highest 12 %.\n", "Limit"},
	} {
		s := limited(c.peak)
		s.Limit = c.limit
		_, text := drawing(t, s)
		if !strings.Contains(text, c.want) || strings.Contains(text, c.absent) {
			t.Errorf("%s: want %q and not %q in\n%s", c.name, c.want, c.absent, text)
		}
		if drawn := strings.Contains(string(chart.Lines(s)), `<g class="limit">`); drawn != (c.absent == "far above" || c.name == "named") {
			t.Errorf("%s: the line is drawn: %t", c.name, drawn)
		}
	}
}

func TestTheAxisHoldsALimitThatIsNear(t *testing.T) {
	for peak, want := range map[float64]string{0.4: "\n0.4 %\n", 1.9: "\n2 %\n", 3: "\n10 %\n", 25: "\n30 %\n"} {
		if _, text := drawing(t, limited(peak)); !strings.Contains(text, want) {
			t.Errorf("%g: the axis does not end at %q:\n%s", peak, want, text)
		}
	}
}

func TestWhatIsNotMeasuredIsAGapBesideALimit(t *testing.T) {
	paths, _ := drawing(t, limited(12))
	lines := 0
	for _, path := range paths {
		lines = max(lines, strings.Count(path, "h0"))
	}
	if lines != 2 {
		t.Errorf("%d stretches are drawn, want 2: %q", lines, paths)
	}
}

// TestThinningStaysWhereItIs: a minute later the same points are drawn, but for
// those at the ends.
func TestThinningStaysWhereItIs(t *testing.T) {
	draw := func(to time.Time) (string, int) {
		s := chart.Spec{Title: "T", From: to.Add(-24 * time.Hour), To: to, Step: time.Minute, Series: []chart.Series{{Name: "S"}}}
		for at := s.From; at.Before(to); at = at.Add(time.Minute) {
			s.Series[0].Points = append(s.Series[0].Points, chart.Point{At: at, Value: float64(at.Unix() * 7919 % 1000)})
		}
		paths, text := drawing(t, s)
		if !strings.Contains(text, "The lowest and the highest value of each 10 minutes are drawn.") {
			t.Error("it is not said what is drawn:", text)
		}
		line := paths[len(paths)-2]
		return line[len(line)/4 : len(line)/2], strings.Count(line, "l")
	}
	first, n := draw(noon)
	if n < 280 || n > 290 {
		t.Errorf("%d points are drawn", n)
	}
	// The way from point to point is the same to a tenth of a pixel.
	heights := func(path string) (out []string) {
		for _, step := range strings.Split(path, "l") {
			_, y, _ := strings.Cut(step, " ")
			out = append(out, y)
		}
		return out
	}
	later, _ := draw(noon.Add(time.Minute))
	a, b := heights(first), strings.Join(heights(later), "|")
	if part := strings.Join(a[2:40], "|"); !strings.Contains(b, part) {
		t.Errorf("other points are drawn:\n%s\n%s", part, b)
	}
}

func TestNumbersBeyondCountingAreShort(t *testing.T) {
	for _, v := range []float64{1e15, 1.8e19, -1e180} {
		_, text := drawing(t, chart.Spec{Title: "T", From: noon.Add(-time.Hour), To: noon, Series: []chart.Series{{Name: "S", Points: []chart.Point{{At: noon, Value: v}}}}})
		for line := range strings.Lines(text) {
			if len(line) > 200 {
				t.Errorf("%g: %.60s...", v, line)
			}
		}
	}
}
