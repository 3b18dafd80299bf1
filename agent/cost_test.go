package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"vedette/agent"
	"vedette/agent/agenttest"
	"vedette/agent/uplink"
)

// realAgent watches this machine until it is killed.
func realAgent(dir string) {
	debug.SetMemoryLimit(24 << 20) // as the program does
	c := crashConfig(dir)
	c.PackagePeriod = agent.DefaultConfig().PackagePeriod
	a, err := agent.New(c, agent.Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Version: "cost"})
	if err == nil {
		err = a.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, "the agent ended by itself:", err)
	os.Exit(1)
}

// BenchmarkOwnCost starts 100 processes a second and reports what a real agent
// beside takes for it: per cent of a core, and memory. Other processes of the
// machine count too. Give it time: -benchtime=2000x is twenty seconds.
func BenchmarkOwnCost(b *testing.B) {
	n, c := agenttest.Start(b), crashConfig(b.TempDir())
	write(b, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%sthrottling = false\n", n.Address, pinned(n.Pair)))
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AGENT_COST_DIR="+filepath.Dir(c.PolicyFile))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}()
	status := func() agent.Status {
		s, _, err := agent.ReadStatus(c)
		if err != nil {
			return agent.Status{}
		}
		return s
	}
	agenttest.Eventually(b, "connection", func() bool { return status().Connection.Code == uplink.CodeConnected })
	fresh := func() agent.Status {
		old := status().Updated
		agenttest.Eventually(b, "status", func() bool { return status().Updated.After(old) })
		return status()
	}
	before := fresh()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		if err := exec.Command("sleep", "0.002").Run(); err != nil {
			b.Fatal(err)
		}
	}
	after := fresh()
	b.ReportMetric((after.Cost.CPUSeconds-before.Cost.CPUSeconds)/after.Updated.Sub(before.Updated).Seconds()*100, "%core")
	b.ReportMetric(float64(after.Cost.RSSBytes)/(1<<20), "MiB-RSS")
}
