// Command external measures what external systems meet at the Central Node: how
// fast objects are taken for good, beside others who store what is sent to
// them; what uploads hold that never end; how soon there is a verdict; what mail
// gains from Maximum scan priority; and what other callers notice of hostile
// ones. It runs the real binary with its real configuration, set up by its own
// commands, and writes bench/external.md and bench/external.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"vedette/scripts/bench/load"
	"vedette/scripts/bench/report"
)

// options says what to measure.
type options struct {
	report.Choice // subjects are of stores
	size          float64
}

// scaled is a load of the usual size.
func (o options) scaled(usual int) int { return max(1, int(float64(usual)*o.size)) }

// window is a time of measuring of the usual size.
func (o options) window(usual time.Duration) time.Duration {
	return max(200*time.Millisecond, time.Duration(float64(usual)*o.size))
}

// measure is one part of what is measured.
type measure interface {
	// what describes it. Its rounds may be fewer than asked for.
	what(o options) (m report.Measure, rounds int)
	// begin prepares its subjects; end takes them away.
	begin(ctx context.Context, certs *certificates, o options) (turn report.Turn, end func() error, err error)
}

// measures are all that there is to measure.
func measures() []measure {
	return []measure{
		submissions{name: "small", size: 1 << 10, callers: 32, objects: 4000},
		submissions{name: "large", size: 10 << 20, callers: 8, objects: 40},
		trickle{}, verdicts{}, priority{}, hostile{},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "external: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	if len(os.Args) == 4 && os.Args[1] == plainCommand {
		return bePlain(ctx, os.Args[2], os.Args[3])
	}
	if len(os.Args) == 6 && os.Args[1] == playCommand {
		return bePlayer(ctx, os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	all := measures()
	var o options
	var names []string
	for _, m := range all {
		what, _ := m.what(o)
		names = append(names, what.Name)
	}
	flag.Float64Var(&o.size, "size", 1, "size of the loads; 0.1 is a tenth of the usual")
	if o.Choice, err = report.Choose(flag.CommandLine, os.Args[1:], names, stores); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vx-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	certs, err := makeCertificates(dir)
	if err != nil {
		return err
	}
	under, err := conditions(dir)
	if err != nil {
		return err
	}
	return o.Perform("external", under, func(name string, r *report.Report) error {
		return perform(ctx, all[slices.Index(names, name)], certs, o, r)
	})
}

func perform(ctx context.Context, m measure, certs *certificates, o options, r *report.Report) (err error) {
	what, rounds := m.what(o)
	turn, end, err := m.begin(ctx, certs, o)
	if err != nil {
		return fmt.Errorf("%s: %w", what.Name, err)
	}
	defer func() { err = errors.Join(err, end()) }()
	rows, err := what.Rounds(rounds, turn)
	if err != nil {
		return err
	}
	r.Add(what, rows)
	return nil
}

// conditions says under what circumstances the figures came about.
func conditions(dir string) ([]string, error) {
	nginx, err := nginxVersion()
	if err != nil {
		return nil, err
	}
	sync, err := syncTime(dir)
	if err != nil {
		return nil, err
	}
	out := []string{
		fmt.Sprintf("%d cores, %s/%s, %s; the load runs on the same machine; a write of 1 KiB and its fsync took %.2f ms (median of %d) when the run began", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), sync, syncs),
		"TLS 1.3 with a client certificate, TLS_AES_128_GCM_SHA256, X25519, ECDSA P-256; kept connections; HTTP/1.1 written by hand",
		"median (lowest to highest) of the rounds; ratios are within one round",
		nginx,
	}
	for _, engine := range engines {
		if program := engine.program; program != "" && !installed(program) {
			out = append(out, program+" is not installed: not measured")
		}
	}
	return out, nil
}

const syncs = 50

// syncTime is how long the disk takes to keep a little, in milliseconds.
func syncTime(dir string) (ms float64, err error) {
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	took := make([]time.Duration, syncs)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(noise[:1<<10]); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took[i] = time.Since(began)
	}
	ms, _, _ = load.Percentiles(took)
	return ms, nil
}
