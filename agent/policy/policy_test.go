package policy_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/agent/policy"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// world is a folder with a policy file, certificates and local settings.
type world struct {
	policy.Files
	server, other *pki.Pair
	client        *pki.Pair
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{Files: policy.Files{Policy: filepath.Join(dir, "policy.toml"), Dir: filepath.Join(dir, "state")}}
	w.server, w.other = pkitest.Pair(t, pki.KeyECDSAP256), pkitest.PairFor(t, pkitest.ECDSAKey(t))
	w.client = agentPair(t)
	w.file(t, "server.crt", w.server.CertificatePEM())
	w.file(t, "other.crt", w.other.CertificatePEM())
	w.file(t, "both.crt", append(w.server.CertificatePEM(), w.other.CertificatePEM()...))
	for name, data := range containers(t, w.client) {
		w.file(t, name, data)
	}
	w.file(t, "password", []byte("s3cret\n"))
	return w
}

// Making containers costs key derivations, so all tests share them.
var (
	makePair       sync.Once
	sharedPair     *pki.Pair
	makeContainers sync.Once
	shared         map[string][]byte
)

func agentPair(t *testing.T) *pki.Pair {
	makePair.Do(func() { sharedPair = pkitest.Agent(t, "agent") })
	return sharedPair
}

func containers(t *testing.T, client *pki.Pair) map[string][]byte {
	t.Helper()
	makeContainers.Do(func() {
		shared = make(map[string][]byte)
		for name, o := range map[string]pki.PFXOptions{"agent.pfx": {}, "secret.pfx": {Password: "s3cret"}, "nokey.pfx": {CertificateOnly: true}} {
			data, err := pki.EncodePFX(client, o)
			if err != nil {
				t.Fatal(err)
			}
			shared[name] = data
		}
	})
	return shared
}

func (w *world) path(name string) string { return filepath.Join(filepath.Dir(w.Policy), name) }

