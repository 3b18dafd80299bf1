package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"vedette/internal/acts"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
)

const (
	startsPerSecond = 100
	agentSeconds    = 30
)

// agent measures what the Endpoint Agent costs its host at 100 process starts a
// second.
func (b *bench) agent(ctx context.Context) error {
	n, err := b.startNode(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = n.End() }() // its end is not what is measured
	dir := filepath.Join(b.dir, "agent")
	config, crt := filepath.Join(dir, "agent.toml"), filepath.Join(dir, "cn.crt")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(config, fmt.Appendf(nil, "state_dir = %q\npolicy_file = \"\"\n[log]\nlevel = \"warn\"\n", filepath.Join(dir, "state")), 0o600); err != nil {
		return err
	}
	if err := n.Command(nil, "certificate", "download", "--out", crt); err != nil {
		return err
	}
	bin := filepath.Join(b.bin, "agent")
	if out, err := exec.Command(bin, "--config", config, "--message-broker=enable", "--type=kata", "--servers="+n.Address, "--tls=yes", "--pinned-certificate="+crt).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.Command(bin, "--config", config, "run")
	cmd.Stderr = os.Stderr
	agent, err := process.Start(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = agent.End() }() // its end is not what is measured
	if err := load.Pause(ctx, 3*time.Second); err != nil {
		return err
	}
	before, err := agent.Usage()
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Second / startsPerSecond)
	defer tick.Stop()
	began, started := time.Now(), 0
	for time.Since(began) < agentSeconds*time.Second {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := exec.Command("/bin/true", "vedette-bench").Run(); err != nil {
			return err
		}
		started++
	}
	seconds := time.Since(began).Seconds()
	after, err := agent.Usage()
	if err != nil {
		return err
	}
	var hosts []acts.Host
	if err := errors.Join(load.Pause(ctx, time.Second), n.Command(&hosts, "host", "list")); err != nil {
		return err
	}
	b.report("agent", "process starts while measured", float64(started)/seconds, "1/s", "100")
	b.report("agent", "agent CPU", 100*(after.CPU-before.CPU).Seconds()/seconds, "% of a core", "<= 0.5")
	b.report("agent", "agent memory", after.RSS/1024, "MiB", "<= 30")
	return nil
}
