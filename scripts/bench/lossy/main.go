// Command lossy measures what crosses a link that loses packets: the Sensor
// beside haproxy, nginx and stunnel, which do the same job one connection for
// one, each of these with the congestion control of a stock Debian (cubic) and
// with the best one that the kernel has (bbr). The link is emulated (package
// emulink) and validated before each measure. Agents and subjects are in the one
// namespace, as in a branch, and the Central Node in the other.
//
// Subjects take turns of some seconds with the same load on the same link;
// bench/lossy.md and bench/lossy.json get medians with their spread, and ratios
// of subjects within one round. Which congestion control is in force is read
// back from the kernel in each turn.
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
	"strings"
	"syscall"
	"time"

	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
	"vedette/scripts/emulink"
)

// options says what to measure.
type options struct {
	report.Choice
	warm, window time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lossy: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	switch {
	case len(os.Args) == 5 && os.Args[1] == site.CentralCommand:
		return site.BeCentral(ctx, os.Args[2], os.Args[3], os.Args[4])
	case len(os.Args) == 2 && os.Args[1] == linkCommand:
		return emulink.Serve(ctx, os.Stdin, os.Stdout)
	}
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	var o options
	flag.DurationVar(&o.warm, "warm", 8*time.Second, "of each turn, before it is measured")
	flag.DurationVar(&o.window, "window", 15*time.Second, "of each turn that is measured")
	if o.Choice, err = report.Choose(flag.CommandLine, os.Args[1:], names, kinds); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vl-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	under, err := conditions(o)
	if err != nil {
		return err
	}
	certs, err := site.MakeCertificates(dir)
	if err != nil {
		return err
	}
	return o.Perform("lossy", under, func(name string, r *report.Report) error {
		return measures[slices.Index(names, name)].perform(ctx, certs, o, r)
	})
}

// conditions says under what circumstances the figures came about.
func conditions(o options) ([]string, error) {
	out := []string{
		fmt.Sprintf("%d cores, %s/%s, %s; subjects, Central Node, link and load share them", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		fmt.Sprintf("TLS 1.3 on both sides, %s, %s, ECDSA P-256; the Sensor's lanes negotiate Go's default group", site.Suite, site.Group),
		fmt.Sprintf("emulated link, the same both ways, validated before each measure: loss of IP packets behind the line and independent (fixed seed), %d Mbit/s, drop-tail queue of %d ms; delays are one way", int(lineRate/1e6), int(queueFor.Milliseconds())),
		fmt.Sprintf("at most %d rounds in the order %s; a turn is %v of load, %v measured; median (lowest to highest); ratios are within one round", o.Rounds, strings.Join(o.Subjects, ", "), o.warm+o.window, o.window),
		fmt.Sprintf("load: %d uploads without end, %d agents with a small request every %v on kept connections, a new agent connection every %v with one small request; one request at a time on each connection; what is not answered within %v counts as failed and as that long", pouring, talking, talkEvery, comeEvery, patience),
		"congestion control as read back from the kernel (ss -ti) at both ends in each turn; the Sensor asks for bbr itself, on a machine whose default is cubic",
	}
	seen := make(map[string]bool)
	for _, name := range o.Subjects {
		program, _, _ := strings.Cut(name, "-")
		v, err := site.Version(program)
		if err != nil {
			return nil, err
		}
		if v != "" && !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out, nil
}
