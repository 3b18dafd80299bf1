package sensor

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"vedette/internal/firststart"
	"vedette/sensor/proxy"
	"vedette/sensor/store"
)

// MaxIngressLimit is the documented bound on what agents may send through one
// Sensor, in Mbit/s.
const MaxIngressLimit = proxy.MaxIngress / bitsPerMbit

const bitsPerMbit = 1_000_000

// Config is what a Sensor is told. Zero fields take the documented defaults
// where there is one.
type Config struct {
	// StateDir holds state.db; it is made with mode 0700.
	StateDir string
	// Address is where agents connect, host:port.
	Address string
	// SSHAddress is where administrators connect over the network, as configured;
	// empty: only on the local socket. The door is opened by the caller, the
	// Sensor only shows its address.
	SSHAddress string
	// LocalAddress is where /livez, /readyz and /metrics are served; empty: nowhere.
	LocalAddress string
	// Names are further names and addresses of this server, for the SANs of a
	// generated certificate.
	Names []string
	// Name is what the Sensor calls itself at the Central Node; empty: the host's name.
	Name string
	// IngressLimitMbit bounds what agents send through this Sensor, 1 to
	// MaxIngressLimit Mbit/s; 0: MaxIngressLimit.
	IngressLimitMbit int
	// UnsafeSameServer lets the Sensor be on the Central Node's server, where it
	// is no proxy: for demonstrations and tests.
	UnsafeSameServer bool
	Limits           proxy.Limits
	Quality          Quality
	// AdminPasswordFile holds the password of the account admin at first start.
	// Empty: one is made, printed to Console and kept in a 0600 file.
	AdminPasswordFile string
	// Console is where a first start prints what a person must note.
	Console io.Writer
	Logger  *slog.Logger
	Version string
	Now     func() time.Time
}

func (c *Config) check() error {
	var errs []error
	if c.StateDir == "" {
		errs = append(errs, errors.New("no state folder is configured"))
	}
	if c.Address == "" {
		errs = append(errs, errors.New("no address for agents is configured"))
	}
	if c.IngressLimitMbit == 0 {
		c.IngressLimitMbit = MaxIngressLimit
	}
	if c.IngressLimitMbit < 0 || c.IngressLimitMbit > MaxIngressLimit {
		errs = append(errs, fmt.Errorf("ingress limit of %d Mbit/s: it can be 1 to %d", c.IngressLimitMbit, MaxIngressLimit))
	}
	if err := c.Quality.check(); err != nil {
		errs = append(errs, err)
	}
	if c.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			errs = append(errs, fmt.Errorf("no name is configured, and this host has none: %w", err))
		}
		c.Name = name
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Console == nil {
		c.Console = io.Discard
	}
	return errors.Join(errs...)
}

// ingressLimit is in bit/s.
func (c *Config) ingressLimit() uint64 { return uint64(c.IngressLimitMbit) * bitsPerMbit }

// firstStart is what the Sensor begins with.
func (c *Config) firstStart() firststart.Config {
	return firststart.Config{
		Program: store.Program, Migrations: store.Migrations(), Dir: c.StateDir, Names: firststart.Names(c.Address, c.Names),
		PasswordFile: c.AdminPasswordFile, Console: c.Console, Logger: c.Logger, Now: c.Now,
	}
}
