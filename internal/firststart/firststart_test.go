package firststart_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/accounts"
	"vedette/internal/accounts/totp"
	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/entity"
	"vedette/internal/firststart"
	"vedette/internal/kv"
)

func config(dir string, console io.Writer) firststart.Config {
	return firststart.Config{Program: "sensor", Dir: dir, Names: []string{"sensor.example"}, Console: console, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
}

// start begins as a daemon does, with its state in a folder.
func start(t *testing.T, dir string) (b *firststart.Base, console *bytes.Buffer, closing func()) {
	t.Helper()
	console = &bytes.Buffer{}
	b, err := firststart.Open(t.Context(), config(dir, console))
	if err != nil {
		t.Fatal(err)
	}
	return b, console, func() {
		if err := b.State.Close(); err != nil {
			t.Error(err)
		}
	}
}

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
	dir := filepath.Join(t.TempDir(), "state")
	b, console, closing := start(t, dir)
	want := []string{"sensor first-start account create", "sensor first-start certificate generate", "sensor first-start ssh-host-key make"}
	if got := records(t, b.Trail); !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
	hostKey := b.SSHDoor("192.0.2.1:22").HostKey
	for _, part := range []string{"password: ", b.Serving.Pair().Fingerprint().String(), "SSH host key made, fingerprint: " + hostKey + "\n"} {
		if text := console.String(); !strings.Contains(text, part) {
			t.Errorf("the console does not show %q: %s", part, text)
		}
	}
	if !strings.HasPrefix(hostKey, "SHA256:") || !ed25519.Verify(b.HostKey.Public().(ed25519.PublicKey), []byte("x"), ed25519.Sign(b.HostKey, []byte("x"))) {
		t.Errorf("host key %q", hostKey)
	}
	if err := b.Commit("thing make")(t.Context(), []string{"x"}, entity.Change{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("state folder %v, %v", info, err)
	}
	closing()
	again, console, closing := start(t, dir)
	defer closing()
	if got := records(t, again.Trail); !slices.Equal(got, append(want, "sensor first-start thing make")) || console.Len() > 0 {
		t.Errorf("a second start: records %q, console %q", got, console)
	}
	if !again.HostKey.Equal(b.HostKey) || again.Serving.Pair().Fingerprint() != b.Serving.Pair().Fingerprint() {
		t.Error("a second start has another host key or certificate")
	}
}

func TestADeletedAdminStaysDeleted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admin-password")
	if err := os.WriteFile(file, []byte("Known-to-many-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, passwordFile := range map[string]string{"a password of its own": "", "a password file": file} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			start := func() (b *firststart.Base, console *bytes.Buffer) {
				t.Helper()
				console = &bytes.Buffer{}
				c := config(dir, console)
				c.PasswordFile = passwordFile
				b, err := firststart.Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				return b, console
			}
			stop := func(b *firststart.Base) {
				t.Helper()
				if err := b.State.Close(); err != nil {
					t.Fatal(err)
				}
			}
			remove := func(b *firststart.Base, name string) {
				t.Helper()
				account, err := b.Accounts.Get(t.Context(), name)
				if err == nil {
					err = b.Accounts.Delete(t.Context(), account)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			b, _ := start()
			for account, role := range map[string]acts.Role{"anna": acts.LocalAdministrator, "otto": acts.SecurityOfficer} {
				if _, err := b.Accounts.Create(t.Context(), account, string(role), "A long enough 1", accounts.Own); err != nil {
					t.Fatal(err)
				}
			}
			remove(b, firststart.AdminAccount)
			if err := os.Remove(filepath.Join(dir, accounts.InitialPassword)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			before := records(t, b.Trail)
			stop(b)

			b, console := start()
			if _, err := b.Accounts.Get(t.Context(), firststart.AdminAccount); !errors.Is(err, accounts.ErrNotFound) {
				t.Errorf("the deleted account: %v", err)
			}
			if got := records(t, b.Trail); !slices.Equal(got, before) || console.Len() > 0 {
				t.Errorf("the start did something: records %q, console %q", got, console)
			}
			if _, err := os.Stat(filepath.Join(dir, accounts.InitialPassword)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a password lies in the state folder: %v", err)
			}
			// Without any local administrator, as after a crash of the first start,
			// it is made; who has another role is none.
			remove(b, "anna")
			stop(b)
			b, _ = start()
			defer stop(b)
			if one, err := b.Accounts.Get(t.Context(), firststart.AdminAccount); err != nil || one.Role != string(acts.LocalAdministrator) {
				t.Errorf("where there is no local administrator: %+v, %v", one, err)
			}
		})
	}
}

func TestADamagedHostKeyStopsTheStartAndIsNotMadeAnew(t *testing.T) {
	dir := t.TempDir()
	b, _, closing := start(t, dir)
	if _, err := b.State.Apply(t.Context(), []kv.Op{{Key: "ssh-host-key", Value: []byte(`{"v":1,"seed":"c2hvcnQ="}`)}}, nil); err != nil {
		t.Fatal(err)
	}
	closing()
	for range 2 { // the first attempt has let go of the file
		if _, err := firststart.Open(t.Context(), config(dir, io.Discard)); err == nil || !strings.Contains(err.Error(), "SSH host key") || strings.Contains(err.Error(), "short") {
			t.Fatalf("error %v", err)
		}
	}
}

func TestPasswordIsResetOnlyWhileTheDaemonIsDown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.db")
	if _, err := config(dir, io.Discard).ResetPassword(t.Context(), acts.ResetPassword{Name: "admin"}); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without a state: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a state was made")
	}
	_, _, closing := start(t, dir)
	if _, err := config(dir, io.Discard).ResetPassword(t.Context(), acts.ResetPassword{Name: "admin"}); !errors.Is(err, kv.ErrInUse) {
		t.Fatalf("while the daemon runs: %v", err)
	}
	closing()
	made, err := config(dir, io.Discard).ResetPassword(t.Context(), acts.ResetPassword{Name: "admin"})
	if err != nil || made == "" {
		t.Fatalf("made %q, %v", made, err)
	}
	check := func(password string) {
		t.Helper()
		d, _, closing := start(t, dir)
		defer closing()
		if got, err := d.Accounts.Verify(t.Context(), "admin", password, netip.MustParseAddr("127.0.0.1")); err != nil || !got.MustChange {
			t.Errorf("the new password: %+v, %v", got, err)
		}
		if got := records(t, d.Trail); !strings.HasPrefix(got[len(got)-1], "root "+string(acts.FaceCommand)+" account reset-password") {
			t.Errorf("records %q", got)
		}
	}
	check(made)
	if again, err := config(dir, io.Discard).ResetPassword(t.Context(), acts.ResetPassword{Name: "admin", Password: "A long enough 1"}); err != nil || again != "" {
		t.Fatalf("a given password: made %q, %v", again, err)
	}
	check("A long enough 1")
	if _, err := config(dir, io.Discard).ResetPassword(t.Context(), acts.ResetPassword{Name: "eve"}); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("an account that is not there: %v", err)
	}
}

func TestALostSecondFactorIsRemovedOnlyWhenThatIsAskedFor(t *testing.T) {
	dir := t.TempDir()
	d, _, closing := start(t, dir)
	admin, err := d.Accounts.Get(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	secret := totp.New()
	if _, err := d.Accounts.SetSecondFactor(t.Context(), admin, secret, secret.Code(time.Now())); err != nil {
		t.Fatal(err)
	}
	closing()
	for _, remove := range []bool{false, true} {
		if _, err := config(dir, io.Discard).ResetPassword(t.Context(), acts.ResetPassword{Name: "admin", RemoveSecondFactor: remove}); err != nil {
			t.Fatal(err)
		}
		d, _, closing := start(t, dir)
		if got, err := d.Accounts.Get(t.Context(), "admin"); err != nil || got.SecondFactor == remove {
			t.Errorf("remove %v: %+v, %v", remove, got, err)
		}
		records, err := d.Trail.List(t.Context(), audit.Filter{Act: "account reset-password", Limit: 1})
		if err != nil || (records[0].Detail != "") != remove {
			t.Errorf("remove %v: %+v, %v", remove, records, err)
		}
		closing()
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
