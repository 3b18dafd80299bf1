package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// agent is an Endpoint Agent of the real binary.
type agent struct {
	*process
	t      testing.TB
	dir    string
	config string
	inside []string // put in front of its command line, as a daemon's is
}

// newAgent prepares an agent in a folder of its own, not yet running.
// Further lines go to the end of its configuration.
func newAgent(t testing.TB, lines ...string) *agent {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a := &agent{t: t, dir: dir, config: filepath.Join(dir, "agent.toml")}
	text := fmt.Sprintf("state_dir = %q\npolicy_file = %q\n%s\n", filepath.Join(dir, "state"), a.policy(), strings.Join(lines, "\n"))
	if err := os.WriteFile(a.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *agent) policy() string { return filepath.Join(a.dir, "policy.toml") }

func (a *agent) start() {
	a.t.Helper()
	line := append(append([]string(nil), a.inside...), filepath.Join(bin, "agent"), "--config", a.config, "run")
	a.process = spawn(a.t, filepath.Join(a.dir, "log"), line[0], line[1:]...)
}

func (a *agent) run(args ...string) output {
	a.t.Helper()
	return command(a.t, filepath.Join(bin, "agent"), append([]string{"--config", a.config}, args...)...)
}

func (a *agent) must(args ...string) string {
	a.t.Helper()
	o := a.run(args...)
	if o.code != 0 {
		a.t.Fatalf("agent %s: exit %d\n%s%s", strings.Join(args, " "), o.code, o.out, o.err)
	}
	return o.out
}
