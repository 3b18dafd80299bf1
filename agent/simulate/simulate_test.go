package simulate_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	"vedette/agent/agenttest"
	"vedette/agent/simulate"
	"vedette/agent/uplink"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t testing.TB, n *agenttest.Node) simulate.Config {
	return simulate.Config{
		Agents: 4, Servers: []string{n.Address}, Pin: n.Pair.Fingerprint(), EventsPerPackage: 5,
		Backoff: 10 * time.Millisecond, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Compress: true,
	}
}

func TestEveryAckedPackageHasALine(t *testing.T) {
	n := agenttest.Start(t)
	var acks bytes.Buffer
	c := config(t, n)
	c.Packages, c.Acks = 10, &acks
	for i := range c.Agents {
		c.Identities = append(c.Identities, pkitest.Agent(t, string(rune('a'+i))))
	}
	var tries atomic.Int32
	n.Set(func(r *agenttest.Rules) {
		r.SendWith = func(*agentv1.SendEventsRequest) error {
			if tries.Add(1)%3 == 0 {
				return connect.NewError(connect.CodeUnavailable, context.DeadlineExceeded)
			}
			return nil
		}
	})
	s, err := simulate.Run(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	if s.Packages != 40 || s.Events != 200 || n.Packages() != 40 || len(n.Events()) != 200 || s.LatencyP50 <= 0 || s.LatencyP99 < s.LatencyP50 || len(s.Faults) == 0 {
		t.Fatalf("%+v", s)
	}
	list, err := simulate.ReadAcks(bytes.NewReader(append(acks.Bytes(), "half a li"...)))
	if err != nil || len(list) != 40 {
		t.Fatalf("%d lines, %v", len(list), err)
	}
	for _, p := range c.Identities {
		if n.Requests(p.Fingerprint()) == 0 {
			t.Fatal("an agent did not use its own certificate")
		}
	}
}

func TestNobodyHadAnAnswerFromAServerThatIsNotThere(t *testing.T) {
	n := agenttest.Start(t)
	c := config(t, n)
	c.Servers, c.Duration = []string{"127.0.0.1:1"}, 100*time.Millisecond
	c.Ready = func() { t.Error("all agents are said to have had an answer") }
	s, err := simulate.Run(t.Context(), c)
	if err != nil || s.Syncs != 0 || s.Faults[uplink.CodeUnreachable] == 0 {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestRefusalsAndCutsAreCounted(t *testing.T) {
	n := agenttest.Start(t)
	c := config(t, n)
	c.Idle = true
	for i := range c.Agents {
		c.Identities = append(c.Identities, pkitest.Agent(t, string(rune('a'+i))))
	}
	ready := make(chan struct{})
	c.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan *simulate.Summary, 1)
	go func() {
		s, err := simulate.Run(ctx, c)
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	<-ready
	n.Set(func(r *agenttest.Rules) {
		r.Refuse = &problem.Problem{Title: "x", Status: 401, Code: problem.Withdrawn}
	})
	n.Cut()
	agenttest.Eventually(t, "each agent's second refusal", func() bool {
		for _, p := range c.Identities { // a Sync, and who asks twice after it has counted the first refusal
			if n.Requests(p.Fingerprint()) < 3 {
				return false
			}
		}
		return true
	})
	cancel()
	s := <-done
	if s.Cuts != 4 || s.Faults[string(problem.Withdrawn)] < 4 || s.Syncs != 4 || s.Reconnects < 4 {
		t.Fatalf("%+v", s)
	}
}

func TestSimulatedAgentsWaitAsLongAsASensorAsks(t *testing.T) {
	const later = 3 * time.Second // in which all are refused
	n := agenttest.Start(t)
	n.Set(func(r *agenttest.Rules) {
		r.Refuse = &problem.Problem{Title: "x", Status: 503, Code: problem.LinkDown, RetryAfter: later}
	})
	c := config(t, n)
	c.Packages = 1
	began := time.Now()
	done := make(chan *simulate.Summary, 1)
	go func() {
		s, err := simulate.Run(context.Background(), c)
		if err != nil {
			t.Error(err)
		}
		done <- s
	}()
	agenttest.Eventually(t, "all agents refused", func() bool { return n.Requests(pki.Fingerprint{}) >= c.Agents })
	n.Set(func(r *agenttest.Rules) { r.Refuse = nil })
	s := <-done
	if s.Faults[string(problem.LinkDown)] != uint64(c.Agents) || s.Packages != uint64(c.Agents) || time.Since(began) < later {
		t.Fatalf("%+v after %s", s, time.Since(began))
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	n := agenttest.Start(t)
	for name, edit := range map[string]func(*simulate.Config){
		"no agents":  func(c *simulate.Config) { c.Agents = 0 },
		"no servers": func(c *simulate.Config) { c.Servers = nil },
		"no pin":     func(c *simulate.Config) { c.Pin = pki.Fingerprint{} },
		"big":        func(c *simulate.Config) { c.EventsPerPackage = 1025 },
		"negative":   func(c *simulate.Config) { c.Rate = -1 },
	} {
		c := config(t, n)
		edit(&c)
		if _, err := simulate.Run(context.Background(), c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestIdentitiesAreWrittenOnceAndReadBack(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := simulate.MakeIdentities(dir, 3, time.Now); err != nil {
			t.Fatal(err)
		}
	}
	first, err := simulate.ReadIdentities(dir, time.Now())
	if err != nil || len(first) != 3 || first[0].Fingerprint() == first[1].Fingerprint() {
		t.Fatalf("%v, %v", first, err)
	}
	if _, err := simulate.ReadIdentities(t.TempDir(), time.Now()); err == nil {
		t.Fatal("an empty folder gave identities")
	}
}

// BenchmarkIdleAgents reports what one idle agent costs, both ends of its
// connection in this process.
func BenchmarkIdleAgents(b *testing.B) {
	n := agenttest.Start(b)
	c := config(b, n)
	c.Agents, c.Idle = 1000, true
	for b.Loop() {
		ctx, cancel := context.WithCancel(context.Background())
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c.Ready = func() {
			runtime.GC()
			runtime.ReadMemStats(&after)
			cancel()
		}
		if _, err := simulate.Run(ctx, c); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(c.Agents)/1024, "KiB/agent")
	}
}
