package cli

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Basics is what the configuration of every daemon holds. It is embedded, so
// that its keys are the daemon's own.
type Basics struct {
	Listen            string   `toml:"listen"`              // where agents connect
	SSHListen         string   `toml:"ssh_listen"`          // where administrators connect; empty: only the local socket
	LocalListen       string   `toml:"local_listen"`        // health and metrics, loopback; empty: nowhere
	StateDir          string   `toml:"state_dir"`           // state.db and what else is kept
	Socket            string   `toml:"socket"`              // of the commands
	Names             []string `toml:"names"`               // further names and addresses for the server certificate
	AdminPasswordFile string   `toml:"admin_password_file"` // password of the account admin at first start; empty: one is made
	LogLevel          string   `toml:"log_level"`           // debug, info, warn, error
}

// Limits bounds connections.
type Limits struct {
	Connections         int `toml:"connections"`           // let in, all together
	Strangers           int `toml:"strangers"`             // not yet let in, all together
	StrangersPerAddress int `toml:"strangers_per_address"` // not yet let in, from one address
}

// Bounds on what may be configured.
const (
	maxSocketPath  = 107
	maxHostNameLen = 253
)

func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

// Faults says what is wrong, one text a fault, each after its key.
func (b Basics) Faults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	_, port, err := SplitAddress(b.Listen)
	if err != nil {
		fault("listen: %v", err)
	}
	var sshPort uint16
	if b.SSHListen != "" {
		_, sshPort, err = SplitAddress(b.SSHListen)
		switch {
		case err != nil:
			fault("ssh_listen: %v", err)
		case sshPort == port && port != 0:
			fault("ssh_listen: port %d is the one of listen", port)
		}
	}
	if b.LocalListen != "" {
		host, localPort, err := SplitAddress(b.LocalListen)
		ip, ipErr := netip.ParseAddr(host)
		switch {
		case err != nil:
			fault("local_listen: %v", err)
		case host != "localhost" && (ipErr != nil || !ip.IsLoopback()):
			fault("local_listen: %q is not an address of this machine only, such as 127.0.0.1:9443: whoever reaches it needs no password", b.LocalListen)
		case localPort == port && port != 0:
			fault("local_listen: port %d is the one of listen", port)
		case localPort == sshPort && sshPort != 0:
			fault("local_listen: port %d is the one of ssh_listen", sshPort)
		}
	}
	for _, p := range []struct{ key, path string }{{"state_dir", b.StateDir}, {"socket", b.Socket}, {"admin_password_file", b.AdminPasswordFile}} {
		switch {
		case p.path == "" && p.key == "admin_password_file":
		case p.path == "":
			fault("%s: it is empty", p.key)
		case !filepath.IsAbs(p.path):
			fault("%s: %q is not an absolute path", p.key, p.path)
		}
	}
	if len(b.Socket) > maxSocketPath {
		fault("socket: the path has %d bytes; a socket's path may have %d", len(b.Socket), maxSocketPath)
	}
	for _, name := range b.Names {
		if !IsName(name) {
			fault("names: %q is neither a DNS name nor an address", name)
		}
	}
	if !slices.Contains(logLevels(), b.LogLevel) {
		fault("log_level: %q is not one of %s", b.LogLevel, strings.Join(logLevels(), ", "))
	}
	return faults
}

// Faults says what is wrong, one text a fault, each after its key.
func (l Limits) Faults() []string {
	var faults []string
	for _, one := range []struct {
		key string
		n   int
	}{{"connections", l.Connections}, {"strangers", l.Strangers}, {"strangers_per_address", l.StrangersPerAddress}} {
		if one.n < 1 {
			faults = append(faults, fmt.Sprintf("limits.%s: %d is less than 1", one.key, one.n))
		}
	}
	if l.StrangersPerAddress > l.Strangers {
		faults = append(faults, fmt.Sprintf("limits.strangers_per_address: %d is more than limits.strangers, %d", l.StrangersPerAddress, l.Strangers))
	}
	return faults
}

// SplitAddress reads an address to listen on; a port is a number.
func SplitAddress(s string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not an address like 0.0.0.0:443 or :443", s)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not a port", text)
	}
	return host, uint16(n), nil
}

// IsName says whether s can be in a certificate: an address or a DNS name.
func IsName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > maxHostNameLen {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
