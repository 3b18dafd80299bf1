package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vedette/agent/simulate"
)

const (
	ingestAgents  = 1000
	ingestSeconds = 20
)

// ingest measures what is made durable when 1,000 agents send as fast as they
// are acknowledged. Load and subject share the machine.
func (b *bench) ingest(ctx context.Context) (err error) {
	for _, events := range []int{32, 1024} {
		n, err := b.startNode(ctx)
		if err != nil {
			return err
		}
		c := n.fleet(ingestAgents)
		c.EventsPerPackage, c.Duration = events, ingestSeconds*time.Second
		before, err := n.Usage()
		if err != nil {
			return errors.Join(err, n.End())
		}
		s, err := simulate.Run(ctx, c)
		if err != nil {
			return errors.Join(err, n.End())
		}
		after, err := n.Usage()
		if err := errors.Join(err, n.End()); err != nil {
			return err
		}
		with := fmt.Sprintf(", %d agents, %d events a package", ingestAgents, events)
		b.report("ingest", "packages durable per second"+with, float64(s.Packages)/s.Seconds, "1/s", "")
		b.report("ingest", "events durable per second"+with, s.EventsPerSec, "1/s", "")
		b.report("ingest", "package acknowledged, p50"+with, s.LatencyP50, "ms", "")
		b.report("ingest", "package acknowledged, p99"+with, s.LatencyP99, "ms", "")
		b.report("ingest", "Central Node CPU per event"+with, float64((after.CPU-before.CPU).Microseconds())/float64(s.Events), "us", "")
		b.report("ingest", "Central Node peak memory"+with, after.Peak/1024, "MiB", "")
	}
	return nil
}

// pacedPackages is as many packages a second as 10,000 agents send when each
// sends one every 30 s.
const pacedPackages = 10_000 / 30

// fsync measures the share of time that the disk's syncs take, by strace,
// which slows the subject a little and is therefore a run of its own: flat out,
// and at the pace of 10,000 agents.
func (b *bench) fsync(ctx context.Context) error {
	if err := b.syncs(ctx, "flat out", 0); err != nil {
		return err
	}
	return b.syncs(ctx, fmt.Sprintf("%d packages a second", pacedPackages), pacedPackages)
}

// syncs measures with so many packages a second of all agents, or flat out.
func (b *bench) syncs(ctx context.Context, pace string, packages float64) error {
	summary := filepath.Join(b.dir, "strace")
	n, err := b.startNode(ctx, "strace", "-f", "--seccomp-bpf", "-c", "-w", "-e", "trace=fsync,fdatasync", "-o", summary)
	if err != nil {
		return err
	}
	c := n.fleet(ingestAgents)
	c.Duration = ingestSeconds * time.Second / 2
	c.Rate = packages * float64(c.EventsPerPackage) / ingestAgents // of each
	s, err := simulate.Run(ctx, c)
	// strace passes the signal on and writes its summary when the subject ends.
	if out, killErr := exec.Command("pkill", "-TERM", "-P", strconv.Itoa(n.PID())).CombinedOutput(); killErr != nil {
		err = errors.Join(err, fmt.Errorf("end the subject: %w: %s", killErr, out))
	}
	select {
	case <-n.Done():
	case <-time.After(30 * time.Second):
		err = errors.Join(err, n.End())
	}
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(summary)
	if err != nil {
		return err
	}
	seconds, calls := 0.0, 0.0
	for line := range strings.Lines(string(raw)) {
		// % time, seconds, usecs/call, calls, [errors,] syscall
		f := strings.Fields(line)
		if len(f) < 5 || (f[len(f)-1] != "fsync" && f[len(f)-1] != "fdatasync") {
			continue
		}
		took, err1 := strconv.ParseFloat(f[1], 64)
		times, err2 := strconv.ParseFloat(f[3], 64)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		seconds, calls = seconds+took, calls+times
	}
	if calls == 0 {
		return fmt.Errorf("strace saw no sync:\n%s", raw)
	}
	b.report("fsync", "share of time with a sync under way, "+pace, 100*seconds/s.Seconds, "%", "")
	b.report("fsync", "packages for each sync, "+pace, float64(s.Packages)/calls, "", "")
	b.report("fsync", "one sync, "+pace, 1000*seconds/calls, "ms", "")
	return nil
}
