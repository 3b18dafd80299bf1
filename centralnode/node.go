package centralnode

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"

	"vedette/centralnode/admin"
	"vedette/centralnode/agents"
	"vedette/centralnode/alerts"
	"vedette/centralnode/eventlog"
	"vedette/centralnode/external"
	"vedette/centralnode/external/events"
	"vedette/centralnode/gateway"
	"vedette/centralnode/reflector"
	"vedette/centralnode/scan"
	"vedette/centralnode/sensors"
	"vedette/centralnode/store"
	"vedette/centralnode/trends"
	"vedette/centralnode/trust"
	"vedette/centralnode/web"
	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/firststart"
	"vedette/internal/health"
	"vedette/internal/lifetime"
	"vedette/internal/machine"
	"vedette/internal/sessions"
	"vedette/proto/about"
	"vedette/proto/link"
)

// Node is a Central Node.
type Node struct {
	config    Config
	base      *firststart.Base
	entities  *store.Store
	log       *eventlog.Log
	gateway   *gateway.Gateway
	table     *agents.Table
	service   *agents.Service
	sensors   *sensors.Room
	reflector *reflector.Reflector // nil: none is configured
	external  *external.Room
	polls     *events.API
	scan      *scan.Room
	alerts    *alerts.Room
	trends    *trends.Room
	admin     *admin.Admin
	web       *web.Server // nil: none is configured
	local     *health.Server
	opened    lifetime.Opened
}

