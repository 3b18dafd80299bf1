// Package firststart is how both daemons begin: the state file is opened, and
// what no daemon can be without is made where it is missing: a local
// administrator, the server certificate, the SSH host key, and what else a daemon keeps from
// its first start on. Each comes whole, together with its audit record, so that
// a start after a crash makes what is absent and nothing twice.
//
// It also sets an account's password while the daemon is down.
package firststart

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/internal/servercert"
	"vedette/internal/sessions"
	"vedette/internal/sshd/sshkey"
)

// AdminAccount is the documented account of the administrator menu.
const AdminAccount = "admin"

// Config is what a daemon begins with.
type Config struct {
	Program    string // in the state file and in records: "sensor"
	Migrations []kv.Migration
	// Dir is the state folder, made with mode 0700.
	Dir string
	// Names are for the server certificate, beside the local ones.
	Names []string
	// PasswordFile holds the first password of the account admin; empty: one is
	// made, and kept in Dir.
	PasswordFile string
	Console      io.Writer // is shown what a person must note
	Logger       *slog.Logger
	Now          func() time.Time
}

func (c Config) path() string { return filepath.Join(c.Dir, "state.db") }

func (c Config) open() (*kv.Store, error) {
	return kv.Open(c.path(), kv.Options{
		Program: c.Program, Migrations: c.Migrations, Now: c.Now, Logger: c.Logger.With("room", "kv"),
	})
}

// Base is what every daemon stands on.
type Base struct {
	State    *kv.Store
	Trail    *audit.Trail
	Accounts *accounts.Accounts // the one list of them, with the one brake
	Sessions *sessions.Table    // nobody is signed in yet
	Serving  *servercert.Keeper
	HostKey  ed25519.PrivateKey

	config Config
}

// Open opens a daemon's state, and makes what is missing.
func Open(ctx context.Context, c Config) (_ *Base, err error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	b := &Base{Sessions: sessions.NewTable(), config: c}
	if b.State, err = c.open(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.State.Close())
		}
	}()
	b.Trail, b.Accounts = audit.New(b.State, c.Now), accounts.New(b.State, c.Now)
	if err := b.account(ctx); err != nil {
		return nil, err
	}
	if err := b.serverCertificate(ctx); err != nil {
		return nil, err
	}
	if err := b.hostKey(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// SSHDoor describes where administrators connect over the network; an empty
// address: nowhere.
func (b *Base) SSHDoor(address string) acts.SSHDoor {
	public := b.HostKey.Public().(ed25519.PublicKey) // never another type
	return acts.SSHDoor{Address: address, HostKey: sshkey.Fingerprint(public), Sessions: len(b.Sessions.List())}
}

// account makes the account admin where there is no local administrator.
func (b *Base) account(ctx context.Context) error {
	return audited(b.Accounts, b.Trail, b.record("account create", AdminAccount)).EnsureFirst(ctx, accounts.First{
		Name: AdminAccount, Role: string(acts.LocalAdministrator), PasswordFile: b.config.PasswordFile,
		Dir: b.config.Dir, Console: b.config.Console, Log: b.config.Logger,
	})
}

// serverCertificate opens the server certificate, and makes it for the local
// names and the given ones.
func (b *Base) serverCertificate(ctx context.Context) (err error) {
	c, made := servercert.Config{State: b.State, Names: b.config.Names, Now: b.config.Now}, false
	if b.Serving, made, err = servercert.Open(ctx, c, b.Commit(servercert.ActGenerate)); made {
		fmt.Fprintf(b.config.Console, "server certificate made, fingerprint (SHA-256):\n  %s\n", b.Serving.Pair().Fingerprint())
	}
	return err
}

// Commit writes what the daemon makes of its own accord, with the record of an
// act.
func (b *Base) Commit(act string) servercert.Commit {
	return func(ctx context.Context, subject []string, c entity.Change) error {
		_, err := b.Trail.Commit(ctx, b.record(act, subject...), c.Ops, c.Expect)
		return err
	}
}

func (b *Base) record(act string, subject ...string) audit.Record {
	return audit.Record{
		Account: b.config.Program, Face: string(acts.FaceFirstStart), From: "local",
		Act: act, Subject: subject, Result: audit.Done,
	}
}

// audited gives accounts whose changes come with a record.
func audited(a *accounts.Accounts, trail *audit.Trail, record audit.Record) *accounts.Accounts {
	return a.With(func(ctx context.Context, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
		return trail.Commit(ctx, record, ops, expect)
	})
}

// ResetPassword sets the password of an account while the daemon is down: it
// opens the state file itself, and fails with kv.ErrInUse when the daemon has
// it. An empty password makes one, which is returned. Whoever signs in with it
// is to change it.
func (c Config) ResetPassword(ctx context.Context, in acts.ResetPassword) (made string, err error) {
	if _, err := os.Stat(c.path()); err != nil {
		return "", fmt.Errorf("open the state: %w", err)
	}
	state, err := c.open()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if in.Password == "" {
		made = accounts.GeneratePassword()
		in.Password = made
	}
	record := audit.Record{Account: "root", Face: string(acts.FaceCommand), From: "local", Act: "account reset-password", Subject: []string{in.Name}, Result: audit.Done}
	if in.RemoveSecondFactor {
		record.Detail = "its second factor was removed"
	}
	_, err = audited(accounts.New(state, c.Now), audit.New(state, c.Now), record).Reset(ctx, in.Name, in.Password, in.RemoveSecondFactor)
	return made, err
}

// Names are the names that a generated certificate carries beside the local
// ones: the configured ones, and the one address that is listened on.
func Names(listen string, configured []string) []string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "" {
		return configured
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsUnspecified() {
		return configured
	}
	return append([]string{host}, configured...)
}
