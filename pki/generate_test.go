package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fakeMachine is a computer with addresses in CIDR form.
func fakeMachine(hostname, hosts string, cidrs ...string) machine {
	return machine{
		hostname: func() (string, error) {
			if hostname == "" {
				return "", errors.New("no name")
			}
			return hostname, nil
		},
		hosts: func() ([]byte, error) {
			if hosts == "" {
				return nil, errors.New("no file")
			}
			return []byte(hosts), nil
		},
		addrs: func() ([]net.Addr, error) {
			if cidrs == nil {
				return nil, errors.New("no addresses")
			}
			var out []net.Addr
			for _, c := range cidrs {
				prefix := netip.MustParsePrefix(c)
				out = append(out, &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())})
			}
			return out, nil
		},
	}
}

func namesOf(cert *x509.Certificate) string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	return strings.Join(all, " ")
}

func TestGenerateServerNamesThisMachine(t *testing.T) {
	const hosts = "127.0.0.1 localhost\n127.0.1.1\tCN1.example.com cn1 # this one\n10.0.0.9 other.example.com other\nbroken\n"
	for _, c := range []struct {
		name    string
		options ServerOptions
		machine machine
		names   string
		cn      string
	}{
		{"everything", ServerOptions{Local: true}, fakeMachine("cn1", hosts, "127.0.0.1/8", "fd00::5/64", "10.0.0.5/24", "::1/128", "fe80::1/64", "169.254.3.4/16"),
			"cn1 cn1.example.com localhost 127.0.0.1 ::1 10.0.0.5 fd00::5", "cn1"},
		{"full host name", ServerOptions{Local: true}, fakeMachine("CN1.Example.com", "", "10.0.0.5/24"),
			"cn1.example.com cn1 localhost 127.0.0.1 ::1 10.0.0.5", "cn1.example.com"},
		{"nothing known", ServerOptions{Local: true}, fakeMachine("", ""), "localhost 127.0.0.1 ::1", "localhost"},
		{"odd host name", ServerOptions{Local: true}, fakeMachine("bad name!", ""), "localhost 127.0.0.1 ::1", "localhost"},
		{"configured first", ServerOptions{Local: true, Names: []string{"kata.example.com", " 192.0.2.1", "[2001:db8::1]", "kata.example.com.", "::ffff:192.0.2.1", ""}},
			fakeMachine("cn1", "", "10.0.0.5/24"), "kata.example.com cn1 localhost 192.0.2.1 2001:db8::1 127.0.0.1 ::1 10.0.0.5", "kata.example.com"},
		{"configured alone", ServerOptions{Names: []string{"192.0.2.1", "*.example.com"}}, machine{}, "*.example.com 192.0.2.1", "*.example.com"},
		{"addresses alone", ServerOptions{Names: []string{"fe80::1%eth0", "192.0.2.1"}}, machine{}, "fe80::1 192.0.2.1", "fe80::1"},
		{"no names", ServerOptions{}, machine{}, "", "server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair, err := generateServer(c.options, c.machine)
			if err != nil {
				t.Fatal(err)
			}
			if got := namesOf(pair.Leaf()); got != c.names {
				t.Errorf("names are %q, want %q", got, c.names)
			}
			if got := pair.Leaf().Subject.CommonName; got != c.cn {
				t.Errorf("CN is %q, want %q", got, c.cn)
			}
		})
	}
}

func TestGenerateServerBoundsTheNamesOfThisMachine(t *testing.T) {
	var cidrs []string
	for i := range 2000 {
		cidrs = append(cidrs, fmt.Sprintf("fd00::%x/64", i+1))
	}
	hosts := "10.0.0.1 cn1"
	for i := range 2000 {
		hosts += fmt.Sprintf(" alias-%05d.example.com", i)
	}
	pair, err := generateServer(ServerOptions{Local: true, Names: []string{"a.test"}}, fakeMachine("cn1", hosts, cidrs...))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(pair.Leaf().DNSNames); got != maxAliases+3 {
		t.Errorf("%d names", got)
	}
	if got := len(pair.Leaf().IPAddresses); got != maxLocalIPs || len(pair.Leaf().Raw) > MaxLeafSize {
		t.Errorf("%d addresses in %d octets", got, len(pair.Leaf().Raw))
	}
	var names []string
	for i := range 600 {
		names = append(names, fmt.Sprintf("host-%05d.test", i))
	}
	if _, err := GenerateServer(ServerOptions{Names: names}); !errors.Is(err, &RuleError{Rule: RuleLeafSize}) {
		t.Errorf("too many configured names give %v", err)
	}
}

