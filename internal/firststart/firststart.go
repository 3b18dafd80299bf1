// Package firststart makes what no daemon can be without, where it is missing:
// the account admin, the server certificate, and what else a daemon keeps from
// its first start on. Each comes whole, together with its audit record, so that
// a start after a crash makes what is absent and nothing twice.
//
// It also sets the account's password while the daemon is down.
package firststart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/internal/servercert"
)

// AdminAccount is the documented account of the administrator menu.
const AdminAccount = "admin"

// Daemon is who starts.
type Daemon struct {
	Name    string // in its records: "sensor"
	State   *kv.Store
	Trail   *audit.Trail
	Console io.Writer // is shown what a person must note
	Logger  *slog.Logger
	Now     func() time.Time
}

// Account makes the account admin. Its password is in passwordFile, or it is
// made and kept in dir when that is empty.
func (d Daemon) Account(ctx context.Context, passwordFile, dir string) error {
	return audited(d.State, d.Now, d.Trail, d.record("account create", AdminAccount)).EnsureFirst(ctx, accounts.First{
		Name: AdminAccount, Role: string(acts.LocalAdministrator), PasswordFile: passwordFile,
		Dir: dir, Console: d.Console, Log: d.Logger,
	})
}

// ServerCertificate opens the server certificate, and makes it for the local
// names and the given ones.
func (d Daemon) ServerCertificate(ctx context.Context, names []string) (*servercert.Keeper, error) {
	keeper, made, err := servercert.Open(ctx, servercert.Config{State: d.State, Names: names, Now: d.Now}, d.Commit(servercert.ActGenerate))
	if made {
		fmt.Fprintf(d.Console, "server certificate made, fingerprint (SHA-256):\n  %s\n", keeper.Pair().Fingerprint())
	}
	return keeper, err
}

// Commit writes what the daemon makes of its own accord, with the record of an
// act.
func (d Daemon) Commit(act string) servercert.Commit {
	return func(ctx context.Context, subject []string, c entity.Change) error {
		_, err := d.Trail.Commit(ctx, d.record(act, subject...), c.Ops, c.Expect)
		return err
	}
}

func (d Daemon) record(act string, subject ...string) audit.Record {
	return audit.Record{
		Account: d.Name, Face: string(acts.FaceFirstStart), From: "local",
		Act: act, Subject: subject, Result: audit.Done,
	}
}

// audited gives accounts whose changes come with a record.
func audited(state *kv.Store, now func() time.Time, trail *audit.Trail, record audit.Record) *accounts.Accounts {
	return accounts.New(state, now).With(func(ctx context.Context, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
		return trail.Commit(ctx, record, ops, expect)
	})
}

// ResetPassword sets the password of an account while the daemon is down: it
// opens the state file itself, and fails with kv.ErrInUse when the daemon has
// it. An empty password makes one, which is returned.
func ResetPassword(ctx context.Context, path string, o kv.Options, account, password string) (made string, err error) {
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("open the state: %w", err)
	}
	state, err := kv.Open(path, o)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	if password == "" {
		made = accounts.GeneratePassword()
		password = made
	}
	record := audit.Record{Account: "root", Face: string(acts.FaceCommand), From: "local", Act: "account reset-password", Subject: []string{account}, Result: audit.Done}
	_, err = audited(state, o.Now, audit.New(state, o.Now), record).SetPassword(ctx, account, password)
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
