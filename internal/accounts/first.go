package accounts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// InitialPassword is the file in a state folder that keeps a generated password
// until the administrator has noted it.
const InitialPassword = "initial-password"

// First is the account that a first start makes.
type First struct {
	Name string
	Role string // nobody needs to be made while somebody has it
	// PasswordFile holds its password; empty: one is made.
	PasswordFile string
	// Dir is where a generated password is kept.
	Dir string
	// Console is shown a generated password; it should be a terminal or nothing.
	Console io.Writer
	Log     *slog.Logger // is told the file, never the password
}

// EnsureFirst makes the account where nobody has its role: that is a first
// start, or the one after its crash, which left the account whole or absent. An
// account that somebody deleted, who has the role now, stays deleted: its first
// password may be known to more people than to those who are to sign in.
func (a *Accounts) EnsureFirst(ctx context.Context, f First) error {
	if needed, err := a.needsFirst(ctx, f); err != nil || !needed {
		return err
	}
	if f.PasswordFile != "" {
		password, err := readPassword(f.PasswordFile)
		if err != nil {
			return err
		}
		if _, err := a.Create(ctx, f.Name, f.Role, password, Own); err != nil {
			return fmt.Errorf("password in %s: %w", f.PasswordFile, err)
		}
		fmt.Fprintf(f.Console, "account %s made with the password of %s\n", f.Name, f.PasswordFile)
		return nil
	}
	// The file is written first: an account whose password nobody can read would
	// lock everybody out.
	password, path := GeneratePassword(), filepath.Join(f.Dir, InitialPassword)
	if err := writePrivate(path, password+"\n"); err != nil {
		return fmt.Errorf("keep the first password: %w", err)
	}
	if _, err := a.Create(ctx, f.Name, f.Role, password, Anothers); err != nil {
		return fmt.Errorf("make the account %s: %w", f.Name, err)
	}
	f.Log.Info("account made; note its password and delete the file", "account", f.Name, "file", path)
	fmt.Fprintf(f.Console, "account %s made, password: %s\n  (also in %s; delete that file when you have noted it)\n", f.Name, password, path)
	return nil
}

func (a *Accounts) needsFirst(ctx context.Context, f First) (bool, error) {
	if _, err := a.Get(ctx, f.Name); !errors.Is(err, ErrNotFound) {
		return false, err
	}
	all, _, err := a.List(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(all, func(one Account) bool { return one.Role == f.Role && !one.Disabled }), nil
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
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
