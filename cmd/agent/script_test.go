package main

import (
	"errors"
	"flag"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vedette/agent/agenttest"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

var update = flag.Bool("update", false, "write what the commands say into the scripts' golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"agent": main})
}

const patience = 20 * time.Second

// TestScripts runs the real program against a fake Central Node of its own for
// each script: $NODE is its address, server.crt its certificate.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	client := pkitest.Agent(t, "agent")
	containers := make(map[string][]byte)
	for name, o := range map[string]pki.PFXOptions{"agent.pfx": {Password: "s3cret"}, "nokey.pfx": {CertificateOnly: true}} {
		if containers[name], err = pki.EncodePFX(client, o); err != nil {
			t.Fatal(err)
		}
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runScript(t, script, containers)
		})
	}
}

func runScript(t *testing.T, script string, containers map[string][]byte) {
	node := agenttest.Start(t)
	testscript.Run(t, testscript.Params{
		Files:               []string{script},
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NODE", node.Address)
			env.Setenv("PIN", node.Pair.Fingerprint().String())
			files := maps.Clone(containers)
			files["server.crt"] = node.Pair.CertificatePEM()
			files["other.crt"] = pkitest.PairFor(t, pkitest.ECDSAKey(t)).CertificatePEM()
			for name, data := range files {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), data, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"await":  await,
			"mode":   mode,
			"end":    end,
			"refuse": func(ts *testscript.TestScript, _ bool, args []string) { refuse(node, args) },
			"play":   func(ts *testscript.TestScript, _ bool, args []string) { play(ts, node, args) },
			"packages": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				agenttest.Eventually(t, "packages", func() bool { return node.Packages() >= want })
			},
		},
	})
}

// play makes the node say who it is, and what a certificate is there: play ROLE [FILE WHAT]
func play(ts *testscript.TestScript, n *agenttest.Node, args []string) {
	pins := make(map[pki.Fingerprint]string)
	if len(args) > 1 {
		cert, err := pki.ParseCertificate([]byte(ts.ReadFile(args[1])))
		ts.Check(err)
		pins[pki.FingerprintOf(cert.Raw)] = args[2]
	}
	n.Set(func(r *agenttest.Rules) { r.About = agenttest.Says(args[0], pins) })
}

// refuse makes the node refuse with a code, or stop refusing: refuse [CODE [later]]
func refuse(n *agenttest.Node, args []string) {
	n.Set(func(r *agenttest.Rules) {
		r.Refuse = nil
		if len(args) > 0 {
			r.Refuse = &problem.Problem{Title: "No", Status: 401, Code: problem.Code(args[0])}
			if len(args) > 1 {
				r.Refuse.Status, r.Refuse.RetryAfter = http.StatusServiceUnavailable, time.Second
			}
		}
	})
	n.Cut()
}

// exits runs a program and wants an exit code: exits CODE PROGRAM ARGS...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var status *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return status.ExitCode()
	}
	ts.Fatalf("%v", err)
	return 0
}

// await runs a program until its output holds a text: await TEXT PROGRAM ARGS...
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		exitCode(ts, args[1:])
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			ts.Fatalf("%q did not come", args[0])
		}
	}
}

// mode wants a file mode: mode 0600 FILES...
func mode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := info.Mode().Perm(); got != os.FileMode(want) {
			ts.Fatalf("%s has mode %v", name, got)
		}
	}
}

// end sends SIGTERM to the background command that wrote its number into a
// status file: end STATEDIR
func end(ts *testscript.TestScript, _ bool, args []string) {
	data := ts.ReadFile(filepath.Join(args[0], "status.json"))
	_, rest, _ := strings.Cut(data, `"pid": `)
	digits, _, _ := strings.Cut(rest, ",")
	pid, err := strconv.Atoi(digits)
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGTERM))
}
