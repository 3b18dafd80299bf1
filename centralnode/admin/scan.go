package admin

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// Scan is the room of scanning.
type Scan interface {
	// Waiting counts the objects of an external system's ID that have no verdict
	// yet.
	Waiting(system string) int
	// Results counts what whoever is accepted under an ID can look up.
	Results(system string) int
	Status(ctx context.Context) acts.ScanStatus
	// SetPriority puts the switch Maximum scan priority in force.
	SetPriority(on bool)
}

// ScanStatus shows the state of scanning and of its engines.
func (a *Admin) ScanStatus(ctx context.Context, actor acts.Actor) (acts.ScanStatus, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewScan); err != nil {
		return acts.ScanStatus{}, err
	}
	return a.scanStatus(ctx), nil
}

func (a *Admin) scanStatus(ctx context.Context) acts.ScanStatus {
	s := a.c.Scan.Status(ctx)
	s.Reason = foreign.Clean(s.Reason)
	for i := range s.Engines {
		e := &s.Engines[i]
		e.Version, e.RuleSet, e.Trouble = foreign.Line(e.Version), foreign.Line(e.RuleSet), foreign.Clean(e.Trouble)
	}
	if len(s.Engines) == 1 && s.Engines[0].Rules == 1 && s.Engines[0].Trouble == "" {
		s.Engines[0].Trouble = testFileOnly
	}
	return s
}

// testFileOnly is what is wrong with scanning as it is installed.
const testFileOnly = "It finds the EICAR test file and nothing else: configure [scan.clamd], [scan.yara] or lists of [scan.builtin] before anybody goes by \"not detected\"."

// When a state of scanning needs a person.
const (
	spoolNearlyFull = 90               // per cent of its quota
	longWait        = 10 * time.Minute // of an object without a verdict
)

func engineProblem(e acts.ScanEngine) string { return "Scanning engine " + e.Name + ": " + e.Trouble }

// scanProblems says what needs a person, the worst first. What is only not
// configured needs nobody while no external system asks for scans.
func scanProblems(s acts.ScanStatus, asked bool, now time.Time) (problems []string) {
	if s.Degraded {
		problems = append(problems, "Scanning is degraded: "+s.Reason)
	}
	if s.Aside != "" {
		problems = append(problems, s.Aside)
	}
	for _, e := range s.Engines {
		if e.Trouble != "" && (asked || e.Trouble != testFileOnly) {
			problems = append(problems, engineProblem(e))
		}
	}
	if s.SpoolQuota > 0 && s.SpoolBytes >= s.SpoolQuota/100*spoolNearlyFull {
		problems = append(problems, fmt.Sprintf("The spool of objects to scan holds %s of %s: when it is full, external systems are told to come back later.",
			acts.ByteSize(uint64(max(0, s.SpoolBytes))), acts.ByteSize(uint64(s.SpoolQuota))))
	}
	if wait := now.Sub(s.Oldest); !s.Oldest.IsZero() && wait >= longWait {
		problems = append(problems, fmt.Sprintf("An object has waited for its verdict for %s, and %d wait in all: see what the engines do (scan show).",
			strings.TrimSuffix(wait.Truncate(time.Minute).String(), "0s"), s.Waiting))
	}
	return problems
}
