package emulink

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Connection is an established TCP connection as the kernel says it is (ss(8)).
type Connection struct {
	Local, Remote netip.AddrPort
	Congestion    string // control in force, such as bbr
}

var knownControl = regexp.MustCompile(`^(bbr|cubic|reno|dctcp|vegas|westwood|htcp|bic|illinois|veno|yeah|scalable|lp|nv|cdg|highspeed|hybla)$`)

// Connections lists those of the namespace that cross the link: of these
// processes, or all when there are none.
func (n *Namespace) Connections(ctx context.Context, pids ...int) ([]Connection, error) {
	out, err := n.Command(ctx, "ss", "-tinpHO", "state", "established").Output()
	if err != nil {
		return nil, fmt.Errorf("ss: %w", err)
	}
	var crossing []Connection
	for line := range strings.Lines(string(out)) {
		c, err := parseConnection(line)
		if err != nil {
			return nil, err
		}
		of := func(pid int) bool { return strings.Contains(line, fmt.Sprintf(",pid=%d,", pid)) }
		if c.Local.Addr() == n.Address && (len(pids) == 0 || slices.ContainsFunc(pids, of)) {
			crossing = append(crossing, c)
		}
	}
	return crossing, nil
}

// parseConnection reads a line of `ss -tinpHO state established`: queues, the two
// addresses, then words about the connection.
func parseConnection(line string) (c Connection, err error) {
	words := strings.Fields(line)
	if len(words) < 4 {
		return c, fmt.Errorf("ss says %q", line)
	}
	for i, into := range []*netip.AddrPort{&c.Local, &c.Remote} {
		if *into, err = netip.ParseAddrPort(words[2+i]); err != nil {
			return c, fmt.Errorf("ss says %q: %w", line, err)
		}
	}
	for _, w := range words[4:] {
		if knownControl.MatchString(w) {
			c.Congestion = w
			break
		}
	}
	return c, nil
}

// allowedControls lists what namespaces may choose; it is the machine's.
const allowedControls = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"

// Congestion sets the congestion control of connections that the namespace makes
// or takes from now on, unless their program chooses another. What the kernel
// has and the machine does not allow to namespaces is allowed from then on.
func (n *Namespace) Congestion(control string) error {
	raw, err := os.ReadFile(allowedControls)
	if err != nil {
		return err
	}
	if allowed := strings.Fields(string(raw)); !slices.Contains(allowed, control) {
		list := strings.Join(append(allowed, control), " ")
		if err := os.WriteFile(allowedControls, []byte(list), 0); err != nil {
			return fmt.Errorf("allow %s to namespaces: %w", control, err)
		}
	}
	return n.Sysctl("net.ipv4.tcp_congestion_control", control)
}
