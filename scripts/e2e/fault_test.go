package e2e

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
)

// smallDisk mounts a file system of some MiB over a folder.
func smallDisk(t *testing.T, path string, mib int) {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("a full disk needs root to mount a small one")
		}
		t.Skip("a full disk needs root to mount a small one")
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", path, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", mib)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
}

// fill takes all space of a disk and returns what gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			if len(block) == 1 {
				break
			}
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFullDiskOfTheCentralNodeLosesNothingAcknowledged(t *testing.T) {
	n := prepareNode(t)
	smallDisk(t, n.state(), 96)
	n.start()
	certificate := n.certificate()
	acks, stop := load(t, n, 10, 200)
	eventually(t, 30*time.Second, "packages are taken", func() bool { return acks.count() > 50 })
	free := fill(t, n.state())
	eventually(t, 60*time.Second, "the Central Node says that events are not taken", func() bool {
		s := read[acts.Status](n, "status")
		return s.Events.Degraded && strings.Contains(s.Events.Reason, "space")
	})
	select {
	case <-n.done:
		t.Fatalf("the Central Node died of a full disk:\n%s", tail(n.log))
	default:
	}
	refused := read[acts.Status](n, "status").Events.Refused
	eventually(t, 30*time.Second, "packages are refused, not lost", func() bool { return read[acts.Status](n, "status").Events.Refused > refused })
	n.must("certificate", "show")
	// An act on the full disk is done or refused with a sentence, never half.
	if o := n.run("agent-certificate", "validation", "on", "--yes"); o.code != 0 && !strings.Contains(o.err, "hint: ") {
		t.Errorf("an act on a full disk: exit %d, %s", o.code, o.err)
	}
	n.must("agent-certificate", "validation", "off", "--yes")
	free()
	before := acks.count()
	eventually(t, 90*time.Second, "packages are taken again, without a restart", func() bool { return acks.count() > before+50 })
	stop()
	acks.holdAgainst(n)
	if s := read[acts.Status](n, "status"); s.Events.Degraded {
		t.Errorf("still degraded: %s", s.Events.Reason)
	}
	if certificate != n.certificate() {
		t.Error("the server certificate changed")
	}
	n.must("audit", "verify")
	n.stop()
}

func TestFullDiskOfTheAgentKeepsItRunningAndCounting(t *testing.T) {
	n := newNode(t)
	a := newAgent(t, `package_period = "200ms"`)
	state := filepath.Join(a.dir, "state")
	smallDisk(t, state, 8)
	a.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate())
	a.start()
	marked(t, "mark-before-full")
	arrives(t, n, "mark-before-full")
	free := fill(t, state)
	// With the Central Node there, events pass through memory.
	marked(t, "mark-while-full")
	arrives(t, n, "mark-while-full")
	free()
	marked(t, "mark-after-full")
	arrives(t, n, "mark-after-full")
	a.stop()
	n.stop()
}

// dated makes a certificate of ten years around another year.
func dated(t *testing.T, years int) *pki.Pair {
	t.Helper()
	return pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) {
		c.NotBefore = time.Now().AddDate(years, 0, 0)
		c.NotAfter = c.NotBefore.AddDate(1, 0, 0)
	})
}

