package adminmenu

import (
	"testing"
	"testing/synctest"

	"vedette/internal/acts"
)

func TestTimesOfADaemonAreWrittenAsTheMenuWritesThem(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"no time, 2026-11-22":  "no time, 2026-11-22",
		"2026-11-22T10:01:02Z": "2026-11-22 10:01:02 UTC",
		"at 2026-11-22T10:01:02Z; 2026-11-22T10:01:03Z.": "at 2026-11-22 10:01:02 UTC; 2026-11-22 10:01:03 UTC.",
		"2026-13-40T10:01:02Z":                           "2026-13-40T10:01:02Z", // no time at all
		"x2026-11-22T10:01:02Z":                          "x2026-11-22T10:01:02Z",
	} {
		if got := inMoments(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestARefusalSaysWhenInTheFormOfTheMenu(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.integrated()
		d := atExternalSystem(t, f, 1)
		f.failing("PreviewRejectExternalSystem", &acts.Error{Code: acts.Stale, Text: "what you saw has changed since: external-system reject by anna on this server at 1999-12-31T23:59:59Z; nothing was done", Hint: "look at it again"})
		d.button("Reject")
		d.at("Error")
		d.expect("Nothing was changed.", "by anna on this server at 1999-12-31 23:59:59 UTC; nothing was done")
	})
}