// New opens the state, makes what a first start needs, and listens. What is
// wrong with the event log degrades the node and does not stop it; what is
// wrong with the state file does.
func New(c Config) (_ *Node, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	n := &Node{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.opened.Close())
		}
	}()
	// New has no caller that could be cancelled: it waits for disks only.
	ctx := context.Background()

	if n.base, err = firststart.Open(ctx, c.firstStart()); err != nil {
		return nil, err
	}
	n.opened.Add(n.base.State.Close)
	n.entities = store.New(n.base.State)
	snapshot, err := n.entities.Trust(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the lists: %w", err)
	}

	n.gateway, err = gateway.New(gateway.Config{
		Address: c.Address, Certificate: n.base.Serving, Trust: snapshot, Limits: c.Limits,
		Protocols: []string{link.ALPN, about.ALPN},
		Logger:    c.Logger.With("room", "gateway"), Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	n.opened.Add(n.gateway.Close)
	if err := n.openReflector(); err != nil {
		return nil, err
	}
	if n.local, err = health.Listen(c.LocalAddress, n.parts(), n.gauges(), n.counters()...); err != nil {
		return nil, err
	}
	n.local.Add(append(n.families(), n.base.Families()...)...)
	n.opened.Add(n.local.Close)

	n.log, err = eventlog.Open(ctx, eventlog.Config{
		Dir: c.eventsPath(), NATSURL: c.Events.NATSURL, MaxAge: c.Events.MaxAge, MaxBytes: c.Events.MaxBytes,
		Checkpoints: checkpoints{n.entities}, Logger: c.Logger.With("room", "eventlog"), Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	n.opened.Add(n.log.Close)

	if n.table, err = agents.NewTable(ctx, n.entities, c.Logger.With("room", "agents"), c.Now); err != nil {
		return nil, err
	}
	n.service = agents.NewService(n.gateway, n.log, n.table, c.Now)
	patterns, handler := n.service.Handler()
	for _, p := range patterns {
		n.gateway.Handle(trust.AgentService, p, handler)
	}

	for _, open := range []func(context.Context) error{n.openSensors, n.openExternal, n.openScan} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}

	n.openTrends()

	n.admin = admin.New(admin.Config{
		Base: n.base, Store: n.entities, Door: n.gateway, Hosts: n.table, Events: n.log,
		Sensors: n.sensors, External: n.external, Scan: n.scan, Alerts: n.alerts, Trends: n.trends,
		StateDegraded: func() string { return n.base.State.State().Reason }, RefusedPackages: n.service.Refused,
		StateSpace: func() (admin.Space, error) { return admin.SpaceOf(c.StateDir) },
		SSHAddress: c.SSHAddress, WebAddress: c.Web.Address, Address: n.gateway.Address().String(), Version: c.Version,
		Logger: c.Logger.With("room", "admin"), Now: c.Now,
	})
	n.openAPI()
	if err := n.openWeb(ctx); err != nil {
		return nil, err
	}
	return n, nil
}

// openSensors makes the room of Sensors and gives it its place at the door.
func (n *Node) openSensors(ctx context.Context) error {
	here, err := machine.Here()
	if err != nil {
		return err
	}
	config := sensors.Config{
		Door: sensorDoor{n.gateway}, Store: n.entities, Trail: n.base.Trail, StoreID: n.base.State.ID(),
		Server: here, UnsafeSameServer: n.config.UnsafeSameServer,
		Logger: n.config.Logger.With("room", "sensors"), Now: n.config.Now,
	}
	if n.reflector != nil {
		config.Reflector = n.reflector
	}
	if n.sensors, err = sensors.New(ctx, config); err != nil {
		return fmt.Errorf("read the Sensor servers: %w", err)
	}
	n.gateway.Speak(link.ALPN, n.sensors.Take)
	n.gateway.Speak(about.ALPN, n.tellAbout)
	if n.config.UnsafeSameServer {
		n.config.Logger.Warn("a Sensor on this very server may be a proxy (unsafe_same_server): for demonstrations and tests only", "room", "sensors")
	}
	return nil
}

// openReflector listens for measuring packets, where that is configured.
func (n *Node) openReflector() (err error) {
	address := n.config.Stamp.address(n.config.Address)
	if address == "" {
		return nil
	}
	n.reflector, err = reflector.New(reflector.Config{
		Address: address, Unauthenticated: n.config.Stamp.Unauthenticated,
		Logger: n.config.Logger.With("room", "reflector"), Now: n.config.Now,
	})
	if err != nil {
		return err
	}
	n.opened.Add(n.reflector.Close)
	if open := n.config.Stamp.Unauthenticated; len(open) > 0 {
		n.config.Logger.Warn("measuring packets without a key are answered; Sensors need none of that", "setting", "[stamp] unauthenticated", "networks", fmt.Sprint(open))
	}
	return nil
}

// runReflector answers measuring packets until ctx ends.
func (n *Node) runReflector(ctx context.Context) error {
	if n.reflector == nil {
		<-ctx.Done()
		return nil
	}
	return n.reflector.Run(ctx)
}

// Admin performs administrative acts on this node.
func (n *Node) Admin() *admin.Admin { return n.admin }

// HostKey is what the SSH door proves itself with.
func (n *Node) HostKey() ed25519.PrivateKey { return n.base.HostKey }

// Accounts are those who may sign in.
func (n *Node) Accounts() *accounts.Accounts { return n.base.Accounts }

// Sessions are those who are signed in.
func (n *Node) Sessions() *sessions.Table { return n.base.Sessions }

// Address is where agents connect.
func (n *Node) Address() net.Addr { return n.gateway.Address() }

// LocalAddress is where health and metrics are served, nil when nowhere.
func (n *Node) LocalAddress() net.Addr { return n.local.Addr() }

// Run serves until ctx ends or something breaks, then stops in order: no new
// callers, current requests, contacts, events, state.
func (n *Node) Run(ctx context.Context) error {
	watch := func(ctx context.Context) error {
		n.base.Serving.WatchExpiry(ctx, n.config.Logger.With("room", "servercert"))
		return nil
	}
	// What callers still write while they drain needs table, log, scans and
	// contacts, so these outlive the gateway; Sensors measure until their links end.
	err := lifetime.Run(ctx, []lifetime.Part{n.gateway.Run, n.runWeb, n.sensors.Run, n.polls.Run, n.local.Run, watch},
		[]lifetime.Part{n.runReflector, n.log.Run, n.table.Run, n.external.Run, n.scan.Run, n.alerts.Run, n.trends.Run})
	return errors.Join(err, n.opened.Close())
}

// ResetPassword sets the password of an account while the daemon is down: it
// opens the state file itself, and fails with kv.ErrInUse when the daemon has
// it. An empty password makes one, which is returned.
func ResetPassword(ctx context.Context, c Config, in acts.ResetPassword) (made string, err error) {
	if err := c.check(); err != nil {
		return "", err
	}
	return c.firstStart().ResetPassword(ctx, in)
}
