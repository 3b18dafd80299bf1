package admin

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vedette/centralnode/agents"
	"vedette/centralnode/eventlog"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/accounts"
	"vedette/internal/conduct"
	"vedette/internal/firststart"
	"vedette/internal/servercert"
	"vedette/pki"
)

// Door is the gateway as the acts see it.
type Door interface {
	Change(ctx context.Context, scope trust.Scope, commit func() (*trust.Snapshot, error)) (trust.Changed, error)
	Trust() *trust.Snapshot
	Connected(leaf pki.Fingerprint) int
	Live(connection uint64) bool
	Carried() map[pki.Fingerprint]int
	Affected(s *trust.Snapshot) int
	CutAll() int
	Counts() (admitted, strangers int)
}

// Hosts is the table of hosts.
type Hosts interface {
	Hosts() []agents.Host
	Len() int
}

// Events is the event log.
type Events interface {
	List(ctx context.Context, f eventlog.Filter, yield func(eventlog.Record) bool) error
	Watch(ctx context.Context, f eventlog.Filter, yield func(eventlog.Record) bool) error
	State() eventlog.State
}

// Config is what the acts work on.
type Config struct {
	Base     *firststart.Base
	Store    *store.Store
	Door     Door
	Hosts    Hosts
	Events   Events
	Sensors  Sensors
	External External
	Scan     Scan
	Alerts   Alerts
	// RefusedPackages counts packages that were answered "try again".
	RefusedPackages func() uint64
	// StateDegraded says why the state file takes no writes, or nothing.
	StateDegraded func() string
	Address       string // where agents connect
	SSHAddress    string // where administrators connect, as configured; empty: nowhere
	Version       string
	Logger        *slog.Logger
	Now           func() time.Time
}

// people are the acts on accounts. They have a name of their own because no
// struct embeds two things that are called Acts.
type people = accounts.Acts

// Admin performs acts.
type Admin struct {
	*servercert.Acts
	*people
	*conduct.Review

	c         Config
	desk      *conduct.Desk
	started   time.Time
	switching sync.Mutex // while the switch Maximum scan priority is set
}

// New makes an Admin.
func New(c Config) *Admin {
	a := &Admin{c: c, desk: conduct.New(c.Base.Trail, c.Base.Sessions, mayDo, c.Logger), started: c.Now()}
	a.Acts = servercert.NewActs(c.Base.Serving, a.desk, servercert.Effects{Consequences: a.replacing, CutAll: a.replaced}, c.Logger)
	a.people = accounts.NewActs(c.Base.Accounts, a.desk, c.Base.Sessions, c.Logger)
	a.Review = conduct.NewReview(a.desk)
	return a
}