func (w *world) file(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(w.path(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

const base = "enabled = true\naddress = \"192.0.2.1\"\ncertificate = \"server.crt\"\n"

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	p, err := policy.Load(policy.Files{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if p.Enabled || p.UnderPolicy || !p.UsePinned || p.Timeout != 10*time.Second || p.SyncPeriod != 5*time.Minute || p.TTLEnabled ||
		p.TTLPeriod != 1440*time.Minute || !p.Throttling || p.EventsPerHour != 3000 || p.ExcessPercent != 15 || !p.Compression {
		t.Fatalf("%+v", p)
	}
}

func TestEachSettingTakesEffect(t *testing.T) {
	for _, c := range []struct {
		text  string
		check func(*policy.Policy, *world) bool
	}{
		{base, func(p *policy.Policy, w *world) bool {
			return p.Enabled && slices.Equal(p.Servers, []string{"192.0.2.1:443"}) && p.Pin == w.server.Fingerprint() && p.Client == nil
		}},
		{strings.Replace(base, "true", "false", 1), func(p *policy.Policy, _ *world) bool { return !p.Enabled }},
		{base + "port = 8443", func(p *policy.Policy, _ *world) bool { return p.Servers[0] == "192.0.2.1:8443" }},
		{"enabled = true\nservers = [\"a\", \"[::1]:8443\"]\ncertificate = \"server.crt\"", func(p *policy.Policy, _ *world) bool {
			return slices.Equal(p.Servers, []string{"a:443", "[::1]:8443"})
		}},
		{"enabled = true\naddress = \"a\"\nuse_pinned_certificate = false", func(p *policy.Policy, _ *world) bool { return !p.UsePinned && p.Enabled }},
		{base + "client_certificate = \"agent.pfx\"", func(p *policy.Policy, w *world) bool {
			return p.Client != nil && p.Client.Fingerprint() == w.client.Fingerprint()
		}},
		{base + "client_certificate = \"secret.pfx\"\nclient_password_file = \"password\"", func(p *policy.Policy, w *world) bool {
			return p.Client != nil && p.Client.Fingerprint() == w.client.Fingerprint()
		}},
		{base + "timeout = \"3s\"\nsync_period = \"60m\"", func(p *policy.Policy, _ *world) bool {
			return p.Timeout == 3*time.Second && p.SyncPeriod == time.Hour
		}},
		{base + "ttl_enabled = true\nttl_period = \"10m\"", func(p *policy.Policy, _ *world) bool { return p.TTLEnabled && p.TTLPeriod == 10*time.Minute }},
		{base + "throttling = false", func(p *policy.Policy, _ *world) bool { return !p.Throttling }},
		{base + "throttling_events_per_hour = 10\nthrottling_excess_percent = 100", func(p *policy.Policy, _ *world) bool {
			return p.EventsPerHour == 10 && p.ExcessPercent == 100
		}},
		{base + "compression = false", func(p *policy.Policy, _ *world) bool { return !p.Compression }},
		{base + "under_policy = true", func(p *policy.Policy, _ *world) bool { return p.UnderPolicy }},
	} {
		w := newWorld(t)
		w.file(t, "policy.toml", []byte(c.text))
		p, err := policy.Load(w.Files)
		if err != nil || !c.check(p, w) {
			t.Errorf("%s\n%+v, %v", c.text, p, err)
		}
	}
}

func TestFaultsNameKeyAndReason(t *testing.T) {
	for text, want := range map[string]string{
		"enabled = true":                                    "without a server",
		"enabled = true\naddress=\"a\"":                     "no certificate is pinned",
		base + "sync_period = \"59s\"":                      "sync_period",
		base + "sync_period = \"61m\"":                      "sync_period",
		base + "timeout = \"0s\"":                           "timeout",
		base + "ttl_period = \"1s\"":                        "ttl_period",
		base + "throttling_excess_percent = 4":              "throttling_excess_percent",
		base + "throttling_events_per_hour = 0":             "throttling_events_per_hour",
		base + "port = 70000":                               "port",
		base + "servers = [\"b\"]":                          "exclude each other",
		base + "client_certificate = \"nokey.pfx\"":         "cannot prove who the agent is",
		base + "client_certificate = \"secret.pfx\"":        "needs one",
		base + "client_password_file = \"password\"":        "no client_certificate",
		base + "client_certificate = \"open.pfx\"":          "chmod 600",
		base + "sync_perod = \"5m\"":                        "sync_perod",
		strings.Replace(base, "server.crt", "both.crt", 1):  "certificate",
		strings.Replace(base, "server.crt", "agent.pfx", 1): "certificate",
		strings.Replace(base, "192.0.2.1", "a b", 1):        "not an address",
	} {
		w := newWorld(t)
		data, err := os.ReadFile(w.path("agent.pfx"))
		if err != nil {
			t.Fatal(err)
		}
		w.file(t, "open.pfx", data)
		if err := os.Chmod(w.path("open.pfx"), 0o644); err != nil {
			t.Fatal(err)
		}
		w.file(t, "policy.toml", []byte(text))
		if _, err := policy.Load(w.Files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q", text, err, want)
		}
	}
}

func TestLocalSettingsWinUnlessUnderPolicy(t *testing.T) {
	w := newWorld(t)
	w.file(t, "policy.toml", []byte(base+"timeout = \"20s\"\n"))
	p, err := policy.Apply(w.Files, policy.Change{
		Servers: ptr([]string{"198.51.100.7:8443", "b"}), PinnedCertificate: ptr(w.path("other.crt")), SyncPeriod: ptr(7 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Enabled || p.Servers[0] != "198.51.100.7:8443" || p.Pin != w.other.Fingerprint() || p.SyncPeriod != 7*time.Minute || p.Timeout != 20*time.Second {
		t.Fatalf("%+v", p)
	}
	w.file(t, "policy.toml", []byte(base+"under_policy = true\n"))
	before, err := os.ReadFile(filepath.Join(w.Dir, "local.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Apply(w.Files, policy.Change{Enabled: ptr(false)}); !errors.Is(err, policy.ErrUnderPolicy) {
		t.Fatalf("change under policy: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(w.Dir, "local.toml"))
	if err != nil || string(before) != string(after) {
		t.Fatalf("a refused change changed something: %v", err)
	}
	if p, err = policy.Load(w.Files); err != nil || p.Pin != w.server.Fingerprint() || p.Servers[0] != "192.0.2.1:443" || p.SyncPeriod != 5*time.Minute {
		t.Fatalf("under policy: %+v, %v", p, err)
	}
	w.file(t, "policy.toml", []byte("broken ="))
	if _, err := policy.Apply(w.Files, policy.Change{Enabled: ptr(false)}); err == nil {
		t.Fatal("a change was made though the policy cannot be read")
	}
}

func TestLastAddedPinWinsAndSeveralAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		path string
		want pki.Fingerprint
	}{{"server.crt", w.server.Fingerprint()}, {"other.crt", w.other.Fingerprint()}} {
		p, err := policy.Apply(w.Files, policy.Change{Enabled: ptr(true), Servers: ptr([]string{"a"}), PinnedCertificate: ptr(w.path(c.path))})
		if err != nil || p.Pin != c.want {
			t.Fatalf("%+v, %v", p, err)
		}
	}
	if _, err := policy.Apply(w.Files, policy.Change{PinnedCertificate: ptr(w.path("both.crt"))}); err == nil {
		t.Fatal("two certificates were taken for a pin")
	}
	if err := os.Remove(w.path("other.crt")); err != nil {
		t.Fatal(err)
	}
	if p, err := policy.Load(w.Files); err != nil || p.Pin != w.other.Fingerprint() {
		t.Fatalf("the pin is a copy of its own: %+v, %v", p, err)
	}
}

func TestClientCertificateIsCopiedAndReplaced(t *testing.T) {
	w := newWorld(t)
	if _, err := policy.Apply(w.Files, policy.Change{ClientCertificate: ptr(w.path("nokey.pfx"))}); !errors.Is(err, pki.ErrPFXNoKey) {
		t.Fatalf("a container without key: %v", err)
	}
	if _, err := policy.Apply(w.Files, policy.Change{ClientCertificate: ptr(w.path("secret.pfx")), ClientPassword: ptr("guess")}); !errors.Is(err, pki.ErrPFXPassword) {
		t.Fatalf("a wrong password: %v", err)
	}
	files := func() (list []string) {
		entries, err := os.ReadDir(w.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("%s: %v, %v", e.Name(), info.Mode(), err)
			}
			list = append(list, e.Name())
		}
		return list
	}
	if got := files(); len(got) != 0 {
		t.Fatalf("refused changes left %v", got)
	}
	for range 2 {
		p, err := policy.Apply(w.Files, policy.Change{ClientCertificate: ptr(w.path("secret.pfx")), ClientPassword: ptr("s3cret")})
		if err != nil || p.Client == nil {
			t.Fatal(err)
		}
		if got := files(); len(got) != 3 {
			t.Fatalf("files %v", got)
		}
	}
	p, err := policy.Apply(w.Files, policy.Change{ClientCertificate: ptr("")})
	if err != nil || p.Client != nil {
		t.Fatal(err)
	}
	if got := files(); len(got) != 1 {
		t.Fatalf("the old container is still there: %v", got)
	}
	for _, c := range []policy.Change{{ClientPassword: ptr("x")}, {Servers: ptr([]string{"a:0"})}, {Timeout: ptr(time.Hour)}, {Enabled: ptr(true)}} {
		before, err := os.ReadFile(filepath.Join(w.Dir, "local.toml"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Apply(w.Files, c); err == nil {
			t.Fatalf("%+v was taken", c)
		}
		if after, err := os.ReadFile(filepath.Join(w.Dir, "local.toml")); err != nil || string(after) != string(before) {
			t.Fatalf("%+v left a trace: %v", c, err)
		}
	}
}