func TestGenerateServerRefusesNamesThatCannotStand(t *testing.T) {
	for _, name := range []string{
		"a b", "h\u00f6st.example", "-a.test", "a-.test", "a..test", ".", "a.*.test", "x\x1b[31m", "http://a.test", "a.test:443",
		strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 127) + "aa", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
	} {
		_, err := GenerateServer(ServerOptions{Names: []string{name}})
		var broken *RuleError
		if !errors.As(err, &broken) || broken.Rule != RuleNames || broken.Hint == "" || strings.Contains(broken.Text, "\x1b") {
			t.Errorf("%q: got %v", name, err)
		}
	}
}

func TestGenerateServerFindsTheRealMachine(t *testing.T) {
	pair, err := GenerateServer(ServerOptions{Local: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		if err := pair.Leaf().VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		ip := a.(*net.IPNet).IP
		if ip.IsLinkLocalUnicast() {
			continue
		}
		if err := pair.Leaf().VerifyHostname(ip.String()); err != nil && len(addrs) < maxLocalIPs {
			t.Error(err)
		}
	}
}

func TestGeneratedCertificatesAreFitForTheirUse(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 10, time.FixedZone("east", 3600))
	clock := func() time.Time { return now }
	server, err := GenerateServer(ServerOptions{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	rsa, err := GenerateServer(ServerOptions{Now: clock, Key: KeyRSA3072, Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	agent, err := GenerateAgent(AgentOptions{Now: clock, Name: "host-1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pair     *Pair
		key      string
		usage    x509.KeyUsage
		extended x509.ExtKeyUsage
		validity time.Duration
	}{
		{server, "ECDSA P-256", x509.KeyUsageDigitalSignature, x509.ExtKeyUsageServerAuth, DefaultValidity},
		{rsa, "RSA 3072", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, x509.ExtKeyUsageServerAuth, time.Hour},
		{agent, "ECDSA P-256", x509.KeyUsageDigitalSignature, x509.ExtKeyUsageClientAuth, DefaultValidity},
	} {
		leaf := c.pair.Leaf()
		if KeyText(leaf.PublicKey) != c.key || leaf.KeyUsage != c.usage || !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{c.extended}) {
			t.Errorf("%s: key %s, usage %b, %v", c.pair, KeyText(leaf.PublicKey), leaf.KeyUsage, leaf.ExtKeyUsage)
		}
		begin := time.Date(2026, 5, 5, 6, 8, 9, 0, time.UTC)
		if !leaf.NotBefore.Equal(begin) || !leaf.NotAfter.Equal(begin.Add(24*time.Hour+c.validity)) {
			t.Errorf("valid from %s to %s", leaf.NotBefore, leaf.NotAfter)
		}
		if leaf.IsCA || !leaf.BasicConstraintsValid || leaf.CheckSignatureFrom(leaf) == nil || leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) != nil {
			t.Error("not a self-signed end entity")
		}
		if bits := leaf.SerialNumber.BitLen(); leaf.SerialNumber.Sign() <= 0 || bits > 127 || bits < 64 {
			t.Errorf("serial number of %d bits", bits)
		}
		if _, warnings, err := ParsePair(c.pair.EncodePEM(), now); err != nil || (len(warnings) != 0) != (c.validity == time.Hour) {
			t.Errorf("the rule says %v, %v", warnings, err)
		}
	}
	if server.Leaf().SerialNumber.Cmp(agent.Leaf().SerialNumber) == 0 {
		t.Error("two serial numbers are equal")
	}
	for _, err := range []error{
		second(GenerateServer(ServerOptions{Key: "dsa"})), second(GenerateAgent(AgentOptions{Key: "dsa"})), second(GenerateAgent(AgentOptions{Validity: -1})),
	} {
		if err == nil {
			t.Error("nonsense was generated")
		}
	}
}

func second(_ *Pair, err error) error { return err }

func TestGenerateAgentCleansItsName(t *testing.T) {
	for name, want := range map[string]string{
		"":                                "Endpoint Agent",
		" \t\x00\x1b ":                    "Endpoint Agent",
		"host-1":                          "host-1",
		"a\x1b[31mb\r\nc\u202ed\u200be":   "a[31mb  cde",
		"h\u00f6st \u4e3b\u673a":          "h\u00f6st \u4e3b\u673a",
		"bad\xff\xfeutf8":                 "badutf8",
		strings.Repeat("x", 100):          strings.Repeat("x", 64),
		strings.Repeat("\u4e3b", 30):      strings.Repeat("\u4e3b", 21),
		strings.Repeat("y", 63) + " tail": strings.Repeat("y", 63),
		"<b>*a@b&c</b>":                   "<b>*a@b&c</b>",
	} {
		pair, err := GenerateAgent(AgentOptions{Name: name})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got := pair.Leaf().Subject.CommonName
		if got != want || !utf8.ValidString(got) || len(got) > maxCommonName {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}
