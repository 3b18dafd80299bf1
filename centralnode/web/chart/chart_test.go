package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/centralnode/web/chart"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// wave is a day of points, five minutes apart.
func wave(name string, base, swing float64) chart.Series {
	s := chart.Series{Name: name}
	for i := range 289 {
		s.Points = append(s.Points, chart.Point{At: noon.Add(time.Duration(i-288) * 5 * time.Minute), Value: math.Round(base + swing*math.Sin(float64(i)/40))})
	}
	return s
}

func aDay() chart.Spec {
	down := wave("Known hosts", 14000, 0)
	down.Points = append(down.Points[:100:100], down.Points[160:]...) // the daemon was down
	return chart.Spec{
		Title: "Endpoint Agents", Unit: "hosts", From: noon.Add(-24 * time.Hour), To: noon, Step: 5 * time.Minute,
		Series: []chart.Series{wave("Connected", 11000, 2500), down},
	}
}

func TestGolden(t *testing.T) {
	month := chart.Spec{Title: "Ingress", From: noon.Add(-30 * 24 * time.Hour), To: noon, Step: time.Hour, Format: func(v float64) string { return fmt.Sprintf("%g Mbit/s", v/1e6) }}
	for n := range chart.MaxSeries {
		one := chart.Series{Name: fmt.Sprintf("Sensor %d", n+1)}
		for i := range 721 {
			one.Points = append(one.Points, chart.Point{At: month.From.Add(time.Duration(i) * time.Hour), Value: 1e6 * math.Round(40+float64(90*n)+30*math.Sin(float64(i)/30+float64(n)))})
		}
		month.Series = append(month.Series, one)
	}
	few := chart.Spec{Title: "Link quality", Unit: "ms", From: noon.Add(-time.Minute), To: noon, Series: []chart.Series{
		{Name: "p50", Points: []chart.Point{{noon.Add(-50 * time.Second), 1.25}, {noon.Add(-40 * time.Second), 2.5}, {noon.Add(-30 * time.Second), math.NaN()}, {noon.Add(-5 * time.Second), -0.75}}},
		{Name: "p99"},
	}}
	for name, spec := range map[string]chart.Spec{
		"day": aDay(), "month": month, "few": few,
		"limit": limited(12), "limit-far": limited(0.4),
		"empty":   {Title: "Events", From: noon.Add(-time.Hour), To: noon, Series: []chart.Series{{Name: "Packages"}}, Empty: "No package has come yet."},
		"hostile": {Title: `<script>alert(1)</script>`, Unit: `"><svg/onload=x>`, From: noon.Add(-time.Hour), To: noon, Series: []chart.Series{{Name: `'"><b>&`, Points: []chart.Point{{noon, 1}}}}},
	} {
		got := []byte(chart.Lines(spec))
		path := filepath.Join("testdata", name+".html")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s (-update writes it): %v", name, path, err)
		}
	}
}

// drawing is what a browser makes of a figure; what is not well formed fails.
func drawing(t interface {
	Helper()
	Fatalf(string, ...any)
}, s chart.Spec) (paths []string, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(chart.Lines(s))))
	d.Entity = xml.HTMLEntity
	var b strings.Builder
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return paths, b.String()
		}
		if err != nil {
			t.Fatalf("not well formed: %v\n%s", err, chart.Lines(s))
		}
		switch e := token.(type) {
		case xml.StartElement:
			for _, a := range e.Attr {
				if a.Name.Local == "d" {
					paths = append(paths, a.Value)
				}
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || e.Name.Local == "script" {
					t.Fatalf("the content policy forbids <%s %s>", e.Name.Local, a.Name.Local)
				}
			}
		case xml.CharData:
			b.Write(e)
			b.WriteByte('\n')
		}
	}
}

// placed are the coordinates where a path goes, by the commands that are used.
var command = regexp.MustCompile(`([Ml])(-?[0-9.]+) (-?[0-9.]+)`)

func TestAnyNumbersStayInsideTheDrawing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := chart.Spec{Title: "Any", Limit: chart.Limit{Value: rapid.Float64().Draw(t, "limit")}, From: noon.Add(-time.Duration(rapid.Int64Range(1, int64(3000*24*time.Hour)).Draw(t, "span"))), To: noon, Step: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "step"))}
		for n := range rapid.IntRange(0, 8).Draw(t, "series") {
			one := chart.Series{Name: fmt.Sprint(n)}
			for range rapid.IntRange(0, 400).Draw(t, "points") {
				one.Points = append(one.Points, chart.Point{At: s.To.Add(-time.Duration(rapid.Int64Range(-int64(time.Hour), int64(s.To.Sub(s.From)+time.Hour)).Draw(t, "at"))), Value: rapid.Float64().Draw(t, "value")})
			}
			s.Series = append(s.Series, one)
		}
		paths, text := drawing(t, s)
		for _, word := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(text+strings.Join(paths, " "), word) {
				t.Fatalf("%s in the drawing", word)
			}
		}
		for _, path := range paths {
			var x, y float64
			for _, m := range command.FindAllStringSubmatch(path, -1) {
				var dx, dy float64
				if _, err := fmt.Sscan(m[2], &dx); err != nil {
					t.Fatalf("%q: %v", m[0], err)
				}
				if _, err := fmt.Sscan(m[3], &dy); err != nil {
					t.Fatalf("%q: %v", m[0], err)
				}
				if m[1] == "M" {
					x, y = dx, dy
				} else {
					x, y = x+dx, y+dy
				}
				if x < -5 || x > 485 || y < -5 || y > 195 {
					t.Fatalf("%q goes to %g %g", path, x, y)
				}
			}
		}
	})
}

