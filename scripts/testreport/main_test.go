package main

import (
	"strings"
	"testing"
)

func run(t *testing.T, ci bool, lines ...string) (string, int) {
	t.Helper()
	var out strings.Builder
	r := &report{out: &out, output: make(map[key][]string), failedIn: make(map[string]int)}
	if err := r.read(strings.NewReader(strings.Join(lines, "\n"))); err != nil {
		t.Fatal(err)
	}
	code := r.close(ci)
	return out.String(), code
}

const (
	passed  = `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":1}`
	said    = `{"Action":"output","Package":"p","Test":"TestB","Output":"why\n"}`
	skipped = `{"Action":"skip","Package":"p","Test":"TestB"}`
	failed  = `{"Action":"fail","Package":"p","Test":"TestB"}`
	died    = `{"Action":"fail","Package":"p"}`
)

func TestCountsEndTheReport(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		ci    bool
		last  string
		code  int
	}{
		"passed":                  {[]string{passed}, true, "1 passed, 0 failed, 0 skipped\n", 0},
		"failed":                  {[]string{passed, said, failed, died}, false, "1 passed, 1 failed, 0 skipped\n", 1},
		"died without a test":     {[]string{passed, died}, false, "1 passed, 1 failed, 0 skipped\n", 1},
		"nothing ran":             {nil, false, "0 passed, 0 failed, 0 skipped\n", 1},
		"skipped by a person":     {[]string{passed, said, skipped}, false, "1 passed, 0 failed, 1 skipped\n", 0},
		"skipped where none may":  {[]string{passed, said, skipped}, true, "1 passed, 0 failed, 1 skipped\n", 1},
		"go's own words are kept": {[]string{"# vedette/p", "p.go:1: no", passed}, false, "1 passed, 0 failed, 0 skipped\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := run(t, c.ci, c.lines...)
			if !strings.HasSuffix(out, c.last) || code != c.code {
				t.Fatalf("exit %d, want %d; printed:\n%s", code, c.code, out)
			}
			if strings.Contains(strings.Join(c.lines, ""), "why") && !strings.Contains(out, "why") {
				t.Fatalf("the reason is missing:\n%s", out)
			}
		})
	}
}
