package sensor_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
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

	"vedette/internal/acts"
	"vedette/internal/health/healthtest"
	"vedette/internal/kv"
	"vedette/internal/sessions"
	"vedette/internal/sshd/sshkey"
	"vedette/pki"
	"vedette/proto/about"
	"vedette/proto/problem"
	"vedette/sensor"
)

var local = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}

const patience = 20 * time.Second

func config(t *testing.T, console io.Writer) sensor.Config {
	t.Helper()
	return sensor.Config{StateDir: filepath.Join(t.TempDir(), "state"), Address: "127.0.0.1:0", LocalAddress: "127.0.0.1:0", Console: console, Version: "test", Name: "branch"}
}

// run starts a Sensor and returns what stops it.
func run(t *testing.T, c sensor.Config) (*sensor.Sensor, func()) {
	t.Helper()
	s, err := sensor.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the Sensor ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("the Sensor does not end")
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func get(t *testing.T, s *sensor.Sensor, path string) (int, string) {
	t.Helper()
	return healthtest.Get(t, s.LocalAddress(), path)
}

// identities are what a Sensor is known by.
func identities(t *testing.T, s *sensor.Sensor) (link, server pki.Fingerprint) {
	t.Helper()
	status, err := s.Admin().Status(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	return status.Link.LinkIdentity, status.Certificate.Fingerprint
}

func TestFirstStartMakesWhatIsMissingAndTheNextKeepsIt(t *testing.T) {
	var console, logs bytes.Buffer
	c := config(t, &console)
	c.SSHAddress, c.Logger = "192.0.2.2:22", slog.New(slog.NewTextHandler(&logs, nil))
	s, stop := run(t, c)
	link, server := identities(t, s)
	raw, err := os.ReadFile(filepath.Join(c.StateDir, "initial-password"))
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimSpace(string(raw))
	hostKey := sshkey.Fingerprint(s.HostKey().Public().(ed25519.PublicKey))
	for _, want := range []string{link.String(), server.String(), "SSH host key made, fingerprint: " + hostKey + "\n", password} {
		if !strings.Contains(console.String(), want) {
			t.Errorf("the console does not show %q:\n%s", want, &console)
		}
	}
	if check, err := s.Admin().VerifyAudit(t.Context(), local); err != nil || check.Records != 4 {
		t.Errorf("records %+v, %v", check, err)
	}
	stop()
	if strings.Contains(logs.String(), password) || strings.Contains(logs.String(), "PRIVATE") {
		t.Errorf("the log has a secret:\n%s", &logs)
	}
	if info, err := os.Stat(filepath.Join(c.StateDir, "state.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file %v, %v", info.Mode(), err)
	}

	console.Reset()
	s, stop = run(t, c)
	if linkAgain, serverAgain := identities(t, s); linkAgain != link || serverAgain != server || console.Len() != 0 {
		t.Errorf("second start: link identity %s, server certificate %s, console %q", linkAgain, serverAgain, &console)
	}
	s.Sessions().Enter(sessions.Session{Account: "admin"}, func() {})
	if status, err := s.Admin().Status(t.Context(), local); err != nil || status.SSH != (acts.SSHDoor{Address: "192.0.2.2:22", HostKey: hostKey, Sessions: 1}) {
		t.Errorf("the SSH door: %+v, %v", status.SSH, err)
	}
	if _, err := s.Accounts().Verify(t.Context(), "admin", password, netip.MustParseAddr("192.0.2.9")); err != nil {
		t.Errorf("the first password: %v", err)
	}
	// Replacing the server certificate never unauthorises the Sensor.
	if _, err := s.Admin().GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	if linkAgain, serverAgain := identities(t, s); linkAgain != link || serverAgain == server {
		t.Errorf("replaced: link identity %s, server certificate %s", linkAgain, serverAgain)
	}

	second := c
	second.LocalAddress = ""
	if _, err := sensor.New(second); !errors.Is(err, kv.ErrInUse) {
		t.Errorf("a second daemon on the same state: %v", err)
	}
	if _, err := sensor.ResetPassword(t.Context(), c, acts.ResetPassword{Name: "admin"}); !errors.Is(err, kv.ErrInUse) {
		t.Errorf("reset while the daemon runs: %v", err)
	}
	stop()
	if made, err := sensor.ResetPassword(t.Context(), c, acts.ResetPassword{Name: "admin"}); err != nil || made == "" || made == password {
		t.Errorf("reset: %q, %v", made, err)
	}
}

func TestStartRefusesWithASentence(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		edit func(*sensor.Config)
		says string
	}{
		"agents' port in use":     {func(c *sensor.Config) { c.Address = taken.Addr().String() }, "listen for agents"},
		"local port in use":       {func(c *sensor.Config) { c.LocalAddress = taken.Addr().String() }, "listen for health"},
		"no state folder":         {func(c *sensor.Config) { c.StateDir = "" }, "state folder"},
		"no address":              {func(c *sensor.Config) { c.Address = "" }, "no address for agents"},
		"state folder is a file":  {func(c *sensor.Config) { c.StateDir = os.Args[0] }, "state folder"},
		"name that is none":       {func(c *sensor.Config) { c.Names = []string{"not a name"} }, "not a name"},
		"password file is absent": {func(c *sensor.Config) { c.AdminPasswordFile = "/nonexistent" }, "password file"},
		"more than the limit":     {func(c *sensor.Config) { c.IngressLimitMbit = 1001 }, "ingress limit of 1001 Mbit/s: it can be 1 to 1000"},
		"less than nothing":       {func(c *sensor.Config) { c.IngressLimitMbit = -1 }, "ingress limit"},
	} {
		t.Run(name, func(t *testing.T) {
			config := config(t, io.Discard)
			c.edit(&config)
			if _, err := sensor.New(config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want one that says %q", err, c.says)
			}
		})
	}
}

func TestHealthAndMetricsOfASensorWithoutCentralNode(t *testing.T) {
	c := config(t, io.Discard)
	c.IngressLimitMbit = 80
	s, _ := run(t, c)
	if code, _ := get(t, s, "/livez"); code != http.StatusOK {
		t.Errorf("livez %d", code)
	}
	if code, body := get(t, s, "/readyz"); code != http.StatusServiceUnavailable || !strings.HasPrefix(body, "link: Unconfigured: ") || strings.Count(body, "\n") != 1 {
		t.Errorf("readyz %d %s", code, body)
	}
	_, body := get(t, s, "/metrics")
	for _, name := range []string{
		"vedette_agent_connections 0", "vedette_stranger_connections 0", "vedette_refused_agents_total 0", "vedette_ingress_bytes_total 0", "vedette_ingress_limit_bytes_per_second 1e+07",
		"vedette_ingress_held 0", "vedette_link_up 0", "vedette_link_lanes 0", "vedette_link_streams 0", "vedette_link_retained_bytes 0", "vedette_link_round_trip_seconds",
		"vedette_server_certificate_not_after_timestamp_seconds",
	} {
		if !strings.Contains(body, name) {
			t.Errorf("metrics lack %q", name)
		}
	}
}

// TestAgentsAreToldWhyNobodyIsCarried asks at the agents' door itself.
func TestAgentsAreToldWhyNobodyIsCarried(t *testing.T) {
	s, _ := run(t, config(t, io.Discard))
	_, pin := identities(t, s)
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(pin), nil)}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport, Timeout: patience}).Get("https://" + s.Address().String() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); !ok || p.Code != problem.SensorUnconfigured || p.Status != http.StatusServiceUnavailable {
		t.Errorf("answer %+v", p)
	}
}

