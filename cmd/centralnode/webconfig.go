package main

import (
	"fmt"
	"time"

	"vedette/cmd/internal/cli"
	"vedette/internal/settings"
)

// webConfig is under which names and for how long administrators use the web
// interface.
type webConfig struct {
	Hosts    []string          `toml:"hosts"`    // names that browsers may use, beside the certificate's and any IP address
	Idle     settings.Duration `toml:"idle"`     // a session without a request ends
	Lifetime settings.Duration `toml:"lifetime"` // every session ends
}

// Bounds on what may be configured.
const (
	minWebIdle     = time.Minute
	maxWebLifetime = 7 * 24 * time.Hour
)

func webDefaults() webConfig {
	return webConfig{
		Hosts: []string{},
		Idle:  settings.Duration(30 * time.Minute), Lifetime: settings.Duration(12 * time.Hour),
	}
}

// Faults says what is wrong, one text a fault, each after its key.
func (c webConfig) Faults() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, name := range c.Hosts {
		if !cli.IsName(name) {
			fault("web.hosts: %q is neither a DNS name nor an address", name)
		}
	}
	if time.Duration(c.Idle) < minWebIdle {
		fault("web.idle: %s is less than %s", c.Idle, settings.Duration(minWebIdle))
	}
	if c.Lifetime < c.Idle {
		fault("web.lifetime: %s is less than web.idle, %s", c.Lifetime, c.Idle)
	}
	if time.Duration(c.Lifetime) > maxWebLifetime {
		fault("web.lifetime: %s is more than %s", c.Lifetime, settings.Duration(maxWebLifetime))
	}
	return faults
}

// webListenFaults says what is wrong with the address of the web interface.
func (c config) webListenFaults() []string {
	if c.WebListen == "" {
		return nil
	}
	_, port, err := cli.SplitAddress(c.WebListen)
	if err != nil {
		return []string{fmt.Sprintf("web_listen: %v", err)}
	}
	for _, other := range []struct{ key, address string }{{"listen", c.Listen}, {"ssh_listen", c.SSHListen}, {"local_listen", c.LocalListen}} {
		if _, taken, err := cli.SplitAddress(other.address); err == nil && taken == port && port != 0 {
			return []string{fmt.Sprintf("web_listen: port %d is the one of %s", port, other.key)}
		}
	}
	return nil
}
