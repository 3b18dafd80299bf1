package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemoShowsEventsAndEndsWhatItStarted runs the demonstration in a tree whose
// path has a space, and uses the variables that it leaves for scripts.
func TestDemoShowsEventsAndEndsWhatItStarted(t *testing.T) {
	tree := filepath.Join(t.TempDir(), "a tree")
	if err := os.MkdirAll(filepath.Join(tree, "scripts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(bin, filepath.Join(tree, "bin")); err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("../demo.sh")
	if err != nil {
		t.Fatal(err)
	}
	demo := filepath.Join(tree, "scripts", "demo.sh")
	if err := os.WriteFile(demo, script, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", demo)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), "DEMO_SECONDS=10", "DEMO_ADDRESS="+freePort(t), "DEMO_LOCAL_ADDRESS="+freePort(t),
		"DEMO_SENSOR_ADDRESS="+freePort(t), "DEMO_SENSOR_LOCAL_ADDRESS="+freePort(t))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	done := make(chan error, 1)
	go func() { done <- cmd.Run() }()
	ready := func() bool {
		_, err := os.Stat(filepath.Join(tree, "demo", "ready"))
		return err == nil
	}
	eventually(t, time.Minute, "demo/ready", ready)
	used := command(t, "bash", "-c", `. "$0" && "$CN_BIN" --config "$CN_CONFIG" host list --output json && "$SENSOR_BIN" --config "$SENSOR_CONFIG" link status && "$AGENT_BIN" --config "$AGENT_CONFIG" status`,
		filepath.Join(tree, "demo", "env"))
	if used.code != 0 || !strings.Contains(used.out, `"certificate"`) {
		t.Errorf("demo/env: exit code %d, %s%s", used.code, used.out, used.err)
	}
	if err := <-done; err != nil || !strings.Contains(out.String(), "process-start") || !strings.Contains(out.String(), "demo branch (") {
		t.Fatalf("the demo ended with %v:\n%s", err, out.String())
	}
	for _, program := range []string{"centralnode", "sensor"} {
		after := command(t, filepath.Join(bin, program), "--config", filepath.Join(tree, "demo", program+".toml"), "status")
		if ready() || after.code != 5 {
			t.Fatalf("something of the demo is left: %s exits with %d, %s", program, after.code, after.out)
		}
	}
}
