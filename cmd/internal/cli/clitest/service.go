package clitest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// CheckService runs a daemon as a service manager does: it is told of the start
// and of the stop, SIGTERM stops the daemon in order, and no core dump of it
// may be made. The program is of the test's own commands; its configuration is
// made here, beside the given lines.
func CheckService(t *testing.T, program string, lines ...string) {
	t.Helper()
	folder, err := os.MkdirTemp("", "v")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	manager, path := serviceManager(t, folder)
	file := filepath.Join(folder, "d.toml")
	text := fmt.Sprintf("listen = \"127.0.0.1:0\"\nssh_listen = \"\"\nlocal_listen = \"\"\nstate_dir = %q\nsocket = %q\n%s\n", filepath.Join(folder, "state"), filepath.Join(folder, "s"), strings.Join(lines, "\n"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--config", file, "run")
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+path, "GORACE=atexit_sleep_ms=0")
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := told(t, manager); got != "READY=1" {
		t.Errorf("told %q, want READY=1", got)
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", cmd.Process.Pid))
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Join(strings.Fields(rest), " ") != "0 0 bytes" {
			t.Errorf("a core dump may be made: %s", line)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := told(t, manager); got != "STOPPING=1" {
		t.Errorf("told %q, want STOPPING=1", got)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the daemon ended with %v:\n%s", err, log.String())
	}
}

// serviceManager is a socket like that of systemd.
func serviceManager(t *testing.T, folder string) (*net.UnixConn, string) {
	t.Helper()
	path := filepath.Join(folder, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, path
}

func told(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatalf("the service manager was told nothing: %v", err)
	}
	return string(buf[:n])
}
