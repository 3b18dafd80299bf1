package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

func startOf(exe, user string, args ...string) *agentv1.ProcessStart {
	return &agentv1.ProcessStart{Executable: exe, UserId: user, Args: args}
}

func TestTTLSuppressesTheSameStartWithinThePeriod(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ttl")
	ttl, err := OpenTTL(path)
	if err != nil {
		t.Fatal(err)
	}
	now, period := time.Unix(1e9, 0), time.Hour
	same := startOf("/bin/x", "0", "a", "b")
	for i, c := range []struct {
		start *agentv1.ProcessStart
		after time.Duration
		want  bool
	}{
		{same, 0, false},
		{same, time.Second, true},
		{startOf("/bin/y", "0", "a", "b"), time.Second, false},
		{startOf("/bin/x", "1", "a", "b"), time.Second, false},
		{startOf("/bin/x", "0", "ab"), time.Second, false},
		{startOf("/bin/x", "0", "a", "b", ""), time.Second, false},
		{same, period - time.Second, true}, // suppressed starts do not prolong it
		{same, period, false},
		{same, period + time.Second, true},
		{same, -24 * time.Hour, false}, // the clock was set back
		{&agentv1.ProcessStart{Executable: "/bin/z", Incomplete: true}, 0, false},
		{&agentv1.ProcessStart{Executable: "/bin/z", Incomplete: true}, 0, false},
	} {
		if got := report(ttl, c.start, now.Add(c.after), period); got != c.want {
			t.Fatalf("step %d: %v", i, got)
		}
	}
	if err := ttl.Save(); err != nil {
		t.Fatal(err)
	}
	if ttl, err = OpenTTL(path); err != nil || !ttl.Repeated(same, now.Add(-23*time.Hour-30*time.Minute), period) {
		t.Fatalf("forgotten over a restart: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[9] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if ttl, err = OpenTTL(path); err == nil || ttl.Repeated(same, now, period) {
		t.Fatalf("a damaged file: %v", err)
	}
}

// report does what the agent does with a start: it is suppressed, or noted as
// reported.
func report(ttl *TTL, s *agentv1.ProcessStart, now time.Time, period time.Duration) (suppressed bool) {
	if ttl.Repeated(s, now, period) {
		return true
	}
	ttl.Note(s, now, period)
	return false
}

// TestStartThatWasNotReportedIsNotRepeated: asking alone notes nothing, since
// throttling may still drop the start.
func TestStartThatWasNotReportedIsNotRepeated(t *testing.T) {
	ttl, err := OpenTTL(filepath.Join(t.TempDir(), "ttl"))
	if err != nil {
		t.Fatal(err)
	}
	s, now := startOf("/bin/x", "0"), time.Unix(1e9, 0)
	for range 2 {
		if ttl.Repeated(s, now, time.Hour) {
			t.Fatal("suppressed before it was reported")
		}
	}
	ttl.Note(s, now, time.Hour)
	if !ttl.Repeated(s, now, time.Hour) {
		t.Fatal("not suppressed after it was reported")
	}
}

func TestTTLIsBounded(t *testing.T) {
	ttl, err := OpenTTL(filepath.Join(t.TempDir(), "ttl"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	for i := range 3 * maxStarts {
		now = now.Add(time.Second / 100)
		report(ttl, startOf("/bin/x", "0", fmt.Sprint(i)), now, time.Hour*1000)
		if len(ttl.reported) > maxStarts {
			t.Fatalf("%d remembered", len(ttl.reported))
		}
	}
	if !ttl.Repeated(startOf("/bin/x", "0", fmt.Sprint(3*maxStarts-1)), now, time.Hour) {
		t.Fatal("the latest was forgotten")
	}
}

func TestThrottleDropsOnlyWhatMattersLittle(t *testing.T) {
	var th Throttle
	now := time.Unix(1e9, 0)
	exit := &agentv1.Event{Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{}}}
	notice := &agentv1.Event{Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{}}}
	start := func(i int) *agentv1.Event {
		return &agentv1.Event{Kind: &agentv1.Event_ProcessStart{ProcessStart: startOf("/bin/x", "0", fmt.Sprint(i))}}
	}
	count := func(n int, f func(int) *agentv1.Event) (passed int) {
		for i := range n {
			if ok, _ := th.Allow(f(i), now, 100, 15); ok {
				passed++
			}
		}
		return passed
	}
	if got := count(200, func(int) *agentv1.Event { return exit }); got != 100 {
		t.Fatalf("%d exits passed, the limit is 100", got)
	}
	if got := count(50, start); got != 50 {
		t.Fatalf("%d of 50 new starts passed", got)
	}
	if got := count(50, start); got != 15 {
		t.Fatalf("%d repeated starts passed, their share is 15", got)
	}
	if got := count(50, func(int) *agentv1.Event { return notice }); got != 50 {
		t.Fatalf("%d of 50 notices passed", got)
	}
	now = now.Add(time.Hour)
	ok, over := th.Allow(exit, now, 100, 15)
	if !ok || over != 135 {
		t.Fatalf("a new hour: %v, %d dropped in the one before", ok, over)
	}
	now = now.Add(-10 * time.Hour) // the clock was set back
	if ok, _ := th.Allow(exit, now, 100, 15); !ok || !th.began.Equal(now) {
		t.Fatal("a clock that was set back holds events up")
	}
}
