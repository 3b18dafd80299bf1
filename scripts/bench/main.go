// Command bench measures the product on this machine with the real binaries
// of bin/, and writes bench/results.json and bench/results.md. Figures of
// shared machines vary: quote medians, and compare only within one run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"vedette/scripts/bench/report"
)

// figure is one measured number.
type figure struct {
	Scenario string  `json:"scenario"`
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Aim      string  `json:"aim,omitempty"`
}

// bench is one run.
type bench struct {
	bin     string
	dir     string
	figures []figure

	steadyFor time.Duration // of scale
}

func (b *bench) report(scenario, what string, value float64, unit, aim string) {
	b.figures = append(b.figures, figure{scenario, what, value, unit, aim})
	fmt.Printf("%-12s %-58s %12.4g %-14s %s\n", scenario, what, value, unit, aim)
}

func main() {
	bin := flag.String("bin", "bin", "folder of the binaries")
	out := flag.String("out", "bench", "folder for the results")
	only := flag.String("only", strings.Join(names(), ","), "comma-separated scenarios")
	steady := flag.Duration("steady", 10*time.Minute, "ordinary work of scale, with each number of agents")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, &bench{bin: *bin, steadyFor: *steady}, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

// scenarios are what can be measured, in the order in which it is.
var scenarios = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"ingest", (*bench).ingest}, {"fsync", (*bench).fsync}, {"idle", (*bench).idle}, {"withdraw", (*bench).withdraw},
	{"restart", (*bench).restart}, {"agent", (*bench).agent}, {"scale", (*bench).scale},
}

func names() (all []string) {
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return all
}

func run(ctx context.Context, b *bench, out, only string) (err error) {
	chosen, err := report.Pick("scenario", only, names())
	if err != nil {
		return err
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "vb-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	for _, s := range scenarios {
		if !slices.Contains(chosen, s.name) {
			continue
		}
		if err := s.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return b.write(out)
}

func (b *bench) write(out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	machine := fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	raw, err := json.MarshalIndent(map[string]any{"date": time.Now().UTC().Format(time.RFC3339), "machine": machine, "figures": b.figures}, "", "  ")
	if err != nil {
		return err
	}
	var md strings.Builder
	fmt.Fprintf(&md, "%s, %s\n\n| scenario | what | value | unit | aim |\n|---|---|---|---|---|\n", time.Now().UTC().Format(time.DateOnly), machine)
	for _, f := range b.figures {
		fmt.Fprintf(&md, "| %s | %s | %.4g | %s | %s |\n", f.Scenario, f.What, f.Value, f.Unit, f.Aim)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(out, "results.json"), append(raw, '\n'), 0o644),
		os.WriteFile(filepath.Join(out, "results.md"), []byte(md.String()), 0o644),
	)
}
