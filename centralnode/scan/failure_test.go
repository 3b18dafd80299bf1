package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
)

func TestReasonOfAVerdictWithoutAnswerIsLoggedAndShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := &fake{name: "clam", scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
			switch {
			case o.Name == "slow":
				return hangs(ctx)
			case strings.HasPrefix(o.Name, "locked"):
				return engine.Result{Skipped: "the archive is encrypted\x1b[2J"}, nil
			}
			return engine.Result{}, errors.New("no such thing")
		}}
		r := open(t, Config{Engines: []engine.Engine{reader(), e}, Logger: slog.New(slog.NewJSONHandler(&log, nil)), Limits: Limits{Attempts: 1}})
		stop := run(t, r)
		for _, id := range []string{"locked", "slow", "broken"} {
			submitOK(t, r, "gate", id, []byte(id))
			awaitVerdict(r, "gate", id)
		}
		got := r.Status(t.Context()).Failures
		if len(got) != 3 {
			t.Fatalf("failures: %+v", got)
		}
		for i, want := range []acts.ScanFailure{
			{ScanID: "broken", State: "error", Reason: "clam: no such thing"},
			{ScanID: "slow", State: "timeout", Reason: "clam: the engine took too long: context deadline exceeded"},
			{ScanID: "locked", State: "error", Reason: `clam: the archive is encrypted\u{1b}[2J`},
		} {
			want.System, want.Engine, want.At, want.SHA256 = "gate", "clam", got[i].At, got[i].SHA256
			if got[i] != want || got[i].At.IsZero() || len(got[i].SHA256) != 64 {
				t.Errorf("failure %d: %+v, expected %+v", i, got[i], want)
			}
		}
		for _, want := range []string{`"system":"gate"`, `"scan_id":"locked"`, `"instance":""`, `"engine":"clam"`, `"reason":"clam: the archive is encrypted\\u{1b}[2J"`, `"sha256":"` + got[2].SHA256} {
			if first, _, _ := strings.Cut(log.String()[strings.Index(log.String(), "without an answer"):], "\n"); !strings.Contains(first, want) {
				t.Errorf("%s is not in the log: %s", want, first)
			}
		}
		// A flood of them neither fills the log nor hides those of others.
		log.Reset()
		for i := range 100 {
			submitOK(t, r, "flood", fmt.Sprint("locked", i), fmt.Append(nil, i))
		}
		awaitVerdict(r, "flood", "locked99")
		got = r.Status(t.Context()).Failures
		if len(got) != keptFailures || got[0].System != "flood" || got[keptFailures-1].ScanID != "locked" {
			t.Errorf("after a flood: %d, %+v", len(got), got)
		}
		if n := strings.Count(log.String(), "without an answer"); n > failureLines {
			t.Errorf("%d lines in the log", n)
		}
		<-time.After(failureTime)
		submitOK(t, r, "gate", "locked again", []byte("x"))
		awaitVerdict(r, "gate", "locked again")
		if !strings.Contains(log.String(), "not_logged_before") {
			t.Errorf("what was not logged is not told: %s", log.String())
		}
		stop()
	})
}

func TestObjectsBehindThoseThatGoFirstAreCounted(t *testing.T) {
	g := newTurnstile()
	r := open(t, Config{Engines: []engine.Engine{g}, Limits: Limits{Workers: 1}, First: func(id string) bool { return id == "mail" }})
	run(t, r)
	submitOK(t, r, "files", "held", []byte("x"))
	within(t, 10*time.Second, "a scan", func() bool { return len(g.order()) == 1 })
	for i := range 3 {
		submitOK(t, r, "files", fmt.Sprint(i), []byte("x"))
		submitOK(t, r, "mail", fmt.Sprint(i), []byte("x"))
	}
	if n := r.Status(t.Context()).Behind; n != 0 {
		t.Errorf("%d wait behind others while the switch is off", n)
	}
	r.SetPriority(true)
	if n := r.Status(t.Context()).Behind; n != 3 {
		t.Errorf("%d wait behind others", n)
	}
	close(g.let)
	within(t, 10*time.Second, "verdicts", func() bool { return r.Waiting("files")+r.Waiting("mail") == 0 })
	if n := r.Status(t.Context()).Behind; n != 0 {
		t.Errorf("%d wait behind nothing", n)
	}
}

func TestObjectWithoutAnAnswerIsScannedAnewWhenItComesAgain(t *testing.T) {
	for _, size := range []int{100, 100_000} {
		dir := t.TempDir()
		sick := newSick(broken)
		r := open(t, Config{Dir: dir, Engines: []engine.Engine{sick}, Limits: Limits{Attempts: 1}})
		stop := run(t, r)
		content := append([]byte("evil"), make([]byte, size)...)
		submitOK(t, r, "gate", "s", content)
		submitOK(t, r, "gate", "other", content)
		within(t, 10*time.Second, "verdicts", func() bool { return r.Waiting("gate") == 0 })
		if got := stateOf(r, "gate", "s"); got != Failed {
			t.Fatalf("while the engine is sick: %q", got)
		}
		if err := submit(r, "gate", "s", []byte("another")); !errors.Is(err, ErrScanIDTaken) {
			t.Errorf("another object: %v", err)
		}
		sick.healed.Store(true)
		submitOK(t, r, "gate", "s", content)
		within(t, 10*time.Second, "verdict", func() bool { return stateOf(r, "gate", "s") == Detect })
		stop()
		for range 2 {
			if s := r.Status(t.Context()); s.Kept != 2 || len(r.States("gate", "", true, nil)) != 2 || len(files(t, r)) > 0 {
				t.Errorf("status: %+v, %+v, %v", s, r.States("gate", "", true, nil), files(t, r))
			}
			r = reopened(t, r)
		}
		if got := stateOf(r, "gate", "s"); got != Detect {
			t.Errorf("after a restart: %q", got)
		}
	}
}
