package admin

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/firststart"
	"vedette/internal/servercert"
	"vedette/pki"
	"vedette/proto/capacity"
	"vedette/sensor/proxy"
	"vedette/sensor/store"
	"vedette/sensor/uplink"
)

// Uplink is the link to the Central Node as the acts see it.
type Uplink interface {
	Point(uplink.Target)
	State() uplink.State
	Changed() <-chan struct{}
	Look() uplink.Look
	Test(ctx context.Context, spec capacity.Spec, agents func() uint64) (capacity.Result, error)
}

// Quality is what is measured of the link.
type Quality interface {
	Look() acts.LinkQuality
	History(from, to time.Time) []acts.QualityMinute
	// RoundTrip is the median within a time; zero: none was measured.
	RoundTrip(from, to time.Time) time.Duration
	// Tested takes the result of a test.
	Tested(acts.LinkTest)
	// Repointed forgets results: the channel is one to another Central Node.
	Repointed()
	// Warnings are sentences about what cannot be measured.
	Warnings() []string
}

// Door is where agents come in.
type Door interface {
	CutAll() int
	Counts() proxy.Counts
	Agents() []netip.Addr
}

// Config is what the acts work on.
type Config struct {
	Base    *firststart.Base
	Store   *store.Store
	Uplink  Uplink
	Door    Door
	Quality Quality
	// Probe looks at the certificate that is shown at host:port, in bounded time.
	Probe func(ctx context.Context, address string) (*x509.Certificate, error)
	// LinkIdentity is what the Central Node shows for this Sensor.
	LinkIdentity pki.Fingerprint
	IngressLimit uint64 // bit/s
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

	c       Config
	desk    *conduct.Desk
	started time.Time
	// setting orders changes of the Central Node: the link is pointed last at
	// what was written last.
	setting sync.Mutex
	testing sync.Mutex // held by the test of the link that is under way
}

// New makes an Admin.
func New(c Config) *Admin {
	a := &Admin{c: c, desk: conduct.New(c.Base.Trail, c.Base.Sessions, mayDo, c.Logger), started: c.Now()}
	a.Acts = servercert.NewActs(c.Base.Serving, a.desk, servercert.Effects{Consequences: a.replacing, CutAll: a.replaced}, c.Logger)
	a.people = accounts.NewActs(c.Base.Accounts, a.desk, c.Base.Sessions, c.Logger)
	a.Review = conduct.NewReview(a.desk)
	return a
}
