package admin

import (
	"strings"
	"testing"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/pki"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func TestTheNextStepAboutAnExternalSystem(t *testing.T) {
	accepted, pending := []store.ExternalSystem{{State: store.Accepted}}, []store.ExternalSystem{{State: store.Pending}}
	for name, c := range map[string]struct {
		set    func(*acts.ExternalSystem)
		others []store.ExternalSystem
		want   string
	}{
		"asks":                        {func(s *acts.ExternalSystem) { s.State = acts.Pending }, nil, "Compare the fingerprint"},
		"asks beside an accepted one": {func(s *acts.ExternalSystem) { s.State, s.Changed = acts.Pending, true }, accepted, "This ID is accepted with another certificate: "},
		"asks anew":                   {func(s *acts.ExternalSystem) { s.State, s.Changed = acts.Pending, true }, nil, "This ID was known with another certificate: "},
		"asks beside another":         {func(s *acts.ExternalSystem) { s.State = acts.Pending }, pending, "Compare the fingerprint"},
		"rejected":                    {func(s *acts.ExternalSystem) { s.State = acts.Rejected }, accepted, "It is refused. Accept it to let it in; delete it to let it ask anew."},
		"silent since":                {func(s *acts.ExternalSystem) { s.LastCall = s.Decided.Add(-time.Second) }, nil, "No call has come since that was decided: have its administrator check the connection from there (GET /kata/scanner/v1/sensors/gate/connection)."},
		"never called":                {func(s *acts.ExternalSystem) { s.LastCall = time.Time{} }, nil, "No call has come since that was decided"},
		"fails": {func(s *acts.ExternalSystem) {
			s.LastErrorAt, s.LastError = s.LastCall.Add(time.Millisecond), "429 busy: Too much waits (of all). Call again later."
		}, nil,
			"Its last call was answered with the error 429 busy: have its administrator check the connection from there (GET "},
		"failed once":        {func(s *acts.ExternalSystem) { s.LastErrorAt, s.LastError = s.LastCall.Add(-time.Second), "429 busy: x" }, nil, "The connection works: there is nothing to do."},
		"expires soon":       {func(s *acts.ExternalSystem) { s.NotAfter = now.Add(20 * 24 * time.Hour) }, accepted, "The certificate expires on 2026-12-12 10:00 UTC, in 20 days. That cuts it off nowhere here"},
		"expired":            {func(s *acts.ExternalSystem) { s.NotAfter = now.Add(-time.Hour) }, nil, "The certificate expired on"},
		"expires later":      {func(s *acts.ExternalSystem) { s.NotAfter = now.Add(60 * 24 * time.Hour) }, nil, "The connection works: there is nothing to do."},
		"two of its ID":      {func(*acts.ExternalSystem) {}, accepted, "The connection works. The same ID is accepted with another certificate too"},
		"another of it asks": {func(*acts.ExternalSystem) {}, pending, "The connection works: there is nothing to do."},
		"all is well":        {func(*acts.ExternalSystem) {}, nil, "The connection works: there is nothing to do."},
	} {
		s := acts.ExternalSystem{
			ID: "gate", Fingerprint: pki.Fingerprint{1}, State: acts.Accepted, NotAfter: now.AddDate(1, 0, 0),
			Decided: now.Add(-time.Hour), LastCall: now.Add(-time.Minute),
		}
		c.set(&s)
		if got := nextStep(s, c.others, now); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatIsWrongWithScanningIsToldTheWorstFirst(t *testing.T) {
	s := acts.ScanStatus{
		SpoolBytes: 899, SpoolQuota: 1000, Oldest: now.Add(-9 * time.Minute), Waiting: 3,
		Engines: []acts.ScanEngine{{Name: "builtin"}},
	}
	if problems := scanProblems(s, true, now); len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	s.SpoolBytes, s.Oldest, s.Degraded, s.Reason = 900, now.Add(-630*time.Second), true, "the disk is full"
	s.Engines = append(s.Engines, acts.ScanEngine{Name: "clamd", Trouble: "It cannot be reached."})
	want := []string{
		"Scanning is degraded: the disk is full", "Scanning engine clamd: It cannot be reached.", "The spool of objects to scan holds 900 bytes of 1 kB: ",
		"An object has waited for its verdict for 10m, and 3 wait in all: ",
	}
	got := scanProblems(s, true, now)
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i, text := range want {
		if !strings.HasPrefix(got[i], text) {
			t.Errorf("%q, want %q", got[i], text)
		}
	}
}
