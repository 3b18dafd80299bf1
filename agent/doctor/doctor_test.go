package doctor_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/agent"
	"vedette/agent/agenttest"
	"vedette/agent/doctor"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look runs a doctor with a policy and returns its checks by name.
func look(t *testing.T, now time.Time, text string) (map[string]doctor.Check, bool) {
	t.Helper()
	dir := t.TempDir()
	c := agent.DefaultConfig()
	c.StateDir, c.PolicyFile = filepath.Join(dir, "state"), filepath.Join(dir, "policy.toml")
	if err := os.WriteFile(c.PolicyFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	checks, ok := doctor.Run(context.Background(), doctor.Options{Config: c, Now: func() time.Time { return now }})
	byName := make(map[string]doctor.Check)
	for _, k := range checks {
		if strings.Contains(k.Text+k.Fix, "\n") || k.Text == "" {
			t.Errorf("not one line: %+v", k)
		}
		if k.Outcome == doctor.Failed && k.Fix == "" {
			t.Errorf("no fix: %+v", k)
		}
		byName[k.Name] = k
	}
	if _, err := os.Stat(c.StateDir); err == nil {
		t.Error("the doctor left something behind")
	}
	return byName, ok
}

// to is a policy for a server. It waits for longer than a busy machine takes.
func to(address string, pin *pki.Pair) string { return policy(address, pin, 10*time.Second) }

// hasty is to, for a server that is not worth waiting for.
func hasty(address string, pin *pki.Pair) string { return policy(address, pin, time.Second) }

func policy(address string, pin *pki.Pair, timeout time.Duration) string {
	return fmt.Sprintf("enabled = true\ntimeout = %q\nservers = [%q]\ncertificate = '''\n%s'''\n", timeout, address,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pin.Leaf().Raw}))
}

func TestHealthyAgent(t *testing.T) {
	n := agenttest.Start(t)
	checks, ok := look(t, time.Now(), to(n.Address, n.Pair))
	if !ok {
		t.Fatalf("%+v", checks)
	}
	for _, name := range []string{doctor.Settings, doctor.Certificate, doctor.Name, doctor.TCP, doctor.TLS, doctor.Pin, doctor.Clock, doctor.Authorised} {
		if checks[name].Outcome != doctor.OK {
			t.Errorf("%s: %+v", name, checks[name])
		}
	}
	if len(n.Syncs()) != 0 {
		t.Error("the doctor made a host appear")
	}
}

func TestEachIllnessIsFound(t *testing.T) {
	n := agenttest.Start(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	imitation := pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.Subject = n.Pair.Leaf().Subject })
	for _, c := range []struct {
		name, text, check, code string
		refuse                  problem.Code
	}{
		{"off", "enabled = false", doctor.Settings, "", ""},
		{"faulty", "enabled = 3", doctor.Settings, "", ""},
		{"name", to("nowhere.invalid:443", n.Pair), doctor.Name, "name-unknown", ""},
		{"nobody listens", to("127.0.0.1:1", n.Pair), doctor.TCP, "unreachable", ""},
		{"silent", hasty(silent.Addr().String(), n.Pair), doctor.TLS, "timeout", ""},
		{"imitated", to(n.Address, imitation), doctor.Pin, "wrong-pin", ""},
		{"refused", to(n.Address, n.Pair), doctor.Authorised, "certificate_unknown", problem.CertificateUnknown},
		{"down", to(n.Address, n.Pair), doctor.Authorised, "unavailable", problem.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			n.Set(func(r *agenttest.Rules) {
				r.Refuse = nil
				if c.refuse != "" {
					r.Refuse = &problem.Problem{Title: "x", Status: map[bool]int{true: 503, false: 401}[c.refuse == problem.Unavailable], Code: c.refuse}
				}
			})
			checks, ok := look(t, time.Now(), c.text)
			if got := checks[c.check]; ok || got.Outcome != doctor.Failed || got.Code != c.code {
				t.Fatalf("%+v", checks)
			}
		})
	}
}

func TestWrongPinNamesBothAndHintsAtImitation(t *testing.T) {
	n := agenttest.Start(t)
	other := pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.Subject, c.Issuer = n.Pair.Leaf().Subject, n.Pair.Leaf().Issuer })
	checks, _ := look(t, time.Now(), to(n.Address, other))
	k := checks[doctor.Pin]
	if !strings.Contains(k.Text, other.Fingerprint().String()) || !strings.Contains(k.Text, n.Pair.Fingerprint().String()) || !strings.Contains(k.Fix, "imitated") {
		t.Fatalf("%+v", k)
	}
}

func TestClockYearsOffIsAWarningAndCutsNobody(t *testing.T) {
	n := agenttest.Start(t)
	for _, years := range []int{-10, 10} {
		checks, ok := look(t, time.Now().AddDate(years, 0, 0), to(n.Address, n.Pair))
		if !ok || checks[doctor.Clock].Outcome != doctor.Warning || checks[doctor.Authorised].Outcome != doctor.OK {
			t.Fatalf("%d years: %+v", years, checks)
		}
	}
}
