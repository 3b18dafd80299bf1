// Command path measures what stands between agents and the Central Node: the
// Sensor beside haproxy and nginx, which do the same job one connection for
// one, and beside nothing. All subjects carry the same load to the same Central
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
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"vedette/scripts/bench/report"
)

// ours is the subject that aims are about.
const ours = "sensor"

// options says what to measure.
type options struct {
	bin, out string
	subjects []string
	rounds   int
	size     float64
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
	if len(os.Args) == 4 && os.Args[1] == centralCommand {
		return beCentral(ctx, os.Args[2], os.Args[3])
	}
	if len(os.Args) == 6 && os.Args[1] == attackCommand {
		return beAttacker(ctx, os.Args[2], os.Args[3], os.Args[4], os.Args[5])
	}
	measures := []*measure{bulk(), bulkFlat(), connect(), flat(), steady(), idle(1000), idle(9000), besides()}
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "folder of the binaries")
	flag.StringVar(&o.out, "out", "bench", "folder for the results")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each subject has its turn")
	flag.Float64Var(&o.size, "size", 1, "size of the loads; 0.1 is a tenth of the usual")
	only := flag.String("only", strings.Join(names, ","), "comma-separated measures")
	subjects := flag.String("subjects", strings.Join(kinds, ","), "comma-separated subjects")
	flag.Parse()
	o.subjects = strings.Split(*subjects, ",")

	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vp-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	certs, err := makeCertificates(dir)
	if err != nil {
		return err
	}
	r := report.Report{Date: time.Now().UTC().Format(time.RFC3339)}
	if r.Conditions, err = conditions(o); err != nil {
		return err
	}
	for _, name := range strings.Split(*only, ",") {
		i := slices.Index(names, name)
		if i < 0 {
			return fmt.Errorf("there is no measure %s; there are %s", name, strings.Join(names, ", "))
		}
		if err := measures[i].perform(ctx, certs, o, &r); err != nil {
			return err
		}
	}
	if err := r.Write(o.out, "path"); err != nil {
		return err
	}
	fmt.Print("\n", r.Markdown())
	return nil
}

// conditions says under what circumstances the figures came about.
func conditions(o options) ([]string, error) {
	out := []string{
		fmt.Sprintf("%d cores, %s/%s, %s; %d of them for each subject and for the Central Node; the load runs on the same machine", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), cores),
		fmt.Sprintf("TLS 1.3 on both sides, %s, %s, ECDSA P-256; %d agent certificates, all listed; no session tickets towards agents; peers may resume towards the Central Node (their default), which offers no session", suite, group, agentLeaves),
		fmt.Sprintf("at most %d rounds in the order %s; median (lowest to highest); ratios are within one round; the Central Node took exactly what was sent", o.rounds, strings.Join(o.subjects, ", ")),
	}
	for _, name := range []string{"haproxy", "nginx"} {
		if slices.Contains(o.subjects, name) {
			v, err := version(name)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}