func TestCertificatesTenYearsPastAndAheadWarnAndWork(t *testing.T) {
	for _, years := range []int{-10, 10} {
		t.Run(fmt.Sprint(years), func(t *testing.T) {
			n := newNode(t)
			server, client := dated(t, years), dated(t, years)
			serverPEM, clientPEM, clientPFX := filepath.Join(n.dir, "server.pem"), filepath.Join(n.dir, "client.pem"), filepath.Join(n.dir, "client.pfx")
			pfx, err := pki.EncodePFX(client, pki.PFXOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for path, raw := range map[string][]byte{serverPEM: server.EncodePEM(), clientPEM: client.EncodePEM(), clientPFX: pfx} {
				if err := os.WriteFile(path, raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if o := n.run("certificate", "install", serverPEM, "--yes"); o.code != 0 {
				t.Fatalf("install: exit %d\n%s", o.code, o.err)
			}
			n.must("agent-certificate", "upload", clientPEM)
			n.must("agent-certificate", "validation", "on", "--yes")
			n.stop()
			n.start() // a daemon starts with such a certificate
			if s := read[acts.Status](n, "status"); len(s.Problems) == 0 {
				t.Error("status does not warn")
			}
			a := newAgent(t, `package_period = "200ms"`)
			a.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate(), "--client-certificate="+clientPFX)
			a.start()
			marked(t, "mark-dated")
			arrives(t, n, "mark-dated")
			a.stop()
			n.stop()
		})
	}
}

func TestHostileNamesShowAsText(t *testing.T) {
	n := newNode(t)
	hostile := "\x1b]0;owned\x07<script>\u202eevil"
	pair := pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.Subject.CommonName = hostile })
	path := filepath.Join(n.dir, "a.pem")
	if err := os.WriteFile(path, pair.EncodePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	n.must("agent-certificate", "upload", path)
	body, err := json.Marshal(map[string]any{"agentId": strings.Repeat("ab", 16), "queueId": strings.Repeat("cd", 16), "host": map[string]any{"name": hostile, "osName": hostile}})
	if err != nil {
		t.Fatal(err)
	}
	o := command(t, "curl", "-sS", "--fail-with-body", "--cacert", n.certificate(), "-H", "Content-Type: application/json",
		"https://"+n.address+"/vedette.agent.v1.AgentService/Sync", "-d", string(body))
	if o.code != 0 {
		t.Fatalf("curl: %s%s", o.out, o.err)
	}
	for _, args := range [][]string{{"agent-certificate", "list"}, {"host", "list"}, {"audit", "list"}, {"host", "list", "--output", "json"}, {"agent-certificate", "list", "--output", "json"}} {
		out := n.must(args...)
		if strings.ContainsAny(out, "\x1b\x07") || strings.ContainsRune(out, '\u202e') {
			t.Errorf("%v passes control characters on: %q", args, out)
		}
	}
	if out := n.must("host", "list"); !strings.Contains(out, `\u{1b}]0;owned`) {
		t.Errorf("the name is not shown as text:\n%s", out)
	}
	if raw, err := os.ReadFile(n.log); err != nil || strings.ContainsAny(string(raw), "\x1b\x07") {
		t.Errorf("the log passes control characters on, %v", err)
	}
	n.stop()
}

func TestStartRefusesWithANextStep(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		lines string
		says  []string
	}{
		"port in use":   {fmt.Sprintf("listen = %q", taken.Addr()), []string{"address already in use", "hint: "}},
		"unknown key":   {"listn = \"127.0.0.1:0\"\nstate_dirr = \"x\"", []string{"centralnode.toml:1", "listen", "centralnode.toml:2", "state_dir"}},
		"not TOML":      {"listen", []string{"centralnode.toml:1"}},
		"wrong type":    {"names = 3", []string{"centralnode.toml:1", "names"}},
		"no such level": {`log_level = "loud"`, []string{"log_level", "debug"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config := filepath.Join(dir, "centralnode.toml")
			text := c.lines + "\n"
			for key, value := range map[string]string{"state_dir": dir + "/state", "socket": "/tmp/vedette-e2e-unused.sock", "ssh_listen": "", "web_listen": "", "local_listen": "", "listen": "127.0.0.1:0"} {
				if !strings.Contains("\n"+text, "\n"+key+" =") {
					text += fmt.Sprintf("%s = %q\n", key, value)
				}
			}
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			o := command(t, filepath.Join(bin, "centralnode"), "--config", config, "run")
			if o.code == 0 {
				t.Fatal("it ran")
			}
			for _, s := range c.says {
				if !strings.Contains(o.err, s) {
					t.Errorf("exit %d does not say %q:\n%s", o.code, s, o.err)
				}
			}
		})
	}
}

// TestPFXOfOpenSSLLetsAnAgentIn follows "Uploading an independently prepared
// TLS certificate": made by hand, uploaded as PEM, given to the agent as PFX.
func TestPFXOfOpenSSLLetsAnAgentIn(t *testing.T) {
	n := newNode(t)
	file := func(name string) string { return filepath.Join(n.dir, name) }
	for _, line := range []string{
		"req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=own -keyout " + file("key.pem") + " -out " + file("crt.pem"),
		"pkcs12 -export -inkey " + file("key.pem") + " -in " + file("crt.pem") + " -passout pass:Secret-123 -out " + file("own.pfx"),
		"pkcs12 -export -nokeys -in " + file("crt.pem") + " -passout pass:Secret-123 -out " + file("nokey.pfx"),
	} {
		if o := command(t, "openssl", strings.Fields(line)...); o.code != 0 {
			t.Fatalf("openssl %s: %s", line, o.err)
		}
	}
	var both []byte
	for _, name := range []string{"crt.pem", "key.pem"} {
		raw, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, raw...)
	}
	for name, raw := range map[string][]byte{"both.pem": both, "password": []byte("Secret-123\n")} {
		if err := os.WriteFile(file(name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.must("agent-certificate", "upload", file("both.pem"))
	n.must("agent-certificate", "validation", "on", "--yes")
	if o := n.run("agent-certificate", "upload", file("crt.pem")); o.code == 0 || !strings.Contains(o.err, "key") {
		t.Errorf("a certificate without key: exit %d, %s", o.code, o.err)
	}
	host, port, _ := strings.Cut(n.address, ":")
	a := newAgent(t, `package_period = "200ms"`)
	policy := func(pfx string) {
		a.setPolicy("under_policy = true", "enabled = true", fmt.Sprintf("address = %q", host), "port = "+port,
			fmt.Sprintf("certificate = %q", n.certificate()), fmt.Sprintf("client_certificate = %q", file(pfx)), fmt.Sprintf("client_password_file = %q", file("password")))
	}
	for _, name := range []string{"own.pfx", "nokey.pfx"} {
		if err := os.Chmod(file(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policy("own.pfx")
	a.start()
	marked(t, "mark-own-pfx")
	arrives(t, n, "mark-own-pfx")
	a.stop()
	policy("nokey.pfx")
	if o := a.run("config", "check"); o.code == 0 || !strings.Contains(o.err+o.out, "key") {
		t.Errorf("a PFX without key: exit %d, %s%s", o.code, o.out, o.err)
	}
	n.stop()
}
