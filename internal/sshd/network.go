package sshd

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/sessions"
	"vedette/internal/sshd/sshkey"
)

// Accounts says who may sign in; an *accounts.Accounts is one.
type Accounts interface {
	// Verify checks a password. Errors: accounts.ErrRefused,
	// *accounts.BackoffError, others of the store.
	Verify(ctx context.Context, name, password string, from netip.Addr) (accounts.Account, error)
	// VerifyCode checks a code of the second factor, once the password was found
	// right. Errors are those of Verify.
	VerifyCode(ctx context.Context, name, code string, from netip.Addr) (accounts.Account, error)
	// VerifyKey says whose key it is. The error is accounts.ErrRefused for a
	// name that does not exist as for a key that is not the account's.
	VerifyKey(ctx context.Context, name string, key sshkey.Key) (accounts.Account, error)
	// Get reads an account, or says accounts.ErrNotFound.
	Get(ctx context.Context, name string) (accounts.Account, error)
}

// Network is the door for administrators elsewhere.
type Network struct {
	Address  string // host:port
	HostKey  ed25519.PrivateKey
	Accounts Accounts
	// Limits bounds connections: those signed in (0: 256; of one account half of
	// them), and before that strangers, in all (0: 100) and of one address (0:
	// 20). They have places of their own, so strangers keep no administrator out.
	Limits budget.Limits
}

// Listen makes a server that listens on the network. Whoever connects signs in
// with the password or a public key of an account.
func Listen(n Network, cfg Config) (*Server, error) {
	if len(n.HostKey) != ed25519.PrivateKeySize {
		return nil, errors.New("listen for SSH: no host key")
	}
	signer, err := ssh.NewSignerFromKey(n.HostKey)
	if err != nil {
		return nil, fmt.Errorf("listen for SSH: read the host key: %w", err)
	}
	orElse(&n.Limits.Admitted, 256)
	orElse(&n.Limits.Strangers, 100)
	orElse(&n.Limits.PerAddress, 20)
	// Dead connections are noticed by Config.Silence; this is for strangers, and
	// keeps middle boxes from forgetting a connection.
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	tcp, err := config.Listen(context.Background(), "tcp", n.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for SSH: %w", err)
	}
	cfg = cfg.withDefaults()
	limited := limit(cfg)
	return newServer(cfg, &networkDoor{
		tcp: tcp, key: signer, accounts: n.Accounts, limits: n.Limits, waiting: newStrangers(n.Limits),
		cfg: cfg, log: slog.New(limited),
	}, limited), nil
}

// networkDoor is the listener for administrators elsewhere.
type networkDoor struct {
	tcp      net.Listener
	key      ssh.Signer
	accounts Accounts
	limits   budget.Limits
	waiting  *strangers
	cfg      Config
	log      *slog.Logger // limited
}

func (d *networkDoor) listener() net.Listener { return d.tcp }
func (d *networkDoor) close() error           { return nil }

// leaving is how many connections may still have to end after they made room
// for others, while those are served already.
const leaving = 32

// places leaves the decision to arrive: there is always one more than the limits
// give out, for the connection that is refused.
func (d *networkDoor) places() int { return d.limits.Admitted + d.limits.Strangers + leaving + 1 }

func (d *networkDoor) arrive(raw net.Conn, c *connection) (visit, bool) {
	from := budget.AddrOf(raw.RemoteAddr())
	place, ok := d.waiting.arrive(from, c)
	if !ok {
		d.log.Warn("too many connections that have not signed in; one was refused", "address", from.String())
		return nil, false
	}
	return &networkVisit{door: d, from: from, place: place}, true
}

// networkVisit is a connection over the network.
type networkVisit struct {
	door  *networkDoor
	from  netip.Addr
	place *stranger
	out   func() // takes it off the table of sessions; nil: it is not there
}

func (v *networkVisit) silence() time.Duration { return v.door.cfg.Silence }
func (v *networkVisit) idle() time.Duration    { return v.door.cfg.Idle }

// settle enters the session into the table and then looks at the account again:
// so a withdrawal either is seen here or finds the session there.
func (v *networkVisit) settle(ctx context.Context, id identity, withdraw func()) (acts.Actor, error) {
	who := id.who
	session, leave := v.door.cfg.Sessions.Enter(sessions.Session{
		Account: who.Account, From: who.From, Key: id.key, Since: v.door.cfg.Now(),
	}, withdraw)
	account, err := v.door.accounts.Get(ctx, who.Account)
	switch {
	case err != nil:
	case account.Still(id.account) != nil:
		err = account.Still(id.account)
	case id.key != "" && !slices.ContainsFunc(account.Keys, func(k accounts.Key) bool { return k.Fingerprint == id.key }):
		err = errors.New("the public key was withdrawn")
	}
	if err != nil {
		leave()
		return acts.Actor{}, err
	}
	who.Session, who.Role = session.ID, acts.Role(account.Role)
	log := v.door.log.With("address", who.From, "account", who.Account, "session", who.Session)
	log.Info("signed in", "key", id.key)
	v.out = func() {
		leave()
		log.Info("signed out")
	}
	return who, nil
}

func (v *networkVisit) leave() {
	if v.out != nil {
		v.out()
	}
	v.place.leave()
}
