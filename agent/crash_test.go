package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"vedette/agent"
	"vedette/agent/agenttest"
	"vedette/agent/collect"
	"vedette/internal/settings"
	agentv1 "vedette/proto/agent/v1"
)

// flood makes ten thousand starts a second.
type flood struct{ source }

func (*flood) Run(ctx context.Context, emit func(*agentv1.Event)) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for j := range 10 {
			e := collect.Notice(time.Now(), "x", "", 0) // for its id
			e.Kind = start("/bin/x", fmt.Sprint(os.Getpid(), i, j)).Kind
			emit(e)
		}
	}
}

func crashConfig(dir string) agent.Config {
	c := agent.DefaultConfig()
	c.StateDir, c.PolicyFile = filepath.Join(dir, "state"), filepath.Join(dir, "policy.toml")
	c.PackagePeriod = settings.Duration(100 * time.Millisecond)
	return c
}

// crashingAgent runs until it is killed.
func crashingAgent(dir string) {
	a, err := agent.New(crashConfig(dir), agent.Options{
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Version: "crash",
		Source: func() collect.Source { return &flood{} }, Backoff: quick,
	})
	if err == nil {
		err = a.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, "the agent ended by itself:", err)
	os.Exit(1)
}

// TestKilledAgentLosesAndDoublesNothing kills agents under load. What was
// queued when an agent was killed is sent by the next one; no event has an
// effect twice, though packages are sent again.
func TestKilledAgentLosesAndDoublesNothing(t *testing.T) {
	const rounds = 8
	n, c := agenttest.Start(t), crashConfig(t.TempDir())
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%sthrottling = false\n", n.Address, pinned(n.Pair)))
	left := func(t testing.TB) []string {
		list, err := filepath.Glob(filepath.Join(c.QueueDir(), "*.pkg"))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "AGENT_CRASH_DIR="+filepath.Dir(c.PolicyFile))
		cmd.Stderr = t.Output()
		before := n.Packages()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		want := before + 3 + rand.IntN(8)
		agenttest.Eventually(t, "packages of one round", func() bool { return n.Packages() >= want })
		if round%2 == 1 { // killed while the Central Node takes nothing
			var refused atomic.Bool
			n.Set(func(r *agenttest.Rules) {
				r.SendWith = func(*agentv1.SendEventsRequest) error {
					refused.Store(true)
					return connect.NewError(connect.CodeUnavailable, errors.New("not now"))
				}
			})
			// After a refusal the agent knows of all that was taken before.
			agenttest.Eventually(t, "a queue", func() bool { return refused.Load() && len(left(t)) > 2 })
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.Exited() {
			t.Fatalf("round %d: %v", round, err)
		}
		if round < rounds-1 {
			n.Set(func(r *agenttest.Rules) { r.SendWith = nil })
		}
	}
	kept := left(t)
	before := n.Packages()
	n.Set(func(r *agenttest.Rules) { r.SendWith = nil })
	r := run(t, c, newSource())
	agenttest.Eventually(t, "what was left", func() bool { return r.Status().Queue.Packages == 0 })
	// A file that was open when the agent was killed never counted as queued.
	torn := 0
	if r.Status().Dropped["damaged"] > 0 {
		torn = 1
	}
	if got := n.Packages() - before; got != len(kept) && got != len(kept)-torn {
		t.Fatalf("%d packages were left, %d arrived", len(kept), got)
	}
	for id, count := range n.Events() {
		if count != 1 {
			t.Fatalf("event %s had %d effects", id, count)
		}
	}
	if d := r.Status().Dropped; d["damaged"] > 1024*rounds || len(d) > 1 {
		t.Fatalf("dropped %v", d)
	}
}
