package acts_test

import (
	"testing"
	"time"

	"vedette/internal/acts"
)

func TestEventSaysWhatAndWho(t *testing.T) {
	zero, killed := int32(0), int32(-9)
	for want, e := range map[string]acts.Event{
		"":                            {},
		"/bin/sh":                     {Process: &acts.EventProcess{Executable: "/bin/sh"}},
		`sh -c 'echo "a" it'\''s' ''`: {Process: &acts.EventProcess{Executable: "/bin/sh", Args: []string{"sh", "-c", `echo "a" it's`, ""}}},
		"/bin/sh (exit 0)":            {Process: &acts.EventProcess{Executable: "/bin/sh", ExitCode: &zero}},
		"(exit -9)":                   {Process: &acts.EventProcess{ExitCode: &killed}},
		"the queue was full":          {Message: "the queue was full"},
	} {
		if got := e.What(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, u := range map[string]*acts.EventUser{"": nil, "root": {ID: "0", Name: "root"}, "1000": {ID: "1000"}} {
		if got := (acts.Event{User: u}).Who(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestActivityGoesByWholeDays(t *testing.T) {
	const day = 24 * 60 * 60 * 1e9
	th := acts.ActivityThresholds{Warning: 1, Critical: 3}
	for _, tt := range []struct {
		silent int64
		want   acts.Activity
	}{{-day, acts.NormalActivity}, {0, acts.NormalActivity}, {day - 1, acts.NormalActivity}, {day, acts.WarningActivity}, {3*day - 1, acts.WarningActivity}, {3 * day, acts.CriticalInactivity}} {
		if got := th.Of(time.Duration(tt.silent)); got != tt.want {
			t.Errorf("after %d ns: %s, want %s", tt.silent, got, tt.want)
		}
	}
	for word, want := range map[string]acts.Activity{"normal": acts.NormalActivity, " Critical inactivity": acts.CriticalInactivity, "critical-inactivity": acts.CriticalInactivity, "WARNING": acts.WarningActivity} {
		if got, err := acts.ParseActivity(word); err != nil || got != want {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "inactivity", "norm"} {
		if got, err := acts.ParseActivity(word); err == nil {
			t.Errorf("%q: %q", word, got)
		}
	}
}
