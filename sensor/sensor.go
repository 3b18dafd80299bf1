package sensor

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/firststart"
	"vedette/internal/health"
	"vedette/internal/lifetime"
	"vedette/internal/machine"
	"vedette/internal/sessions"
	"vedette/pki"
	"vedette/sensor/admin"
	"vedette/sensor/proxy"
	"vedette/sensor/quality"
	"vedette/sensor/store"
	"vedette/sensor/uplink"
)

// Sensor is a Sensor.
type Sensor struct {
	config   Config
	base     *firststart.Base
	entities *store.Store
	uplink   *uplink.Uplink
	proxy    *proxy.Proxy
	quality  *quality.Room
	admin    *admin.Admin
	local    *health.Server
	opened   lifetime.Opened
}

// New opens the state, makes what a first start needs, and listens. Whether
// there is a link to a Central Node is no matter: agents are told when not.
func New(c Config) (_ *Sensor, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Sensor{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.opened.Close())
		}
	}()
	// New has no caller that could be cancelled: it waits for disks only.
	ctx := context.Background()

	if s.base, err = firststart.Open(ctx, c.firstStart()); err != nil {
		return nil, err
	}
	s.opened.Add(s.base.State.Close)
	s.entities = store.New(s.base.State)
	identity, err := s.linkIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if s.uplink, err = s.newUplink(ctx, identity); err != nil {
		return nil, err
	}
	s.proxy, err = proxy.New(proxy.Config{
		Address: c.Address, Certificate: s.base.Serving, Limits: c.Limits, IngressLimit: c.ingressLimit(),
		Link: s.uplink, About: s.about, Logger: c.Logger.With("room", "proxy"), Now: c.Now,
	})
	if err != nil {
		return nil, err
	}
	s.opened.Add(s.proxy.Close)
	s.quality = s.newQuality(ctx)
	if s.local, err = health.Listen(c.LocalAddress, s.parts(), s.gauges(), s.counters()...); err != nil {
		return nil, err
	}
	s.opened.Add(s.local.Close)
	s.local.Add(append(s.families(), s.base.Families()...)...)

	s.admin = admin.New(admin.Config{
		Base: s.base, Store: s.entities, Uplink: s.uplink, Door: s.proxy, Probe: uplink.Probe,
		LinkIdentity: identity.Fingerprint(), IngressLimit: c.ingressLimit(), Quality: s.quality,
		StateDegraded: func() string { return s.base.State.State().Reason },
		SSHAddress:    c.SSHAddress, Address: s.proxy.Address().String(), Version: c.Version,
		Logger: c.Logger.With("room", "admin"), Now: c.Now,
	})
	return s, nil
}

// linkIdentity reads what this Sensor proves itself with to its Central Node,
// and makes it at the first start.
func (s *Sensor) linkIdentity(ctx context.Context) (*pki.Pair, error) {
	pair, found, err := s.entities.LinkIdentity(ctx)
	if err != nil || found {
		return pair, err
	}
	if pair, err = store.MakeLinkIdentity(s.config.Now); err != nil {
		return nil, err
	}
	var change store.Change
	change.SetLinkIdentity(pair, 0)
	if err := s.base.Commit("link-identity make")(ctx, []string{pair.Fingerprint().String()}, change.Change); err != nil {
		return nil, fmt.Errorf("keep the link identity: %w", err)
	}
	fmt.Fprintf(s.config.Console, "link identity made, fingerprint (SHA-256), as the Central Node will show it:\n  %s\n", pair.Fingerprint())
	return pair, nil
}

// newUplink makes the link to the configured Central Node. It asks for the
// proxy, and for what is measured, only when it runs.
func (s *Sensor) newUplink(ctx context.Context, identity *pki.Pair) (*uplink.Uplink, error) {
	configured, _, err := s.entities.CentralNode(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the Central Node: %w", err)
	}
	here, err := machine.Here()
	if err != nil {
		return nil, err
	}
	if configured.Address == "" {
		s.config.Logger.Info("no Central Node is configured, so agents are refused; see: sensor central-node set --help")
	}
	if s.config.UnsafeSameServer {
		s.config.Logger.Warn("unsafe_same_server is set: agents are carried on the Central Node's server too; this is for demonstrations and tests")
	}
	return uplink.New(uplink.Config{
		Identity: identity, Introduce: s.introduce, Server: here, UnsafeSameServer: s.config.UnsafeSameServer,
		Apply: s.apply, Report: s.report, Quality: s.measured, Announce: s.entities.SaveAnnounced,
		Logger: s.config.Logger.With("room", "uplink"), Now: s.config.Now,
	}, admin.Target(configured)), nil
}

// Admin performs administrative acts on this Sensor.
func (s *Sensor) Admin() *admin.Admin { return s.admin }

// HostKey is what the SSH door proves itself with.
func (s *Sensor) HostKey() ed25519.PrivateKey { return s.base.HostKey }

// Accounts are those who may sign in.
func (s *Sensor) Accounts() *accounts.Accounts { return s.base.Accounts }

// Sessions are those who are signed in.
func (s *Sensor) Sessions() *sessions.Table { return s.base.Sessions }

// Address is where agents connect.
func (s *Sensor) Address() net.Addr { return s.proxy.Address() }

// LocalAddress is where health and metrics are served, nil when nowhere.
func (s *Sensor) LocalAddress() net.Addr { return s.local.Addr() }

// Run serves until ctx ends or something breaks, then stops in order: no new
// agents, their streams, the link, the state.
func (s *Sensor) Run(ctx context.Context) error {
	watch := func(ctx context.Context) error {
		s.base.Serving.WatchExpiry(ctx, s.config.Logger.With("room", "servercert"))
		return nil
	}
	// What agents still have under way when the doors close goes over the link,
	// so it outlives them.
	err := lifetime.Run(ctx, []lifetime.Part{s.proxy.Run, s.local.Run, s.quality.Run, watch}, []lifetime.Part{s.uplink.Run})
	return errors.Join(err, s.opened.Close())
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
