package centralnode_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode"
	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/health/healthtest"
	"vedette/internal/kv"
	"vedette/internal/sessions"
	"vedette/internal/sshd/sshkey"
)

var local = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}

func config(t *testing.T, console io.Writer) centralnode.Config {
	t.Helper()
	return centralnode.Config{StateDir: filepath.Join(t.TempDir(), "state"), Address: "127.0.0.1:0", LocalAddress: "127.0.0.1:0", Console: console, Logger: slog.New(slog.DiscardHandler), Version: "test"}
}

// run starts a node and returns what stops it.
func run(t *testing.T, c centralnode.Config) (*centralnode.Node, func()) {
	t.Helper()
	n, err := centralnode.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the node ended with %v", err)
		}
	}
	t.Cleanup(stop)
	return n, stop
}

func TestFirstStartMakesWhatIsMissingAndTheNextKeepsIt(t *testing.T) {
	var console, logs bytes.Buffer
	c := config(t, &console)
	c.SSHAddress, c.Logger = "192.0.2.1:22", slog.New(slog.NewTextHandler(&logs, nil))
	n, stop := run(t, c)
	n.Sessions().Enter(sessions.Session{Account: "admin"}, func() {})
	status, err := n.Admin().Status(t.Context(), local)
	if hostKey := sshkey.Fingerprint(n.HostKey().Public().(ed25519.PublicKey)); err != nil || status.SSH != (acts.SSHDoor{Address: "192.0.2.1:22", HostKey: hostKey, Sessions: 1}) ||
		!strings.Contains(console.String(), "SSH host key made, fingerprint: "+hostKey+"\n") {
		t.Errorf("the SSH door: %+v, %v; the console shows\n%s", status.SSH, err, &console)
	}
	if list, err := n.Admin().Accounts(t.Context(), local); err != nil || len(list.Accounts) != 1 || list.Accounts[0].Name != "admin" || list.Accounts[0].Sessions != 1 {
		t.Errorf("accounts %+v, %v", list, err)
	}
	if one, err := n.Accounts().Get(t.Context(), "admin"); err != nil || one.Role != string(acts.LocalAdministrator) {
		t.Errorf("the account %+v, %v", one, err)
	}
	first, err := n.Admin().ServerCertificate(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(console.String(), first.Fingerprint.String()) {
		t.Errorf("the console does not show the fingerprint:\n%s", &console)
	}
	path := filepath.Join(c.StateDir, "initial-password")
	raw, err := os.ReadFile(path)
	if err != nil || !strings.Contains(console.String(), strings.TrimSpace(string(raw))) {
		t.Fatalf("the password of the file is not on the console: %v", err)
	}
	stop()
	if strings.Contains(logs.String(), strings.TrimSpace(string(raw))) || !strings.Contains(logs.String(), path) {
		t.Errorf("the log has to name the file and not the password:\n%s", &logs)
	}
	err = filepath.WalkDir(c.StateDir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	console.Reset()
	n, stop = run(t, c)
	again, err := n.Admin().ServerCertificate(t.Context(), local)
	if err != nil || again.Fingerprint != first.Fingerprint || console.Len() != 0 {
		t.Fatalf("second start: %v, console %q", err, &console)
	}
	_, err = centralnode.ResetPassword(t.Context(), c, acts.ResetPassword{Name: "admin"})
	if !errors.Is(err, kv.ErrInUse) {
		t.Fatalf("reset while the daemon runs: %v", err)
	}
	stop()
	made, err := centralnode.ResetPassword(t.Context(), c, acts.ResetPassword{Name: "admin"})
	if err != nil || made == "" || made == strings.TrimSpace(string(raw)) {
		t.Fatalf("reset: %q, %v", made, err)
	}
	state, err := kv.Open(filepath.Join(c.StateDir, "state.db"), kv.Options{Program: "centralnode"})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	people := accounts.New(state, time.Now)
	if _, err := people.Verify(t.Context(), "admin", made, netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if _, err := people.Verify(t.Context(), "admin", strings.TrimSpace(string(raw)), netip.MustParseAddr("127.0.0.1")); err == nil {
		t.Error("the old password still works")
	}
}

func TestFirstPasswordComesFromAFileThatOthersCannotRead(t *testing.T) {
	c := config(t, io.Discard)
	c.AdminPasswordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(c.AdminPasswordFile, []byte("Correct-Horse-9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := centralnode.New(c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Fatalf("a file that others can read: %v", err)
	}
	if err := os.Chmod(c.AdminPasswordFile, 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop := run(t, c)
	stop()
	if _, err := os.Stat(filepath.Join(c.StateDir, "initial-password")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a password was generated all the same: %v", err)
	}
}

func TestStartRefusesWithASentence(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	measuring, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer measuring.Close()
	for name, c := range map[string]struct {
		edit func(*centralnode.Config)
		says string
	}{
		"agents' port in use":     {func(c *centralnode.Config) { c.Address = taken.Addr().String() }, "listen for agents"},
		"local port in use":       {func(c *centralnode.Config) { c.LocalAddress = taken.Addr().String() }, "listen for health"},
		"measuring port in use":   {func(c *centralnode.Config) { c.Stamp.Address = measuring.LocalAddr().String() }, "listen for STAMP"},
		"no state folder":         {func(c *centralnode.Config) { c.StateDir = "" }, "state folder"},
		"state folder is a file":  {func(c *centralnode.Config) { c.StateDir = os.Args[0] }, "state folder"},
		"name that is none":       {func(c *centralnode.Config) { c.Names = []string{"not a name"} }, "not a name"},
		"password file is absent": {func(c *centralnode.Config) { c.AdminPasswordFile = "/nonexistent" }, "password file"},
	} {
		t.Run(name, func(t *testing.T) {
			config := config(t, io.Discard)
			c.edit(&config)
			if _, err := centralnode.New(config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestBadNATSAddressDegradesAndDoesNotStop(t *testing.T) {
	c := config(t, io.Discard)
	c.Events.NATSURL = "nats://127.0.0.1:1"
	n, _ := run(t, c)
	s, err := n.Admin().Status(t.Context(), local)
	if err != nil || !s.Events.Degraded || len(s.Problems) == 0 {
		t.Fatalf("status %+v, %v", s, err)
	}
	if code, body := healthtest.Get(t, n.LocalAddress(), "/readyz"); code != http.StatusServiceUnavailable || !strings.HasPrefix(body, "events: ") {
		t.Errorf("readyz %d %s", code, body)
	}
	if code, _ := healthtest.Get(t, n.LocalAddress(), "/livez"); code != http.StatusOK {
		t.Errorf("livez %d", code)
	}
}

func TestHealthAndMetricsOfAHealthyNode(t *testing.T) {
	n, _ := run(t, config(t, io.Discard))
	if code, body := healthtest.Get(t, n.LocalAddress(), "/readyz"); code != http.StatusOK {
		t.Errorf("readyz %d %s", code, body)
	}
	_, body := healthtest.Get(t, n.LocalAddress(), "/metrics")
	for _, name := range []string{"vedette_agent_connections 0", "vedette_hosts 0", "vedette_event_log_degraded 0", "vedette_server_certificate_not_after_timestamp_seconds"} {
		if !strings.Contains(body, name) {
			t.Errorf("metrics lack %q", name)
		}
	}
}

// TestClockYearsOffCutsNobody starts a node whose clock is ten years ahead of
// the certificate that it made before.
func TestClockYearsOffCutsNobody(t *testing.T) {
	c := config(t, io.Discard)
	_, stop := run(t, c)
	stop()
	for _, years := range []int{10, -10} {
		var logs bytes.Buffer
		c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
		c.Now = func() time.Time { return time.Now().AddDate(years, 0, 0) }
		n, stop := run(t, c)
		s, err := n.Admin().Status(t.Context(), local)
		if err != nil || len(s.Problems) == 0 {
			t.Errorf("%d years: status %+v, %v", years, s.Problems, err)
		}
		stop()
		if !strings.Contains(logs.String(), "level=WARN") {
			t.Errorf("%d years: no warning in the log", years)
		}
	}
}

func TestNodeLeavesNoGoroutineBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	for i := range 3 {
		_, stop := run(t, config(t, io.Discard))
		stop()
		if err := goleak.Find(ignore); err != nil {
			t.Fatal(fmt.Errorf("run %d: %w", i, err))
		}
	}
}
