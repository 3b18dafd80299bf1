package report

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

// uploads is a measure in which the peer does not know one of the metrics.
var uploads = Measure{
	Name: "bulk", About: "uploads", Subjects: []string{"direct", "haproxy", "sensor"}, Ours: "sensor",
	Metrics: []Metric{
		{Key: "cpu", What: "CPU per GB", Unit: "CPU-s", Aims: []Aim{To("haproxy", "<= 0.80", "0.96")}},
		{Key: "own", What: "what only one has", Aims: []Aim{To("haproxy", "<= 1", "")}},
	},
}

func TestEverySubjectHasItsTurnInEachRound(t *testing.T) {
	var order []string
	rows, err := uploads.Rounds(2, func(subject string) (map[string]float64, error) {
		order = append(order, subject)
		switch n := float64(len(order)); subject {
		case "sensor":
			return map[string]float64{"cpu": n, "own": 5}, nil
		case "haproxy":
			return map[string]float64{"cpu": 2 * (n + 1)}, nil
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "direct haproxy sensor direct haproxy sensor" {
		t.Fatal(got)
	}
	var r Report
	r.Add(uploads, rows)
	text := r.Markdown()
	for _, want := range []string{
		"| bulk | direct | haproxy | sensor | ratio in the same round | aim | prototype |\n|---|---|---|---|---|---|---|\n",
		"| CPU per GB, CPU-s |  | 9 (6 to 12) | 4.5 (3 to 6) | haproxy: 0.5 | <= 0.80 | 0.96 |",
		"| what only one has |  |  | 5 |  |  |  |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestColumnsThatWouldBeEmptyAreLeftOut(t *testing.T) {
	m := Measure{Name: "memory", About: "idle", Subjects: []string{"off", "on"}, Ours: "on", Metrics: []Metric{{Key: "rss", What: "memory", Unit: "MiB", Goal: "<= 9"}}}
	rows, err := m.Rounds(1, func(string) (map[string]float64, error) { return map[string]float64{"rss": 8}, nil })
	if err != nil {
		t.Fatal(err)
	}
	r := Report{Date: "today", Conditions: []string{"here"}}
	r.Add(m, rows)
	if want, text := "today\n\n- here\n\nidle\n\n| memory | off | on | aim |\n|---|---|---|---|\n| memory, MiB | 8 | 8 | <= 9 |\n", r.Markdown(); text != want {
		t.Errorf("%q, want %q", text, want)
	}
	folder := filepath.Join(t.TempDir(), "new")
	if err := r.Write(folder, "x"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x.md", "x.json"} {
		if raw, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !strings.Contains(string(raw), "idle") {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
}

func TestRatiosAreFoundInWhatWasWritten(t *testing.T) {
	rows, err := uploads.Rounds(2, func(subject string) (map[string]float64, error) {
		return map[string]map[string]float64{"haproxy": {"cpu": 4}, "sensor": {"cpu": 3}}[subject], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	r.Add(uploads, rows)
	folder := t.TempDir()
	if err := r.Write(folder, "x"); err != nil {
		t.Fatal(err)
	}
	read, err := Read(folder, "x")
	if err != nil {
		t.Fatal(err)
	}
	if x, err := read.Ratio("bulk", "cpu", "haproxy"); err != nil || x.Span.Median != 0.75 || x.Aim != "<= 0.80" || x.Of != "sensor" {
		t.Errorf("%+v, %v", x, err)
	}
	for _, none := range [][3]string{{"bulk", "cpu", "direct"}, {"bulk", "own", "haproxy"}, {"flat", "cpu", "haproxy"}} {
		if x, err := read.Ratio(none[0], none[1], none[2]); err == nil {
			t.Errorf("%v: %+v", none, x)
		}
	}
}

func TestATurnThatFailsEndsTheMeasure(t *testing.T) {
	broken := errors.New("broken")
	turns := 0
	_, err := uploads.Rounds(3, func(string) (map[string]float64, error) { turns++; return nil, broken })
	if !errors.Is(err, broken) || turns != 1 || !strings.Contains(err.Error(), "bulk, direct: ") {
		t.Fatal(turns, err)
	}
}
