package main

import (
	"fmt"
	"slices"
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
	Quality          measuring  `toml:"quality"`
}

// measuring is how the link is measured, and what beside it.
type measuring struct {
	SpanInterfaces      []string `toml:"span_interfaces"`       // that mirrored traffic comes in on
	ChannelCapacityMbit int      `toml:"channel_capacity_mbit"` // to the Central Node; 0: what tests find
	Reflector           string   `toml:"reflector"`             // a foreign STAMP reflector, host:port; empty: the Central Node's
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
		Quality:          measuring{SpanInterfaces: []string{}},
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
	faults = append(faults, c.Limits.Faults()...)
	return append(faults, c.Quality.faults()...)
}

func (m measuring) faults() []string {
	var faults []string
	fault := func(key, format string, args ...any) {
		faults = append(faults, "quality."+key+": "+fmt.Sprintf(format, args...))
	}
	if len(m.SpanInterfaces) > sensor.MaxSpanInterfaces {
		fault("span_interfaces", "there are %d; there can be %d", len(m.SpanInterfaces), sensor.MaxSpanInterfaces)
	}
	for i, name := range m.SpanInterfaces {
		if err := sensor.CheckInterface(name); err != nil {
			fault("span_interfaces", "%v", err)
		}
		if slices.Contains(m.SpanInterfaces[:i], name) {
			fault("span_interfaces", "%q is there twice, so its traffic would count twice", name)
		}
	}
	if m.ChannelCapacityMbit < 0 || m.ChannelCapacityMbit > sensor.MaxChannelCapacity {
		fault("channel_capacity_mbit", "%d is not from 0 to %d", m.ChannelCapacityMbit, sensor.MaxChannelCapacity)
	}
	if m.Reflector != "" {
		if err := sensor.CheckReflector(m.Reflector); err != nil {
			fault("reflector", "%v", err)
		}
	}
	return faults
}
