package web

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestHostsAreThoseOfThisServer(t *testing.T) {
	h := newHosts([]string{"vedette.example"}, func() []string { return []string{"cn.example", "*.wild.example", "10.0.0.1"} })
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8443": true, "localhost.": true,
		"vedette.example": true, "Vedette.Example:1": true, "vedette.example.": true,
		"cn.example": true, "cn.example:8443": true, "a.wild.example": true,
		"192.0.2.1": true, "192.0.2.1:8443": true, "[2001:db8::1]": true, "[2001:db8::1]:8443": true, "[::ffff:192.0.2.1]:1": true, "[fe80::1%25eth0]:1": true,

		"": false, ".": false, ":8443": false, "evil.test": false, "evil.test:8443": false,
		"cn.example.evil.test": false, "evilcn.example": false, "wild.example": false, "a.b.wild.example": false, ".wild.example": false,
		"localhost:x": false, "localhost:123456": false, "localhost@evil.test": false, "local\x00host": false, "2001:db8::1": false,
		"192.0.2.1.evil.test": false, "[192.0.2.1]": false, "[::1": false, "::1]": false, "0x7f.1": false, "evil.test\\@localhost": false,
	} {
		if got := h.allows(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

// FuzzHost looks for a host that is let in and is neither an address nor one of
// the names.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"localhost", "cn.example:1", "[::1]:2", "192.0.2.1", "a.wild.example.", "evil.test", "[fe80::1%x]", ":", "xn--a.wild.example"} {
		f.Add(seed)
	}
	h := hosts{fixed: []string{"localhost"}, names: func() []string { return []string{"*.wild.example"} }}
	f.Fuzz(func(t *testing.T, host string) {
		if !h.allows(host) {
			return
		}
		name := host
		if alone, _, err := net.SplitHostPort(host); err == nil {
			name = alone
		}
		name = strings.TrimSuffix(strings.ToLower(strings.Trim(name, "[]")), ".")
		if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
			return
		}
		label, rest, _ := strings.Cut(name, ".")
		if rest != "wild.example" || label == "" || strings.ContainsAny(label, "/\\@:?#% ") {
			t.Errorf("%q is let in", host)
		}
	})
}
