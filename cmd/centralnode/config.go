package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"vedette/cmd/internal/cli"
	"vedette/internal/settings"
)

// config is the configuration of the Central Node.
type config struct {
	cli.Basics
	// UnsafeSameServer lets a Sensor on the Central Node's own server carry
	// agents, against the documented rule: for demonstrations and tests.
	UnsafeSameServer bool         `toml:"unsafe_same_server"`
	WebListen        string       `toml:"web_listen"` // where administrators use the web interface; empty: nowhere
	Web              webConfig    `toml:"web"`
	Events           eventsConfig `toml:"events"`
	Scan             scanConfig   `toml:"scan"`
	Stamp            stampConfig  `toml:"stamp"`
	Limits           cli.Limits   `toml:"limits"`
}

type eventsConfig struct {
	NATSURL  string            `toml:"nats_url"` // empty: kept by the Central Node itself
	MaxAge   settings.Duration `toml:"max_age"`
	MaxBytes settings.Size     `toml:"max_bytes"`
}

func defaults() config {
	return config{
		Basics: cli.Basics{
			Listen:      ":443",
			SSHListen:   ":22",
			LocalListen: "127.0.0.1:9443",
			StateDir:    "/var/lib/vedette/centralnode",
			Socket:      "/run/vedette/centralnode.sock",
			Names:       []string{},
			LogLevel:    "info",
		},
		WebListen: ":8443", Web: webDefaults(),
		Events: eventsConfig{MaxAge: settings.Duration(2 * time.Hour), MaxBytes: 8 << 30},
		Scan:   scanDefaults(),
		Stamp:  stampDefaults(),
		Limits: cli.Limits{Connections: 20_000, Strangers: 4096, StrangersPerAddress: 256},
	}
}

// Bounds on what may be configured.
const (
	minEventAge   = time.Minute
	minEventBytes = 64 << 20
)

// Validate reports every fault.
func (c config) Validate() []string {
	faults := c.Basics.Faults()
	if c.Events.NATSURL != "" && !isNATS(c.Events.NATSURL) {
		faults = append(faults, fmt.Sprintf("events.nats_url: %q is not a list of addresses like nats://host:4222", redacted(c.Events.NATSURL)))
	}
	if time.Duration(c.Events.MaxAge) < minEventAge {
		faults = append(faults, fmt.Sprintf("events.max_age: %s is less than %s", c.Events.MaxAge, settings.Duration(minEventAge)))
	}
	if c.Events.MaxBytes < minEventBytes {
		faults = append(faults, fmt.Sprintf("events.max_bytes: %s is less than %s", c.Events.MaxBytes, settings.Size(minEventBytes)))
	}
	faults = append(faults, c.webListenFaults()...)
	faults = append(faults, c.Web.Faults()...)
	faults = append(faults, c.Scan.Faults()...)
	faults = append(faults, c.Stamp.Faults()...)
	return append(faults, c.Limits.Faults()...)
}

// isNATS says whether s is a list of NATS servers.
func isNATS(s string) bool {
	for part := range strings.SplitSeq(s, ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return false
		}
	}
	return true
}

// redacted hides the passwords that a list of addresses may hold.
func redacted(s string) string {
	parts := strings.Split(s, ",")
	for i, part := range parts {
		if u, err := url.Parse(strings.TrimSpace(part)); err != nil {
			parts[i] = "***"
		} else {
			parts[i] = u.Redacted()
		}
	}
	return strings.Join(parts, ",")
}
