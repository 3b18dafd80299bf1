package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

const (
	startsPerSecond = 100
	agentSeconds    = 30
	idleSeconds     = 10
)

// agent measures what the Endpoint Agent costs its host at 100 process starts a
// second. What else starts on the machine costs it too, so the agent's own count
// of starts is what its CPU is divided by.
func (b *bench) agent(ctx context.Context) error {
	n, err := b.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = n.End() }() // its end is not what is measured
	a, err := b.startAgent(n)
	if err != nil {
		return err
	}
	defer func() { _ = a.End() }() // its end is not what is measured
	if err := load.Pause(ctx, 3*time.Second); err != nil {
		return err
	}
	idle, err := a.costs(ctx, func() error { return load.Pause(ctx, idleSeconds*time.Second) })
	if err != nil {
		return err
	}
	busy, err := a.costs(ctx, func() error { return starts(ctx) })
	if err != nil {
		return err
	}
	var hosts []acts.Host
	if err := n.Command(&hosts, "host", "list"); err != nil {
		return err
	}
	if len(hosts) != 1 {
		return fmt.Errorf("%d hosts at the Central Node, not the one agent", len(hosts))
	}
	perStart := busy.cpu.Seconds() / busy.starts
	b.report("agent", "process starts told while measured", busy.starts/busy.took.Seconds(), "1/s", "100")
	b.report("agent", "of them told in full", 100*(1-busy.incomplete/busy.starts), "%", "")
	b.report("agent", "agent CPU per process start", 1e6*perStart, "us", "<= 50")
	b.report("agent", "agent CPU at 100 process starts a second", 100*startsPerSecond*perStart, "% of a core", "<= 0.5")
	b.report("agent", fmt.Sprintf("agent CPU at %.2g process starts a second", idle.starts/idle.took.Seconds()), 100*idle.cpu.Seconds()/idle.took.Seconds(), "% of a core", "")
	b.report("agent", "agent memory", busy.rss/1024, "MiB", "<= 30")
	return nil
}

// hostAgent is an Endpoint Agent under measurement.
type hostAgent struct {
	*process.Process
	local string // where its metrics are
}

func (b *bench) startAgent(n *node) (*hostAgent, error) {
	dir := filepath.Join(b.dir, "agent")
	config, crt := filepath.Join(dir, "agent.toml"), filepath.Join(dir, "cn.crt")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &hostAgent{local: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, "state_dir = %q\npolicy_file = \"\"\nlocal_listen = %q\n[log]\nlevel = \"warn\"\n", filepath.Join(dir, "state"), a.local)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, err
	}
	if err := n.Command(nil, "certificate", "download", "--out", crt); err != nil {
		return nil, err
	}
	bin := filepath.Join(b.bin, "agent")
	if out, err := exec.Command(bin, "--config", config, "--message-broker=enable", "--type=kata", "--servers="+n.Address, "--tls=yes", "--pinned-certificate="+crt).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.Command(bin, "--config", config, "run")
	cmd.Stderr = os.Stderr
	a.Process, err = process.Start(cmd)
	return a, err
}

// agentCosts are what an agent used, and for what.
type agentCosts struct {
	took, cpu          time.Duration
	starts, incomplete float64
	rss                float64 // KiB, at the end
}

// costs of the agent while f runs.
func (a *hostAgent) costs(ctx context.Context, f func() error) (c agentCosts, err error) {
	starts, incomplete, err := a.counts(ctx)
	if err != nil {
		return c, err
	}
	before, err := a.Usage()
	if err != nil {
		return c, err
	}
	began := time.Now()
	if err := errors.Join(f(), load.Pause(ctx, time.Second)); err != nil { // what is under way is told
		return c, err
	}
	c.took = time.Since(began)
	after, err := a.Usage()
	if err != nil {
		return c, err
	}
	c.starts, c.incomplete, err = a.counts(ctx)
	c.starts, c.incomplete, c.cpu, c.rss = c.starts-starts, c.incomplete-incomplete, after.CPU-before.CPU, after.RSS
	return c, err
}

// counts asks the agent how many process starts it told, and how many of them
// without some detail.
func (a *hostAgent) counts(ctx context.Context) (starts, incomplete float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.local+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	found := 0
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		into := map[string]*float64{`vedette_collected_events_total{kind="process-start"}`: &starts, "vedette_incomplete_starts_total": &incomplete}[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(value, 64); err != nil {
			return 0, 0, err
		}
		found++
	}
	if err := lines.Err(); err != nil {
		return 0, 0, err
	}
	if found != 2 {
		return 0, 0, errors.New("the agent does not tell how many process starts it collected")
	}
	return starts, incomplete, nil
}

// starts begins and ends processes.
func starts(ctx context.Context) error {
	tick := time.NewTicker(time.Second / startsPerSecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < agentSeconds*time.Second; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := exec.Command("/bin/true", "vedette-bench").Run(); err != nil {
			return err
		}
	}
	return nil
}
