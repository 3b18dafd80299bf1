// Command testreport reads `go test -json` on standard input, prints what a
// person wants to see of it, and ends with the counts. It exits 1 when a test
// failed, when none ran, or when one was skipped while CI=true.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type key struct{ pkg, test string }

type report struct {
	out                     io.Writer
	output                  map[key][]string
	passed, failed, skipped int
	// broken counts packages that failed without a failed test: they did not
	// build, or died.
	broken      int
	failedIn    map[string]int
	skipReasons []string
}

func main() {
	r := &report{out: os.Stdout, output: make(map[key][]string), failedIn: make(map[string]int)}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport: error:", err)
		os.Exit(1)
	}
	os.Exit(r.close(os.Getenv("CI") == "true"))
}

func (r *report) read(in io.Reader) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		var e event
		if json.Unmarshal(s.Bytes(), &e) != nil {
			fmt.Fprintln(r.out, s.Text()) // the go command's own words
			continue
		}
		r.take(e)
	}
	return s.Err()
}

func (r *report) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output":
		r.output[k] = append(r.output[k], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "skip", "fail":
		if e.Test != "" {
			r.test(k, e)
		} else {
			r.pkg(e)
		}
		delete(r.output, k)
	}
}

func (r *report) test(k key, e event) {
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped++
		r.skipReasons = append(r.skipReasons, fmt.Sprintf("%s %s: %s", k.pkg, k.test, strings.TrimSpace(strings.Join(r.output[k], ""))))
	case "fail":
		r.failed++
		r.failedIn[k.pkg]++
		fmt.Fprintf(r.out, "FAIL  %s %s\n%s", k.pkg, k.test, strings.Join(r.output[k], ""))
	}
}

func (r *report) pkg(e event) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(r.out, "ok    %s %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		if r.failedIn[e.Package] == 0 {
			r.broken++
			fmt.Fprintf(r.out, "FAIL  %s\n%s", e.Package, strings.Join(r.output[key{e.Package, ""}], ""))
			// A test that was running when the package died has said something too.
			for k, lines := range r.output {
				if k.pkg == e.Package && k.test != "" {
					fmt.Fprintf(r.out, "  while running %s:\n%s", k.test, strings.Join(lines, ""))
				}
			}
		}
	}
}

// close prints skipped tests and the counts, and returns the exit status.
func (r *report) close(ci bool) int {
	for _, s := range r.skipReasons {
		fmt.Fprintln(r.out, "skip  "+s)
	}
	failed := r.failed + r.broken
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, failed, r.skipped)
	if failed > 0 || r.passed == 0 || ci && r.skipped > 0 {
		return 1
	}
	return 0
}
