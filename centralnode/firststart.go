package centralnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/internal/servercert"
)

// adminAccount is the documented account of the administrator menu.
const adminAccount = "admin"

// serverCertificate opens the server certificate, and makes it at the first
// start.
func (n *Node) serverCertificate(ctx context.Context, trail *audit.Trail) (*servercert.Keeper, error) {
	keeper, made, err := servercert.Open(ctx, servercert.Config{State: n.state, Names: n.config.names(), Now: n.config.Now},
		func(ctx context.Context, subject []string, c entity.Change) error {
			record := audit.Record{
				Account: "centralnode", Face: string(acts.FaceFirstStart), From: "local",
				Act: "certificate generate", Subject: subject, Result: audit.Done,
			}
			_, err := trail.Commit(ctx, record, c.Ops, c.Expect)
			return err
		})
	if made {
		fmt.Fprintf(n.config.Console, "server certificate made, fingerprint (SHA-256):\n  %s\n", keeper.Pair().Fingerprint())
	}
	return keeper, err
}

// firstAccount makes the account admin at the first start.
func (n *Node) firstAccount(ctx context.Context, trail *audit.Trail) error {
	return audited(n.state, n.config.Now, trail, audit.Record{
		Account: "centralnode", Face: string(acts.FaceFirstStart), From: "local",
		Act: "account create", Subject: []string{adminAccount}, Result: audit.Done,
	}).EnsureFirst(ctx, accounts.First{
		Name: adminAccount, Role: string(acts.LocalAdministrator), PasswordFile: n.config.AdminPasswordFile,
		Dir: n.config.StateDir, Console: n.config.Console, Log: n.config.Logger,
	})
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
func ResetPassword(ctx context.Context, c Config, account, password string) (made string, err error) {
	if err := c.check(); err != nil {
		return "", err
	}
	if _, err := os.Stat(c.statePath()); err != nil {
		return "", fmt.Errorf("open the state: %w", err)
	}
	state, err := openState(c)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	return resetPassword(ctx, state, c, account, password)
}

func resetPassword(ctx context.Context, state *kv.Store, c Config, account, password string) (string, error) {
	made := ""
	if password == "" {
		made = accounts.GeneratePassword()
		password = made
	}
	record := audit.Record{Account: "root", Face: string(acts.FaceCommand), From: "local", Act: "account reset-password", Subject: []string{account}, Result: audit.Done}
	err := audited(state, c.Now, audit.New(state, c.Now), record).SetPassword(ctx, account, password)
	return made, err
}