func TestWhoPinnedTheWrongServerIsToldSo(t *testing.T) {
	s, _ := run(t, config(t, io.Discard))
	_, own := identities(t, s)
	central := pki.Fingerprint{7}
	if _, err := s.Admin().SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: "127.0.0.1:1", Fingerprint: central}); err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[pki.Fingerprint]string{own: about.PinOwn, central: about.PinCentralNode, {9}: about.PinUnknown, {}: about.PinUnknown} {
		config := pki.ClientConfig(func(pki.Fingerprint) error { return nil }, nil)
		config.NextProtos = []string{about.ALPN}
		conn, err := tls.Dial("tcp", s.Address().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := about.Ask(t.Context(), conn, asked)
		conn.Close()
		if err != nil || answer.Role != about.RoleSensor || answer.Pin != want {
			t.Errorf("%v: %+v, %v, want %q", asked, answer, err, want)
		}
	}
}

func TestTheConfiguredCentralNodeSurvivesARestart(t *testing.T) {
	c := config(t, io.Discard)
	s, stop := run(t, c)
	pin := pki.Fingerprint{7}
	if _, err := s.Admin().SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: "127.0.0.1:1", Fingerprint: pin}); err != nil {
		t.Fatal(err)
	}
	stop()
	s, _ = run(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last acts.Link
	err := s.Admin().WatchLink(ctx, local, func(l acts.Link) bool {
		last = l
		return l.Next == "" // until it was tried
	})
	if err != nil || last.State != acts.LinkUnreachable || last.Address != "127.0.0.1:1" || last.Expected != pin || last.Next == "" {
		t.Errorf("after a restart %+v, %v", last, err)
	}
}

// TestClockYearsOffCutsNobody starts a Sensor whose clock is years off the
// certificates that it made before.
func TestClockYearsOffCutsNobody(t *testing.T) {
	c := config(t, io.Discard)
	_, stop := run(t, c)
	stop()
	for _, years := range []int{10, -10} {
		var logs bytes.Buffer
		c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
		c.Now = func() time.Time { return time.Now().AddDate(years, 0, 0) }
		s, stop := run(t, c)
		status, err := s.Admin().Status(t.Context(), local)
		if err != nil || len(status.Certificate.Warnings) == 0 {
			t.Errorf("%d years: status %+v, %v", years, status, err)
		}
		stop()
		if !strings.Contains(logs.String(), "level=WARN") {
			t.Errorf("%d years: no warning in the log", years)
		}
	}
}

func TestUnsafeSettingIsSaidAtEachStart(t *testing.T) {
	var logs bytes.Buffer
	c := config(t, io.Discard)
	c.UnsafeSameServer, c.Logger = true, slog.New(slog.NewTextHandler(&logs, nil))
	_, stop := run(t, c)
	stop()
	if !strings.Contains(logs.String(), "unsafe_same_server") {
		t.Errorf("the log is silent about it:\n%s", &logs)
	}
}

func TestSensorLeavesNoGoroutineBehind(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	for i := range 3 {
		_, stop := run(t, config(t, io.Discard))
		stop()
		if err := goleak.Find(ignore); err != nil {
			t.Fatal(fmt.Errorf("run %d: %w", i, err))
		}
	}
}
