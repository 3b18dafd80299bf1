package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"vedette/cmd/internal/cli"
	"vedette/internal/settings"
)

// defaultConfig is read when --config is not given; it need not exist.
const defaultConfig = "/etc/vedette/centralnode.toml"

// config is the configuration of the Central Node.
type config struct {
	Listen            string       `toml:"listen"`              // where agents connect
	LocalListen       string       `toml:"local_listen"`        // health and metrics, loopback; empty: nowhere
	StateDir          string       `toml:"state_dir"`           // state.db and events
	Socket            string       `toml:"socket"`              // of the commands
	Names             []string     `toml:"names"`               // further names and addresses for the server certificate
	AdminPasswordFile string       `toml:"admin_password_file"` // password of the account admin at first start; empty: one is made
	LogLevel          string       `toml:"log_level"`           // debug, info, warn, error
	Events            eventsConfig `toml:"events"`
	Limits            limitsConfig `toml:"limits"`
}

type eventsConfig struct {
	NATSURL  string            `toml:"nats_url"` // empty: kept by the Central Node itself
	MaxAge   settings.Duration `toml:"max_age"`
	MaxBytes settings.Size     `toml:"max_bytes"`
}

type limitsConfig struct {
	Connections         int `toml:"connections"`           // let in, all together
	Strangers           int `toml:"strangers"`             // not yet let in, all together
	StrangersPerAddress int `toml:"strangers_per_address"` // not yet let in, from one address
}

func defaults() config {
	return config{
		Listen:      ":443",
		LocalListen: "127.0.0.1:9443",
		StateDir:    "/var/lib/vedette/centralnode",
		Socket:      "/run/vedette/centralnode.sock",
		Names:       []string{},
		LogLevel:    "info",
		Events:      eventsConfig{MaxAge: settings.Duration(2 * time.Hour), MaxBytes: 8 << 30},
		Limits:      limitsConfig{Connections: 20_000, Strangers: 4096, StrangersPerAddress: 256},
	}
}

// Bounds on what may be configured.
const (
	minEventAge    = time.Minute
	minEventBytes  = 64 << 20
	maxSocketPath  = 107
	maxHostNameLen = 253
)

func logLevels() []string { return []string{"debug", "info", "warn", "error"} }

// Validate reports every fault.
func (c config) Validate() []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	_, port, err := splitAddress(c.Listen)
	if err != nil {
		fault("listen: %v", err)
	}
	if c.LocalListen != "" {
		host, localPort, err := splitAddress(c.LocalListen)
		ip, ipErr := netip.ParseAddr(host)
		switch {
		case err != nil:
			fault("local_listen: %v", err)
		case host != "localhost" && (ipErr != nil || !ip.IsLoopback()):
			fault("local_listen: %q is not an address of this machine only, such as 127.0.0.1:9443: whoever reaches it needs no password", c.LocalListen)
		case localPort == port && port != 0:
			fault("local_listen: port %d is the one of listen", port)
		}
	}
	for _, p := range []struct{ key, path string }{{"state_dir", c.StateDir}, {"socket", c.Socket}, {"admin_password_file", c.AdminPasswordFile}} {
		switch {
		case p.path == "" && p.key == "admin_password_file":
		case p.path == "":
			fault("%s: it is empty", p.key)
		case !filepath.IsAbs(p.path):
			fault("%s: %q is not an absolute path", p.key, p.path)
		}
	}
	if len(c.Socket) > maxSocketPath {
		fault("socket: the path has %d bytes; a socket's path may have %d", len(c.Socket), maxSocketPath)
	}
	for _, name := range c.Names {
		if !isName(name) {
			fault("names: %q is neither a DNS name nor an address", name)
		}
	}
	if !slices.Contains(logLevels(), c.LogLevel) {
		fault("log_level: %q is not one of %s", c.LogLevel, joined(logLevels()))
	}
	if c.Events.NATSURL != "" && !isNATS(c.Events.NATSURL) {
		fault("events.nats_url: %q is not a list of addresses like nats://host:4222", redacted(c.Events.NATSURL))
	}
	if time.Duration(c.Events.MaxAge) < minEventAge {
		fault("events.max_age: %s is less than %s", c.Events.MaxAge, settings.Duration(minEventAge))
	}
	if c.Events.MaxBytes < minEventBytes {
		fault("events.max_bytes: %s is less than %s", c.Events.MaxBytes, settings.Size(minEventBytes))
	}
	for _, l := range []struct {
		key string
		n   int
	}{{"connections", c.Limits.Connections}, {"strangers", c.Limits.Strangers}, {"strangers_per_address", c.Limits.StrangersPerAddress}} {
		if l.n < 1 {
			fault("limits.%s: %d is less than 1", l.key, l.n)
		}
	}
	if c.Limits.StrangersPerAddress > c.Limits.Strangers {
		fault("limits.strangers_per_address: %d is more than limits.strangers, %d", c.Limits.StrangersPerAddress, c.Limits.Strangers)
	}
	return faults
}

