package main

import (
	"fmt"
	"net/netip"
	"slices"

	"vedette/centralnode"
	"vedette/cmd/internal/cli"
)

// stampConfig is where measuring packets are answered (STAMP, RFC 8762), and to
// whom without a key.
type stampConfig struct {
	Listen          string   `toml:"listen"`          // by UDP; empty: as listen; off: nowhere
	Unauthenticated []string `toml:"unauthenticated"` // networks of foreign senders; Sensors need none
}

// Bounds on what may be configured.
const (
	maxStampNetworks = 64
	// Larger networks than these are nobody's own.
	minStampBits4 = 8
	minStampBits6 = 16
)

func stampDefaults() stampConfig { return stampConfig{Unauthenticated: []string{}} }

// node is the same as the Central Node takes it, of a configuration without
// faults.
func (c stampConfig) node() centralnode.Stamp {
	s := centralnode.Stamp{Address: c.Listen}
	for _, text := range c.Unauthenticated {
		if p, fault := stampNetwork(text); fault == "" {
			s.Unauthenticated = append(s.Unauthenticated, p)
		}
	}
	return s
}

// Faults says what is wrong, one text a fault, each after its key.
func (c stampConfig) Faults() []string {
	var faults []string
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("stamp."+format, args...))
	}
	if c.Listen != "" && c.Listen != centralnode.StampOff {
		if _, _, err := cli.SplitAddress(c.Listen); err != nil {
			fault("listen: %v, nor %q", err, centralnode.StampOff)
		}
	}
	if len(c.Unauthenticated) > maxStampNetworks {
		fault("unauthenticated: %d networks are more than %d", len(c.Unauthenticated), maxStampNetworks)
	}
	if c.Listen == centralnode.StampOff && len(c.Unauthenticated) > 0 {
		fault("unauthenticated: nobody is answered, for stamp.listen is %q", centralnode.StampOff)
	}
	for i, text := range c.Unauthenticated {
		if _, wrong := stampNetwork(text); wrong != "" {
			fault("unauthenticated: %q %s", text, wrong)
		} else if slices.Contains(c.Unauthenticated[:i], text) {
			fault("unauthenticated: %q is there twice", text)
		}
	}
	return faults
}

// stampNetwork reads a network, or says what is wrong with it.
func stampNetwork(text string) (p netip.Prefix, wrong string) {
	p, err := netip.ParsePrefix(text)
	least := minStampBits6
	if err == nil && p.Addr().Is4() {
		least = minStampBits4
	}
	switch {
	case err != nil, p.Addr().Is4In6():
		return p, "is not a network like 192.0.2.0/24 or 2001:db8::/64"
	case p.Masked() != p:
		return p, fmt.Sprintf("is an address in a network: %s", p.Masked())
	case p.Bits() < least:
		return p, fmt.Sprintf("is larger than a /%d", least)
	}
	return p, ""
}
