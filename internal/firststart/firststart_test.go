package firststart_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/firststart"
	"vedette/internal/kv"
)

// start opens the state in a folder and does what a daemon's start does.
func start(t *testing.T, dir string) (d firststart.Daemon, console *bytes.Buffer, closing func()) {
	t.Helper()
	state, err := kv.Open(filepath.Join(dir, "state.db"), options())
	if err != nil {
		t.Fatal(err)
	}
	closing = func() {
		if err := state.Close(); err != nil {
			t.Error(err)
		}
	}
	console = &bytes.Buffer{}
	d = firststart.Daemon{Name: "sensor", State: state, Trail: audit.New(state, time.Now), Console: console, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := d.Account(t.Context(), "", dir); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ServerCertificate(t.Context(), []string{"sensor.example"}); err != nil {
		t.Fatal(err)
	}
	return d, console, closing
}

func options() kv.Options { return kv.Options{Program: "test", Now: time.Now} }

func records(t *testing.T, trail *audit.Trail) (words []string) {
	t.Helper()
	all, err := trail.List(t.Context(), audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Backward(all) {
		words = append(words, r.Account+" "+r.Face+" "+r.Act)
	}
	return words
}

func TestWhatIsMissingIsMadeOnceWithItsRecord(t *testing.T) {
	dir := t.TempDir()
	d, console, closing := start(t, dir)
	want := []string{"sensor first-start account create", "sensor first-start certificate generate"}
	if got := records(t, d.Trail); !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
	if text := console.String(); !strings.Contains(text, "password: ") || !strings.Contains(text, "fingerprint (SHA-256):") {
		t.Errorf("the console shows %q", text)
	}
	if err := d.Commit("thing make")(t.Context(), []string{"x"}, entity.Change{}); err != nil {
		t.Fatal(err)
	}
	closing()
	d, console, closing = start(t, dir)
	defer closing()
	if got := records(t, d.Trail); !slices.Equal(got, append(want, "sensor first-start thing make")) || console.Len() > 0 {
		t.Errorf("a second start: records %q, console %q", got, console)
	}
}

func TestPasswordIsResetOnlyWhileTheDaemonIsDown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	if _, err := firststart.ResetPassword(t.Context(), path, options(), "admin", ""); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without a state: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a state was made")
	}
	_, _, closing := start(t, dir)
	if _, err := firststart.ResetPassword(t.Context(), path, options(), "admin", ""); !errors.Is(err, kv.ErrInUse) {
		t.Fatalf("while the daemon runs: %v", err)
	}
	closing()
	made, err := firststart.ResetPassword(t.Context(), path, options(), "admin", "")
	if err != nil || made == "" {
		t.Fatalf("made %q, %v", made, err)
	}
	check := func(password string) {
		t.Helper()
		d, _, closing := start(t, dir)
		defer closing()
		if _, err := accounts.New(d.State, time.Now).Verify(context.Background(), "admin", password, netip.MustParseAddr("127.0.0.1")); err != nil {
			t.Errorf("the new password: %v", err)
		}
		if got := records(t, d.Trail); !strings.HasPrefix(got[len(got)-1], "root "+string(acts.FaceCommand)+" account reset-password") {
			t.Errorf("records %q", got)
		}
	}
	check(made)
	if again, err := firststart.ResetPassword(t.Context(), path, options(), "admin", "A long enough 1"); err != nil || again != "" {
		t.Fatalf("a given password: made %q, %v", again, err)
	}
	check("A long enough 1")
	if _, err := firststart.ResetPassword(t.Context(), path, options(), "eve", ""); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
}

func TestNamesHoldTheOneAddressThatIsListenedOn(t *testing.T) {
	for listen, want := range map[string][]string{
		":443":           {"a"},
		"0.0.0.0:443":    {"a"},
		"[::]:443":       {"a"},
		"192.0.2.1:443":  {"192.0.2.1", "a"},
		"[fd00::1]:8443": {"fd00::1", "a"},
		"sensor.one:443": {"sensor.one", "a"},
	} {
		if got := firststart.Names(listen, []string{"a"}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", listen, got, want)
		}
	}
}
