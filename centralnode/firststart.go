package centralnode

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/kv"
	"vedette/internal/servercert"
)

// adminAccount is the documented account of the administrator menu.
const adminAccount = "admin"

// initialPassword is the file that keeps a generated password until the
// administrator has changed it.
const initialPassword = "initial-password"

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

// firstAccount makes the account admin where it is missing. Each part of a
// first start is whole or absent after a crash, and the next start makes what
// is absent.
func (n *Node) firstAccount(ctx context.Context) error {
	people := accounts.New(n.state, n.config.Now)
	_, err := people.Get(ctx, adminAccount)
	if !errors.Is(err, accounts.ErrNotFound) {
		return err
	}
	if n.config.AdminPasswordFile != "" {
		password, err := readPassword(n.config.AdminPasswordFile)
		if err != nil {
			return err
		}
		if _, err := people.Create(ctx, adminAccount, string(acts.LocalAdministrator), password); err != nil {
			return fmt.Errorf("password in %s: %w", n.config.AdminPasswordFile, err)
		}
		fmt.Fprintf(n.config.Console, "account %s made with the password of %s\n", adminAccount, n.config.AdminPasswordFile)
		return nil
	}
	// The file is written first: an account whose password nobody can read would
	// lock everybody out.
	password, path := accounts.GeneratePassword(), filepath.Join(n.config.StateDir, initialPassword)
	if err := writePrivate(path, password+"\n"); err != nil {
		return fmt.Errorf("keep the first password: %w", err)
	}
	if _, err := people.Create(ctx, adminAccount, string(acts.LocalAdministrator), password); err != nil {
		return fmt.Errorf("make the account %s: %w", adminAccount, err)
	}
	n.config.Logger.Info("account made; note its password and delete the file", "account", adminAccount, "file", path)
	fmt.Fprintf(n.config.Console, "account %s made, password: %s\n  (also in %s; delete that file when you have noted it)\n", adminAccount, password, path)
	return nil
}

// readPassword reads a password file that nobody else may read.
func readPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read password file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("password file %s can be read by others (mode %04o): run chmod 600 %s and change the password in it", path, info.Mode().Perm(), path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read password file: %w", err)
	}
	return strings.TrimRight(string(raw), "\r\n"), nil
}

// writePrivate writes a small file of mode 0600 durably.
func writePrivate(path, text string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
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
	trail := audit.New(state, c.Now)
	people := accounts.New(state, c.Now).With(func(ctx context.Context, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
		return trail.Commit(ctx, record, ops, expect)
	})
	err := people.SetPassword(ctx, account, password)
	return made, err
}
