package collect_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/agent/collect"
	agentv1 "vedette/proto/agent/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// watch runs a source until the test ends.
func watch(t testing.TB, s collect.Source) <-chan *agentv1.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, done := make(chan *agentv1.Event, 1<<16), make(chan error, 1)
	go func() { done <- s.Run(ctx, func(e *agentv1.Event) { events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("source ended: %v", err)
		}
	})
	return events
}

// await returns the first event that f likes.
func await(t testing.TB, events <-chan *agentv1.Event, f func(*agentv1.Event) bool) *agentv1.Event {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e := <-events:
			if f(e) {
				return e
			}
		case <-deadline:
			t.Fatal("the event did not come")
		}
	}
}

func startOf(pid int) func(*agentv1.Event) bool {
	return func(e *agentv1.Event) bool { return e.GetProcessStart().GetPid() == uint32(pid) }
}

// program copies sleep(1), so that the executable is the test's own.
func program(t testing.TB) string {
	t.Helper()
	from, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "own sleep")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// connector demands one in CI; elsewhere an account without the right to
// listen cannot run these tests at all.
func connector(t testing.TB) *collect.Connector {
	t.Helper()
	c, err := collect.NewConnector(collect.Options{Log: quiet(t)})
	if err != nil {
		if os.Geteuid() == 0 || os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs CAP_NET_ADMIN: ", err)
	}
	return c
}

func TestRealProcessesAreSeen(t *testing.T) {
	for name, source := range map[string]func(t testing.TB) collect.Source{
		collect.NameConnector: func(t testing.TB) collect.Source { return connector(t) },
		collect.NamePoll: func(t testing.TB) collect.Source {
			return collect.NewPoll(collect.Options{Log: quiet(t), Poll: 5 * time.Millisecond})
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, dir := program(t), t.TempDir()
			s := source(t)
			if s.Name() != name || s.Limits() == "" {
				t.Fatalf("%q, %q", s.Name(), s.Limits())
			}
			events := watch(t, s)
			// A first process shows that the source is at work.
			for seen := false; !seen; {
				cmd := exec.Command(path, "0.1")
				if err := cmd.Run(); err != nil {
					t.Fatal(err)
				}
				for len(events) > 0 {
					seen = startOf(cmd.Process.Pid)(<-events) || seen
				}
			}
			cmd := exec.Command(path, "1000", "0.5")
			cmd.Dir = dir
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			e := await(t, events, func(e *agentv1.Event) bool {
				return startOf(cmd.Process.Pid)(e) && e.GetProcessStart().Executable == path
			})
			s1 := e.GetProcessStart()
			self, _ := os.Executable()
			if !slices.Equal(s1.Args, []string{path, "1000", "0.5"}) || s1.WorkingDirectory != dir ||
				s1.ParentPid != uint32(os.Getpid()) || s1.ParentExecutable != self ||
				s1.UserId != fmt.Sprint(os.Getuid()) || s1.UserName == "" || s1.Incomplete {
				t.Errorf("start: %v", s1)
			}
			if len(e.Id) != 32 || time.Since(e.Time.AsTime()).Abs() > time.Minute {
				t.Errorf("id %q, time %v", e.Id, e.Time)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
			exit := await(t, events, func(e *agentv1.Event) bool {
				return e.GetProcessExit().GetPid() == uint32(cmd.Process.Pid)
			}).GetProcessExit()
			want := int32(128 + 9)
			if name == collect.NamePoll {
				want = collect.UnknownExitCode
			}
			if exit.ExitCode != want || exit.Executable != path {
				t.Errorf("exit: %v", exit)
			}
		})
	}
}

func TestConnectorTellsExitCodesAndNoThreads(t *testing.T) {
	s := connector(t)
	events := watch(t, s)
	for code := range 4 {
		cmd := exec.Command("sh", "-c", fmt.Sprintf("exit %d", code))
		_ = cmd.Run() // the code is the point
		e := await(t, events, func(e *agentv1.Event) bool {
			return e.GetProcessExit().GetPid() == uint32(cmd.Process.Pid)
		})
		if got := e.GetProcessExit().ExitCode; got != int32(code) {
			t.Fatalf("exit code %d, want %d", got, code)
		}
	}
	// This process made threads all along; none of them is a process.
	for len(events) > 0 {
		if e := <-events; e.GetProcessStart().GetPid() == uint32(os.Getpid()) {
			t.Fatalf("a thread became a process: %v", e)
		}
	}
}

func TestLostEventsAreCounted(t *testing.T) {
	c := connector(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stuck, resume := make(chan struct{}), make(chan struct{})
	var notices, lost uint64
	done := make(chan error, 1)
	go func() {
		first := true
		done <- c.Run(ctx, func(e *agentv1.Event) {
			if first { // a slow disk
				first = false
				close(stuck)
				<-resume
			}
			if n := e.GetCollectorNotice(); n.GetCode() == collect.NoticeOverrun {
				notices++
				lost += n.Count
				cancel()
			}
		})
	}()
	defer func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
		if notices != 1 || lost == 0 {
			t.Errorf("%d notices of %d lost events", notices, lost)
		}
	}()
	burst := func() {
		cmd := exec.Command("sh", "-c", "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done")
		if err := cmd.Run(); err != nil {
			t.Error(err)
		}
	}
	burst()
	<-stuck
	collect.ShrinkBuffer(t, c)
	burst()
	close(resume)
	for ctx.Err() == nil {
		burst()
	}
}

func TestEmptyProcIsQuietAndMissingProcAnError(t *testing.T) {
	s := collect.NewPoll(collect.Options{Log: quiet(t), Proc: t.TempDir(), Poll: time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Run(ctx, func(e *agentv1.Event) { t.Errorf("event from an empty /proc: %v", e) }); err != nil {
		t.Fatal(err)
	}
	s = collect.NewPoll(collect.Options{Log: quiet(t), Proc: filepath.Join(t.TempDir(), "none")})
	if err := s.Run(context.Background(), nil); err == nil {
		t.Fatal("a missing /proc must be an error")
	}
}
