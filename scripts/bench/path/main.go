// Command path measures what stands between agents and the Central Node: the
// Sensor beside haproxy, nginx and stunnel, which do the same job one connection
// for one, and beside nothing. All subjects carry the same load to the same Central
// Node with the same kind of certificates, ciphers and key exchange, in turns;
// bench/path.md and bench/path.json get medians with their spread, and ratios
// of subjects within one round. What a shared machine gives is worth little
// else.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"vedette/scripts/bench/report"
	"vedette/scripts/bench/site"
)

// ours is the subject that aims are about.
const ours = site.Sensor

// options says what to measure.
type options struct {
	report.Choice
	size float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "path: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	if len(os.Args) == 5 && os.Args[1] == site.CentralCommand {
		return site.BeCentral(ctx, os.Args[2], os.Args[3], os.Args[4])
	}
	if len(os.Args) == 6 && os.Args[1] == attackCommand {
		return beAttacker(ctx, os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	measures := make(map[string]*measure)
	var names []string
	for _, m := range []*measure{bulk(), bulkFlat(), connect(), flat(), steady(), idle(1000), idle(9000), besides()} {
		measures[m.name] = m
		names = append(names, m.name)
	}
	var o options
	flag.Float64Var(&o.size, "size", 1, "size of the loads; 0.1 is a tenth of the usual")
	if o.Choice, err = report.Choose(flag.CommandLine, os.Args[1:], names, kinds); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vp-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	certs, err := site.MakeCertificates(dir)
	if err != nil {
		return err
	}
	under, err := conditions(o)
	if err != nil {
		return err
	}
	return o.Perform("path", under, func(name string, r *report.Report) error {
		return measures[name].perform(ctx, certs, o, r)
	})
}

// conditions says under what circumstances the figures came about.
func conditions(o options) ([]string, error) {
	out := []string{
		fmt.Sprintf("%d cores, %s/%s, %s; %d of them for each subject and for the Central Node; the load runs on the same machine", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), site.Cores),
		fmt.Sprintf("TLS 1.3 on both sides, %s, %s, ECDSA P-256; %d agent certificates, all listed; no session tickets towards agents; peers may resume towards the Central Node (their default), which offers no session", site.Suite, site.Group, site.AgentLeaves),
		fmt.Sprintf("at most %d rounds in the order %s; median (lowest to highest); ratios are within one round; the Central Node took exactly what was sent", o.Rounds, strings.Join(o.Subjects, ", ")),
	}
	for _, name := range o.Subjects {
		v, err := site.Version(name)
		if err != nil {
			return nil, err
		}
		if v != "" {
			out = append(out, v)
		}
	}
	return out, nil
}
