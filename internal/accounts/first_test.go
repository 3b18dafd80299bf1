package accounts_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/kv"
)

func TestFirstAccountIsMadeOnceAndItsPasswordIsInTheFileOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	state, err := kv.Open(filepath.Join(dir, "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	var console, logs bytes.Buffer
	first := accounts.First{Name: "admin", Role: "local-administrator", Dir: dir, Console: &console, Log: slog.New(slog.NewTextHandler(&logs, nil))}
	people := accounts.New(state, time.Now)
	if err := people.EnsureFirst(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, accounts.InitialPassword))
	if err != nil {
		t.Fatal(err)
	}
	password := strings.TrimSpace(string(raw))
	if got, err := people.Verify(t.Context(), "admin", password, netip.MustParseAddr("127.0.0.1")); err != nil || !got.MustChange {
		t.Fatalf("%+v, %v: who reads the file is to change the password", got, err)
	}
	if info, err := os.Stat(filepath.Join(dir, accounts.InitialPassword)); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if !strings.Contains(console.String(), password) || strings.Contains(logs.String(), password) || !strings.Contains(logs.String(), accounts.InitialPassword) {
		t.Fatalf("console %q, log %q", &console, &logs)
	}
	if err := os.Remove(filepath.Join(dir, accounts.InitialPassword)); err != nil {
		t.Fatal(err)
	}
	if err := people.EnsureFirst(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, accounts.InitialPassword)); err == nil {
		t.Fatal("the second start made another password")
	}
}

func TestFirstPasswordFollowsTheRules(t *testing.T) {
	state, err := kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	people := accounts.New(state, time.Now)
	path := filepath.Join(t.TempDir(), "password")
	for _, c := range []struct {
		text string
		mode os.FileMode
		says string // empty: it is taken
	}{
		{"short\n", 0o600, path},
		{"Correct-Horse-9\n", 0o640, "chmod 600"},
		{"Correct-Horse-9\n", 0o600, ""},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		err := people.EnsureFirst(t.Context(), accounts.First{Name: "admin", Role: "r", PasswordFile: path, Console: io.Discard, Log: slog.New(slog.DiscardHandler)})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q, mode %o: %v", c.text, c.mode, err)
		}
	}
	if got, err := people.Get(t.Context(), "admin"); err != nil || got.MustChange {
		t.Errorf("%+v, %v: the password is the administrator's own", got, err)
	}
}
