package centralnode

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"vedette/centralnode/gateway"
	"vedette/centralnode/store"
	"vedette/internal/firststart"
)

// Config is what a Central Node is told. Zero fields take the documented
// defaults where there is one.
type Config struct {
	// StateDir holds state.db and the events; it is made with mode 0700.
	StateDir string
	// Address is where agents connect, host:port.
	Address string
	// SSHAddress is where administrators connect over the network, as configured;
	// empty: only on the local socket. The door is opened by the caller, the
	// Central Node only shows its address.
	SSHAddress string
	// LocalAddress is where /livez, /readyz and /metrics are served; empty: nowhere.
	LocalAddress string
	// Names are further names and addresses of this server, for the SANs of a
	// generated certificate.
	Names  []string
	Events Events
	Scan   Scan
	Web    Web
	Stamp  Stamp
	Limits gateway.Limits
	// UnsafeSameServer lets a Sensor on this very server be a proxy, which the
	// documented rule forbids: for demonstrations and tests.
	UnsafeSameServer bool
	// AdminPasswordFile holds the password of the account admin at first start.
	// Empty: one is made, printed to Console and kept in a 0600 file.
	AdminPasswordFile string
	// Console is where a first start prints what a person must note.
	Console io.Writer
	Logger  *slog.Logger
	Version string
	Now     func() time.Time
}

// Events says where events are kept, and how long.
type Events struct {
	NATSURL  string        // empty: embedded
	MaxAge   time.Duration // 0: 2 hours
	MaxBytes int64         // 0: 8 GiB
}

// Web says where administrators use the web interface, and for how long.
type Web struct {
	Address  string        // host:port; empty: nowhere
	Hosts    []string      // names that browsers may use, beside those of the server certificate and any IP address
	Idle     time.Duration // 0: 30 minutes
	Lifetime time.Duration // 0: 12 hours
}

// Stamp says where measuring packets are answered (RFC 8762), and to whom
// without a key.
type Stamp struct {
	Address         string // host:port, by UDP; empty: as Config.Address; StampOff: nowhere
	Unauthenticated []netip.Prefix
}

// StampOff is the address of no reflector.
const StampOff = "off"

// address is where the reflector listens, empty when nowhere.
func (s Stamp) address(agents string) string {
	switch s.Address {
	case "":
		return agents
	case StampOff:
		return ""
	default:
		return s.Address
	}
}

func (c *Config) check() error {
	var errs []error
	if c.StateDir == "" {
		errs = append(errs, errors.New("no state folder is configured"))
	}
	if c.Address == "" {
		errs = append(errs, errors.New("no address for agents is configured"))
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

// firstStart is what the Central Node begins with.
func (c *Config) firstStart() firststart.Config {
	return firststart.Config{
		Program: store.Program, Migrations: store.Migrations(), Dir: c.StateDir, Names: firststart.Names(c.Address, c.Names),
		PasswordFile: c.AdminPasswordFile, Console: c.Console, Logger: c.Logger, Now: c.Now,
	}
}

func (c *Config) eventsPath() string { return filepath.Join(c.StateDir, "events") }