func splitAddress(s string) (host string, port uint16, err error) {
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

// isName says whether s can be in a certificate: an address or a DNS name.
func isName(s string) bool {
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

// source is where the configuration comes from: flags over file over defaults.
type source struct {
	file  string
	flags *pflag.FlagSet // of the command; those of overrides count
}

// overrides are the flags that stand for a key of the file.
func overrides() []struct{ flag, key, usage string } {
	return []struct{ flag, key, usage string }{
		{"listen", "listen", "`ADDRESS` where agents connect"},
		{"local-listen", "local_listen", "`ADDRESS` of health and metrics"},
		{"state-dir", "state_dir", "`FOLDER` of state and events"},
		{"log-level", "log_level", "`LEVEL`: debug, info, warn, error"},
	}
}

// addOverrides adds some of the flags of overrides, or all.
func addOverrides(flags *pflag.FlagSet, only ...string) {
	for _, o := range overrides() {
		if len(only) == 0 || slices.Contains(only, o.flag) {
			flags.String(o.flag, "", o.usage+" (over "+o.key+" in the file)")
		}
	}
}

// load reads the configuration. Its faults come all at once, those of the file
// first.
func (s source) load() (config, *settings.Origins, error) {
	c, origins, err := s.read()
	if err != nil {
		return config{}, nil, err
	}
	if faults := c.Validate(); len(faults) > 0 {
		for i, fault := range faults {
			key, _, _ := strings.Cut(fault, ":")
			faults[i] = fmt.Sprintf("%s (%s)", fault, origins.Of(key))
		}
		return config{}, nil, &cli.Faults{Texts: faults, Hint: "see where values come from: centralnode config show"}
	}
	return c, origins, nil
}

// read puts flags over file over defaults without judging the values.
func (s source) read() (config, *settings.Origins, error) {
	c := defaults()
	file := s.file
	if file == "" {
		file = defaultConfig
	}
	origins, err := settings.Load(file, &c)
	var faults *settings.Error
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && s.file == "":
		c, origins = defaults(), &settings.Origins{}
	case errors.As(err, &faults):
		texts := make([]string, len(faults.Faults))
		for i, f := range faults.Faults {
			texts[i] = f.String()
		}
		return c, nil, &cli.Faults{Texts: texts}
	default:
		return c, nil, err
	}
	targets := map[string]*string{"listen": &c.Listen, "local-listen": &c.LocalListen, "state-dir": &c.StateDir, "log-level": &c.LogLevel, "socket": &c.Socket}
	keys := map[string]string{"socket": "socket"}
	for _, o := range overrides() {
		keys[o.flag] = o.key
	}
	for name, key := range keys {
		flag := s.flags.Lookup(name)
		if flag == nil || !flag.Changed {
			continue
		}
		value := flag.Value.String()
		if name == "state-dir" || name == "socket" {
			if value, err = filepath.Abs(value); err != nil {
				return c, nil, fmt.Errorf("--%s: %w", name, err)
			}
		}
		*targets[name] = value
		origins.Set(key, "flag --"+name)
	}
	return c, origins, nil
}
