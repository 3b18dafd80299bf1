package admin

import (
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"vedette/internal/conduct"
	"vedette/internal/foreign"
)

// defaultPort is where a Central Node listens.
const defaultPort = "443"

// maxName is the longest name that DNS has, in bytes (RFC 1035 section 2.3.4).
const maxName = 253

// label is one part of a host name. Underscores are in no host name of
// RFC 952, but in names that people have.
var label = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)

// zone is a name that an interface may have on Linux, as far as people use it.
var zone = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,15}$`)

// ParseAddress reads the address of a Central Node as a person writes it: a
// name, an IPv4 address, or an IPv6 address with or without brackets; :port may
// follow, after brackets where there is an IPv6 address before it. It returns
// host:port in one notation. An error is an *acts.Error.
func ParseAddress(typed string) (string, error) {
	s := strings.TrimSpace(typed)
	host, port, err := splitPort(s)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip.IsUnspecified() || ip.IsMulticast() {
			return "", badAddress(s, "is no address of one server", "write the address that the Central Node listens on")
		}
		if ip.Zone() != "" && !zone.MatchString(ip.Zone()) {
			return "", badAddress(s, "names no interface after its %", "write the interface's name as this server has it: fe80::1%eth0")
		}
		return net.JoinHostPort(ip.String(), port), nil
	}
	name, err := parseName(s, host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(name, port), nil
}

// splitPort takes the port off.
func splitPort(s string) (host, port string, err error) {
	const forms = "write a name, an IPv4 or an IPv6 address, and :port where it is not 443: central.example.org, 192.0.2.1:8443, [2001:db8::1]:443"
	switch {
	case s == "":
		return "", "", badAddress(s, "is empty", forms)
	case strings.ContainsAny(s, "/?#@"):
		return "", "", badAddress(s, "looks like a URL", "write the address alone: central.example.org, or central.example.org:8443")
	case strings.ContainsAny(s, " \t\r\n,;"):
		return "", "", badAddress(s, "is more than one word", "write one address")
	}
	if _, err := netip.ParseAddr(s); err == nil { // also IPv6 without brackets
		return s, defaultPort, nil
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		host, rest, closed := strings.Cut(inner, "]")
		ip, err := netip.ParseAddr(host)
		if !closed || err != nil || !ip.Is6() {
			return "", "", badAddress(s, "has no IPv6 address in its brackets", forms)
		}
		if rest == "" {
			return host, defaultPort, nil
		}
		port, ok := strings.CutPrefix(rest, ":")
		if !ok {
			return "", "", badAddress(s, "goes on after the brackets", forms)
		}
		port, err = parsePort(s, port)
		return host, port, err
	}
	host, port, found := strings.Cut(s, ":")
	if !found {
		return s, defaultPort, nil
	}
	if strings.Contains(port, ":") {
		return "", "", badAddress(s, "is neither an IPv6 address nor a name with a port", forms)
	}
	port, err = parsePort(s, port)
	return host, port, err
}

func parsePort(s, port string) (string, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", badAddress(s, "has no port from 1 to 65535 after its colon", "leave the colon and the port out for port 443")
	}
	return strconv.FormatUint(n, 10), nil
}

// parseName checks a host name, which a last dot may end.
func parseName(s, host string) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "" {
		return "", badAddress(s, "has no host", "write the name or the address of the Central Node")
	}
	if len(name) > maxName {
		return "", badAddress(s, "has a name of "+strconv.Itoa(len(name))+" bytes", "names have at most "+strconv.Itoa(maxName)+" bytes")
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return "", badAddress(s, "is neither a name nor an address", "names have letters, digits, - and dots; write others in their xn-- form")
		}
	}
	// A name that ends in a number would be taken for an address by many
	// (WHATWG URL, "ends in a number").
	if _, err := strconv.ParseUint(labels[len(labels)-1], 0, 64); err == nil {
		return "", badAddress(s, "is no complete IPv4 address", "write four numbers from 0 to 255: 192.0.2.1")
	}
	return name, nil
}

func badAddress(s, what, hint string) error {
	return conduct.Invalid("the address \""+foreign.Line(foreign.Bounded(s, maxName))+"\" "+what, hint)
}
