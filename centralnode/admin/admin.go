package admin

import (
	"context"
	"log/slog"
	"sync"
	"time"

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
	Trends   Trends
	// RefusedPackages counts packages that were answered "try again".
	RefusedPackages func() uint64
	// StateDegraded says why the state file takes no writes, or nothing.
	StateDegraded func() string
	// StateSpace is the room where the state folder is.
	StateSpace func() (Space, error)
	Address    string // where agents connect
	SSHAddress string // where administrators connect, as configured; empty: nowhere
	WebAddress string // where the web interface is, likewise
	Version    string
	Logger     *slog.Logger
	Now        func() time.Time
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
	uses      uses
	switching sync.Mutex // while the switch Maximum scan priority is set
}

// New makes an Admin.
func New(c Config) *Admin {
	a := &Admin{c: c, desk: conduct.New(c.Base.Trail, c.Base.Sessions, mayDo, c.Logger), started: c.Now()}
	a.Acts = servercert.NewActs(c.Base.Serving, a.desk, servercert.Effects{Consequences: a.replacing, CutAll: a.replaced, FollowUps: a.followUps}, c.Logger)
	a.people = accounts.NewActs(c.Base.Accounts, a.desk, c.Base.Sessions, c.Logger)
	a.Review = conduct.NewReview(a.desk)
	return a
}
