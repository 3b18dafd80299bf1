package report

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func choose(args ...string) (Choice, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return Choose(flags, args, []string{"bulk", "connect"}, []string{"direct", "sensor"})
}

func TestEverythingIsChosenUnlessSomebodyChooses(t *testing.T) {
	c, err := choose()
	if err != nil || !slices.Equal(c.Measures, []string{"bulk", "connect"}) || !slices.Equal(c.Subjects, []string{"direct", "sensor"}) || c.Rounds != 3 || !filepath.IsAbs(c.Bin) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = choose("-only", "connect", "-subjects", "sensor,direct", "-rounds", "1")
	if err != nil || !slices.Equal(c.Measures, []string{"connect"}) || !slices.Equal(c.Subjects, []string{"sensor", "direct"}) || c.Rounds != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestNobodyChoosesWhatThereIsNot(t *testing.T) {
	for want, args := range map[string][]string{
		"there is no measure bulk2; there are bulk, connect": {"-only", "bulk2"},
		"there is no subject ; there are direct, sensor":     {"-subjects", ""},
		"0 rounds measure nothing":                           {"-rounds", "0"},
	} {
		if _, err := choose(args...); err == nil || err.Error() != want {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}

func TestWhatIsMeasuredIsKeptWhenTheNextMeasureFails(t *testing.T) {
	c, broken := Choice{Out: t.TempDir(), Measures: []string{"bulk", "connect"}}, errors.New("broken")
	err := c.Perform("x", []string{"here"}, func(measure string, into *Report) error {
		if measure == "connect" {
			return broken
		}
		into.Add(Measure{Name: measure, About: "uploads"}, nil)
		return nil
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(filepath.Join(c.Out, "x.md")); err != nil || !strings.Contains(string(raw), "- here\n\nuploads\n") {
		t.Errorf("%s, %v", raw, err)
	}
}
