package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vedette/centralnode/web/about"
	"vedette/centralnode/web/alerts"
	"vedette/centralnode/web/audit"
	"vedette/centralnode/web/certificates"
	"vedette/centralnode/web/dashboard"
	"vedette/centralnode/web/endpoints"
	"vedette/centralnode/web/events"
	"vedette/centralnode/web/externalsystems"
	"vedette/centralnode/web/people"
	"vedette/centralnode/web/sensorservers"
	"vedette/centralnode/web/signin"
	"vedette/internal/acts"
	"vedette/internal/sessions"
	"vedette/pki"
)

// Backend is everything that the rooms of pages ask for.
type Backend interface {
	// Permit asks whether somebody may do an act, and leaves a record when he may
	// not; May asks the same for what is shown to some only.
	Permit(ctx context.Context, actor acts.Actor, act string) error
	May(actor acts.Actor, act string) bool

	about.Backend
	alerts.Backend
	audit.Backend
	certificates.Backend
	dashboard.Backend
	endpoints.Backend
	events.Backend
	externalsystems.Backend
	people.Backend
	sensorservers.Backend
	signin.Backend
}

// Config is what a Server needs. Zero durations take the defaults.
type Config struct {
	Address     string          // host:port to listen on
	Certificate pki.Source      // the server certificate, swapped under us
	Sessions    *sessions.Table // of everybody who is signed in, over whatever door
	Accounts    signin.Accounts // who may sign in
	Backend     Backend         // the acts
	// Hosts are names that browsers may use for this server, beside those that
	// Names gives (the names in the server certificate of the moment), its own
	// host name, localhost and any IP address.
	Hosts []string
	Names func() []string
	// Idle is how long a session lasts without a request of its person (0: 30
	// minutes), Lifetime how long it lasts at all (0: 12 hours).
	Idle, Lifetime time.Duration
	Limits         Limits
	Version        string
	Logger         *slog.Logger
	Now            func() time.Time
}

// Limits bounds connections. Zero fields take the defaults.
type Limits struct {
	Connections         int // of those signed in, all together: 1,024; of one account half of them
	Strangers           int // of others, all together: 512
	StrangersPerAddress int // of others, from one address (IPv6: one /64): 64
}

func orElse[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (c *Config) check() error {
	orElse(&c.Idle, 30*time.Minute)
	orElse(&c.Lifetime, 12*time.Hour)
	orElse(&c.Limits.Connections, 1024)
	orElse(&c.Limits.Strangers, 512)
	orElse(&c.Limits.StrangersPerAddress, 64)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Names == nil {
		c.Names = func() []string { return nil }
	}
	var errs []error
	if c.Certificate == nil || c.Sessions == nil || c.Accounts == nil || c.Backend == nil {
		errs = append(errs, errors.New("certificate, sessions, accounts and acts are needed"))
	}
	for _, h := range c.Hosts {
		if name, ok := hostName(h); !ok || name != h {
			errs = append(errs, fmt.Errorf("%q is not the name of a host, in lower case and without a port", h))
		}
	}
	return errors.Join(errs...)
}
