package pki

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// maxLocalIPs bounds how many addresses of this machine go into a certificate; a host full of containers has thousands,
// and the leaf must stay under MaxLeafSize.
const maxLocalIPs = 128

// maxAliases bounds the host's further names likewise.
const maxAliases = 8

// machine is what a certificate wants to know of the computer.
type machine struct {
	hostname func() (string, error)
	addrs    func() ([]net.Addr, error)
	hosts    func() ([]byte, error) // in the format of /etc/hosts
}

func thisMachine() machine {
	return machine{
		hostname: os.Hostname,
		addrs:    net.InterfaceAddrs,
		hosts:    func() ([]byte, error) { return os.ReadFile("/etc/hosts") },
	}
}

// names are the SANs of a certificate, each once.
type names struct {
	dns []string
	ips []net.IP
}

// parseNames sorts configured names into host names and addresses.
func parseNames(list []string) (names, error) {
	var n names
	for _, s := range list {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		if addr, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
			if addr.IsMulticast() || addr.IsUnspecified() {
				return names{}, errName(s, "is no address of a server")
			}
			n.addIP(addr)
			continue
		}
		if err := checkHostName(s); err != nil {
			return names{}, err
		}
		n.addDNS(s)
	}
	return n, nil
}

// addLocal adds what the machine is called and where it can be reached. Link-local addresses are left out: without a
// zone they mean nothing. What cannot be found out is left out: a
// certificate with fewer names is still an identity.
func (n *names) addLocal(m machine) {
	if host, err := m.hostname(); err == nil && checkHostName(host) == nil {
		n.addDNS(host)
		aliases := hostAliases(m, host)
		for _, alias := range aliases[:min(len(aliases), maxAliases)] {
			n.addDNS(alias)
		}
		if short, _, found := strings.Cut(host, "."); found {
			n.addDNS(short)
		}
	}
	n.addDNS("localhost")

	local := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	addrs, err := m.addrs()
	if err != nil {
		addrs = nil
	}
	for _, a := range addrs {
		if ipNet, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(ipNet.IP); ok && !addr.IsLinkLocalUnicast() {
				local = append(local, addr.Unmap())
			}
		}
	}
	slices.SortStableFunc(local[2:], func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() }) // IPv4 first
	for _, addr := range local[:min(len(local), maxLocalIPs)] {
		n.addIP(addr)
	}
}

// hostAliases finds the full names of a host beside it in /etc/hosts, which asks no network.
func hostAliases(m machine, host string) []string {
	text, err := m.hosts()
	if err != nil {
		return nil
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 || !slices.ContainsFunc(fields[1:], func(f string) bool { return strings.EqualFold(f, host) }) {
			continue
		}
		for _, f := range fields[1:] {
			if strings.Contains(f, ".") && checkHostName(f) == nil {
				found = append(found, f)
			}
		}
	}
	return found
}

func (n *names) addDNS(name string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name != "" && !slices.Contains(n.dns, name) {
		n.dns = append(n.dns, name)
	}
}

// addIP drops the zone, which a certificate cannot hold.
func (n *names) addIP(addr netip.Addr) {
	addr = addr.Unmap().WithZone("")
	ip := net.IP(addr.AsSlice())
	if !slices.ContainsFunc(n.ips, ip.Equal) {
		n.ips = append(n.ips, ip)
	}
}

// commonName is the first host name that fits, else the first address: it is what people read in lists.
func (n *names) commonName() string {
	for _, d := range n.dns {
		if len(d) <= maxCommonName {
			return d
		}
	}
	if len(n.ips) > 0 {
		return n.ips[0].String()
	}
	return "server"
}

// checkHostName accepts what a DNS SAN can hold: labels of letters, digits, hyphens and underscores, a star as the
// first label. Names in other scripts are wanted in their xn-- form.
func checkHostName(name string) error {
	bad := func(why string) error { return errName(name, why) }
	trimmed := strings.TrimSuffix(name, ".")
	if trimmed == "" || len(trimmed) > 253 {
		return bad("does not have 1 to 253 characters")
	}
	for i, label := range strings.Split(trimmed, ".") {
		if label == "*" && i == 0 {
			continue
		}
		if label == "" || len(label) > 63 {
			return bad("has a part that does not have 1 to 63 characters")
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return bad("has a part that begins or ends with a hyphen")
		}
		for _, c := range []byte(label) {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
				continue
			}
			return bad("has a character that cannot stand in a certificate")
		}
	}
	return nil
}

func errName(name, why string) *RuleError {
	return &RuleError{Rule: RuleNames, Text: fmt.Sprintf("the name %q %s", name, why),
		Hint: "use a host name such as sensor.example.com or an IP address; write names in other scripts in their xn-- form"}
}
