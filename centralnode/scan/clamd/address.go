package clamd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// maxSocketPath is what fits into a Unix socket address on Linux.
const maxSocketPath = 107

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)

// parseAddress reads unix:/path, /path, tcp://host:port or host:port.
func parseAddress(s string) (network, address string, err error) {
	const forms = "the forms are unix:/path, /path, tcp://host:port and host:port"
	if p, isUnix := strings.CutPrefix(s, "unix:"); isUnix || strings.HasPrefix(s, "/") {
		switch {
		case !strings.HasPrefix(p, "/"):
			return "", "", fmt.Errorf("address %q: the path of a socket begins with /; %s", s, forms)
		case strings.ContainsRune(p, 0):
			return "", "", fmt.Errorf("address %q: a path holds no zero byte", s)
		}
		p = path.Clean(p)
		if len(p) > maxSocketPath {
			return "", "", fmt.Errorf("address %q: the path of a socket has at most %d bytes", s, maxSocketPath)
		}
		return "unix", p, nil
	}
	if s == "" {
		return "", "", errors.New("no address; " + forms)
	}
	host, port, err := net.SplitHostPort(strings.TrimPrefix(s, "tcp://"))
	if err != nil {
		return "", "", fmt.Errorf("address %q is not understood; %s", s, forms)
	}
	if _, ipErr := netip.ParseAddr(host); ipErr != nil && !hostName.MatchString(host) {
		return "", "", fmt.Errorf("address %q: %q is neither an IP address nor a host name; %s", s, host, forms)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return "", "", fmt.Errorf("address %q: a port is a number from 1 to 65535; %s", s, forms)
	}
	return "tcp", net.JoinHostPort(host, port), nil
}