func TestLineHasAGapWhereNothingIsKnown(t *testing.T) {
	points := func(minutes ...int) (out []chart.Point) {
		for _, m := range minutes {
			out = append(out, chart.Point{At: noon.Add(time.Duration(m-60) * time.Minute), Value: float64(m)})
		}
		return out
	}
	unknown := points(1, 2, 3, 4)
	unknown[1].Value = math.NaN()
	infinite := points(1, 2, 3)
	infinite[2].Value = math.Inf(1)
	for _, c := range []struct {
		name   string
		points []chart.Point
		step   time.Duration
		lines  int
	}{
		{"all there", points(1, 2, 3), time.Minute, 1},
		{"a little late", []chart.Point{{noon.Add(-3 * time.Minute), 1}, {noon.Add(-100 * time.Second), 2}}, time.Minute, 1},
		{"some missing", points(1, 2, 5, 6, 9), time.Minute, 3},
		{"joined all the same", points(1, 2, 5, 6, 9), 0, 1},
		{"unknown", unknown, 0, 2},
		{"infinite", infinite, 0, 1},
		{"out of order", points(3, 1, 2), time.Minute, 1},
		{"outside", append(points(1, 2), points(-5, 70)...), time.Minute, 1},
	} {
		paths, _ := drawing(t, chart.Spec{Title: "T", From: noon.Add(-time.Hour), To: noon, Step: c.step, Series: []chart.Series{{Name: "S", Points: c.points}}})
		if got := strings.Count(paths[len(paths)-2], "M"); got != c.lines {
			t.Errorf("%s: %d lines, want %d: %v", c.name, got, c.lines, paths)
		}
	}
}

func TestNoPeakIsLostInManyPoints(t *testing.T) {
	s := chart.Spec{Title: "T", From: noon.Add(-24 * time.Hour), To: noon, Step: time.Minute}
	one := chart.Series{Name: "S"}
	for i := range 1440 {
		one.Points = append(one.Points, chart.Point{At: s.From.Add(time.Duration(i) * time.Minute), Value: 100})
	}
	one.Points[777].Value, one.Points[1001].Value = 1000, 0
	s.Series = []chart.Series{one}
	paths, text := drawing(t, s)
	line := paths[len(paths)-2]
	// From 100 to 1000 and back, and from 100 to 0 and back, on an axis of 156 pixels.
	if up, down := strings.Count(line, "-131.4"), strings.Count(line, " 14.6"); up != 1 || down != 1 {
		t.Errorf("%d ways up, %d ways down in %s", up, down, line)
	}
	if n := strings.Count(line, "l"); n > 320 {
		t.Errorf("%d points are drawn", n)
	}
	if !strings.Contains(text, "highest value of each hour") || !strings.Contains(text, "\n1,000\n") {
		t.Error("the table does not hold the peak:", text)
	}
}

func TestAxesHaveRoundNumbersAndTimes(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      []string
	}{
		{0, 0, []string{"0", "1"}},
		{3, 3, []string{"0", "1", "2", "3"}},
		{0, 7, []string{"0", "2", "4", "6", "8"}},
		{0, 14999, []string{"0", "5,000", "10,000", "15,000"}},
		{0.3, 0.9, []string{"0", "0.5", "1"}},
		{-20, 60, []string{"-20", "0", "20", "40", "60"}},
	} {
		_, text := drawing(t, chart.Spec{Title: "T", From: noon.Add(-time.Hour), To: noon, Series: []chart.Series{{Name: "S", Points: []chart.Point{{noon.Add(-time.Minute), c.low}, {noon, c.high}}}}})
		if want := "\n" + strings.Join(c.want, "\n") + "\n"; !strings.Contains(text, want) {
			t.Errorf("%g to %g: no %q in\n%s", c.low, c.high, c.want, text)
		}
	}
	east := time.FixedZone("east", 3*3600)
	for span, want := range map[time.Duration]string{
		time.Minute:          "12:06:00\n12:06:15\n12:06:30\n12:06:45\n12:07:00",
		time.Hour:            "11:10\n11:20\n11:30\n11:40\n11:50\n12:00",
		24 * time.Hour:       "18:00\n22 Nov\n06:00\n12:00",
		30 * 24 * time.Hour:  "27 Oct\n1 Nov\n6 Nov\n11 Nov\n16 Nov\n21 Nov",
		900 * 24 * time.Hour: "2024",
	} {
		to := noon.Add(7 * time.Minute).In(east)
		_, text := drawing(t, chart.Spec{Title: "T", From: to.Add(-span), To: to, Series: []chart.Series{{Name: "S", Points: []chart.Point{{to, 1}}}}})
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("%v: no %q in\n%s", span, want, text)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	s := aDay()
	b.ReportMetric(float64(len(chart.Lines(s))), "bytes")
	for b.Loop() {
		chart.Lines(s)
	}
}
