// Command web measures the web interface of a Central Node that knows 15,000
// Endpoint Agents, each with a certificate of its own: how many bytes a page
// takes in a browser that has kept nothing, and how long the server takes to
// answer, beside nginx that serves the same bytes from a file. It runs the real
// binary with its real configuration, and writes bench/web.md and bench/web.json.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"vedette/scripts/bench/report"
)

// options says what to measure.
type options struct {
	bin, out string
	rounds   int
	agents   int // and certificates
	events   int
	requests int // for each page in a round
}

// The subjects of every measure.
const (
	vedette = "vedette"
	static  = "nginx" // the same bytes
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "web: error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "folder of the binaries")
	flag.StringVar(&o.out, "out", "bench", "folder for the results")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each subject has its turn")
	flag.IntVar(&o.agents, "agents", 15_000, "Endpoint Agents, each with its certificate")
	flag.IntVar(&o.events, "events", 100_000, "events in the log")
	flag.IntVar(&o.requests, "requests", 200, "requests for each page in a round")
	flag.Parse()
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vw-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	w, err := newWorld(ctx, dir, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.end()) }()

	r := report.Report{Date: time.Now().UTC().Format(time.RFC3339)}
	if r.Conditions, err = conditions(o); err != nil {
		return err
	}
	for _, p := range pages {
		turn, err := w.begin(ctx, p, o)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		m := report.Measure{
			Name: p.name, About: p.about, Subjects: []string{vedette, static}, Ours: vedette,
			Metrics: []report.Metric{
				{Key: "bytes", What: "bytes of the page with style sheet, script and icon, nothing kept", Unit: "KiB", Goal: "<= 100"},
				{Key: "p50", What: "answer, p50", Unit: "ms"},
				{Key: "p95", What: "answer, p95", Unit: "ms", Goal: "<= 50"},
			},
		}
		rows, err := m.Rounds(o.rounds, turn)
		if err != nil {
			return err
		}
		r.Add(m, rows)
	}
	if err := r.Write(o.out, "web"); err != nil {
		return err
	}
	fmt.Print("\n", r.Markdown())
	return nil
}

// conditions says under what circumstances the figures came about.
func conditions(o options) ([]string, error) {
	out, err := exec.Command(nginxPath(), "-v").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("nginx -v: %w: %s; scripts/need.sh installs it", err, out)
	}
	return []string{
		fmt.Sprintf("%d cores, %s/%s, %s; the browser's part runs on the same machine", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		fmt.Sprintf("%d hosts, %d agent certificates, %d events; one kept connection, HTTP/2, gzip offered, one request after the other, %d for each page in a round", o.agents, o.agents, o.events, o.requests),
		"answer: from the request to the last byte of the page; median (lowest to highest) of the rounds",
		strings.TrimSpace(string(out)),
	}, nil
}
