package web

import (
	"net/netip"
	"os"
	"slices"
	"strings"
)

// hosts says by which names browsers may reach this server. A page of a stranger
// whose name is made to point here (DNS rebinding) would otherwise be taken by
// the browser for one of ours.
type hosts struct {
	fixed []string
	names func() []string
}

func newHosts(configured []string, names func() []string) hosts {
	fixed := append([]string{"localhost"}, configured...)
	if machine, err := os.Hostname(); err == nil {
		if name, ok := hostName(machine); ok {
			short, _, _ := strings.Cut(name, ".")
			fixed = append(fixed, name, short)
		}
	}
	return hosts{fixed: fixed, names: names}
}

// allows says whether the Host of a request is one of ours. Any IP address is:
// rebinding needs a name, since a page that came from an address was sent by
// whoever is at that address, and the address of this server may be one that it
// does not know itself, behind a translation of addresses.
func (h hosts) allows(host string) bool {
	if isAddress(host) {
		return true
	}
	name, ok := hostName(withoutPort(host))
	if !ok {
		return false
	}
	return slices.Contains(h.fixed, name) || slices.ContainsFunc(h.names(), func(pattern string) bool { return covers(pattern, name) })
}

// isAddress recognises an IP address, with or without a port, as browsers write
// it.
func isAddress(host string) bool {
	if _, err := netip.ParseAddrPort(host); err == nil {
		return true
	}
	if in, ok := strings.CutPrefix(host, "["); ok {
		in, ok = strings.CutSuffix(in, "]")
		addr, err := netip.ParseAddr(in)
		return ok && err == nil && addr.Is6()
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Is4()
}

// withoutPort takes the port off, if there is one.
func withoutPort(host string) string {
	name, port, found := strings.Cut(host, ":")
	if found && (len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return "" // no browser writes that
	}
	return name
}

// maxHostName is that of DNS, in characters.
const maxHostName = 253

// hostName gives a name of DNS in lower case and without the final dot. What is
// none gives false.
func hostName(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	if len(s) > maxHostName {
		return "", false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return "", false
		}
	}
	return s, true
}

// covers says whether a name of the certificate is that of a host; a star stands
// for one label.
func covers(pattern, name string) bool {
	pattern, _ = strings.CutSuffix(strings.ToLower(pattern), ".")
	if rest, star := strings.CutPrefix(pattern, "*."); star {
		_, after, found := strings.Cut(name, ".")
		return found && after == rest
	}
	return pattern == name
}
