package scan

import (
	"log/slog"
	"time"

	"vedette/internal/acts"
	"vedette/internal/foreign"
)

const (
	// keptFailures is how many of the last verdicts without an answer are shown.
	keptFailures = 20
	// failureLines is how many of them are logged in failureTime.
	failureLines = 20
	failureTime  = time.Minute
)

// failures are the last verdicts without an answer, for people, and the pace of
// their log lines.
type failures struct {
	last   []acts.ScanFailure // the newest last
	since  time.Time
	lines  int
	silent int // not logged since then
}

// add keeps a failure. When there are too many the oldest of the system that has
// most of them goes, so that one does not hide those of the others.
func (f *failures) add(one acts.ScanFailure) {
	f.last = append(f.last, one)
	if len(f.last) <= keptFailures {
		return
	}
	have := make(map[string]int)
	most := 0
	for _, v := range f.last {
		have[v.System]++
		most = max(most, have[v.System])
	}
	for i, v := range f.last {
		if have[v.System] == most {
			f.last = append(f.last[:i], f.last[i+1:]...)
			return
		}
	}
}

// say reports whether one more is to be logged, and how many were not since the
// last time.
func (f *failures) say(now time.Time) (silent int, ok bool) {
	if f.since.IsZero() || now.Sub(f.since) >= failureTime {
		f.since, f.lines = now, 0
	}
	if f.lines == failureLines {
		f.silent++
		return 0, false
	}
	f.lines++
	silent, f.silent = f.silent, 0
	return silent, true
}

// fail notes a verdict without an answer, and which engines did not give one.
// r.mu is held.
func (r *Room) fail(k Key, sha256 Digest, v *verdict) {
	one := acts.ScanFailure{
		At: v.at, System: foreign.Line(k.System), Instance: foreign.Line(k.Instance), ScanID: foreign.Line(k.ScanID), SHA256: sha256.String(),
		State: string(v.state), Engine: v.engine, Reason: foreign.Line(v.reason),
	}
	r.failures.add(one)
	silent, ok := r.failures.say(time.Now())
	if !ok {
		return
	}
	attrs := []any{
		"system", one.System, "instance", one.Instance, "scan_id", one.ScanID, "sha256", one.SHA256,
		"state", one.State, "engine", one.Engine, "reason", one.Reason,
	}
	if silent > 0 {
		attrs = append(attrs, slog.Int("not_logged_before", silent))
	}
	r.cfg.Logger.Warn("an object has a verdict without an answer", attrs...)
}
