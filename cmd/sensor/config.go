package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"vedette/cmd/internal/cli"
	"vedette/sensor"
)

// config is the configuration of the Sensor.
type config struct {
	cli.Basics
	Name             string     `toml:"name"`               // what the Sensor calls itself at the Central Node; empty: the host's name
	IngressLimitMbit int        `toml:"ingress_limit_mbit"` // from all agents together
	UnsafeSameServer bool       `toml:"unsafe_same_server"` // let agents through on the Central Node's server
	Limits           cli.Limits `toml:"limits"`
}

func defaults() config {
	return config{
		Basics: cli.Basics{
			Listen:      ":443",
			SSHListen:   ":22",
			LocalListen: "127.0.0.1:9444",
			StateDir:    "/var/lib/vedette/sensor",
			Socket:      "/run/vedette/sensor.sock",
			Names:       []string{},
			LogLevel:    "info",
		},
		IngressLimitMbit: sensor.MaxIngressLimit,
		Limits:           cli.Limits{Connections: 12_000, Strangers: 4096, StrangersPerAddress: 256},
	}
}

// maxName is the longest name that a Sensor can call itself, in bytes.
const maxName = 253

// Validate reports every fault.
func (c config) Validate() []string {
	faults := c.Basics.Faults()
	switch {
	case len(c.Name) > maxName:
		faults = append(faults, fmt.Sprintf("name: it has %d bytes; a name may have %d", len(c.Name), maxName))
	case !utf8.ValidString(c.Name), strings.ContainsFunc(c.Name, func(r rune) bool { return !unicode.IsPrint(r) }):
		faults = append(faults, fmt.Sprintf("name: %q has characters that cannot be seen", c.Name))
	}
	if c.IngressLimitMbit < 1 || c.IngressLimitMbit > sensor.MaxIngressLimit {
		faults = append(faults, fmt.Sprintf("ingress_limit_mbit: %d is not from 1 to %d", c.IngressLimitMbit, sensor.MaxIngressLimit))
	}
	return append(faults, c.Limits.Faults()...)
}
