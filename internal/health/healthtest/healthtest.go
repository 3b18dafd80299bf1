// Package healthtest reads what a running daemon serves on its local listener,
// and holds its metrics against the conventions of Prometheus and against
// docs/metrics.md.
package healthtest

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// client leaves no connection behind that a test for goroutines would find.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Get asks a daemon's local listener, for example for /readyz, and returns the
// status and the body.
func Get(t testing.TB, address net.Addr, path string) (status int, body string) {
	t.Helper()
	r, err := client.Get("http://" + address.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(raw)
}

// Value is that of a metric in the body of /metrics, by its name with labels as
// they are written there; false when there is none.
func Value(t testing.TB, body, name string) (value float64, found bool) {
	t.Helper()
	for line := range strings.Lines(body) {
		text, ok := strings.CutPrefix(line, name+" ")
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			t.Fatal(err)
		}
		return value, true
	}
	return 0, false
}

var helped = regexp.MustCompile(`(?m)^# HELP (vedette_\S+) (.*)$`)

// Check fails t for each name that promlint complains of, and for each metric of
// ours that the daemon's section of docs/metrics.md lacks or tells otherwise.
func Check(t testing.TB, daemon, body string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	section := section(t, daemon)
	found := helped.FindAllStringSubmatch(body, -1)
	if len(found) == 0 {
		t.Error("no metric of ours is served")
	}
	for _, m := range found {
		row := regexp.MustCompile("(?m)^\\| `" + m[1] + "` \\|.*\\| " + regexp.QuoteMeta(m[2]) + " \\|$")
		if !row.MatchString(section) {
			t.Errorf("docs/metrics.md, %s: no row for %s: %s", daemon, m[1], m[2])
		}
	}
}

// section is what docs/metrics.md says of a daemon.
func section(t testing.TB, daemon string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), "\n## "+daemon+"\n")
	if !ok {
		t.Fatalf("docs/metrics.md has no section %s", daemon)
	}
	section, _, _ := strings.Cut(after, "\n## ")
	return section
}
