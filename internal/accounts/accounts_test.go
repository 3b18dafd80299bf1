package accounts

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/kv"
)

var ctx = context.Background()

// clock is a time that stands still unless moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newAccounts(t testing.TB) (*Accounts, *clock, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "state.db")
	store, err := kv.Open(path, kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)}
	return NewCheap(store, c.Now), c, path
}

const good = "Correct-horse7"

func create(t testing.TB, a *Accounts, name string) Account {
	t.Helper()
	account, err := a.Create(ctx, name, "administrator", good, Own)
	if err != nil {
		t.Fatal(err)
	}
	return account
}

var office = netip.MustParseAddr("192.0.2.1")

func TestAnAccountLives(t *testing.T) {
	a, c, _ := newAccounts(t)
	made := create(t, a, "Administrator")
	if made.Name != "Administrator" || made.Role != "administrator" || !made.Created.Equal(c.Now()) || made.Revision == 0 {
		t.Errorf("created %+v", made)
	}
	if _, err := a.Create(ctx, "administrator", "x", good, Own); !errors.Is(err, ErrExists) {
		t.Errorf("the same name in another case: %v", err)
	}
	got, err := a.Verify(ctx, "administrator", good, office)
	if err != nil || !reflect.DeepEqual(got, made) {
		t.Errorf("Verify = %+v, %v; want %+v", got, err, made)
	}
	c.advance(time.Hour)
	if _, err := a.SetPassword(ctx, "Administrator", "Other-horse8", Own); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Verify(ctx, "Administrator", good, office); !errors.Is(err, ErrRefused) {
		t.Errorf("the old password: %v", err)
	}
	got, err = a.Verify(ctx, "Administrator", "Other-horse8", office)
	if err != nil || !got.Changed.Equal(c.Now()) || !got.Created.Equal(made.Created) {
		t.Errorf("the new password: %+v, %v", got, err)
	}
	admin := create(t, a, "admin")
	list, at, err := a.List(ctx)
	if err != nil || at != admin.Revision || len(list) != 2 || list[0].Name != "admin" || !reflect.DeepEqual(list[1], got) {
		t.Errorf("List = %+v, %v", list, err)
	}
	var conflict *kv.ConflictError
	if err := a.Delete(ctx, admin, made); !errors.As(err, &conflict) || conflict.Key != "account/administrator" {
		t.Errorf("decided on an account that has changed since: %v", err)
	}
	if err := a.Delete(ctx, admin, got); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Verify(ctx, "admin", good, office); !errors.Is(err, ErrRefused) {
		t.Errorf("a deleted account: %v", err)
	}
	_, getting := a.Get(ctx, "admin")
	_, setting := a.SetPassword(ctx, "admin", good, Own)
	for _, err := range []error{getting, setting} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("about a deleted account: %v", err)
		}
	}
	if err := a.Delete(ctx, admin); !errors.As(err, &conflict) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestChangesGoThroughTheGivenCommit(t *testing.T) {
	a, _, _ := newAccounts(t)
	stale := errors.New("stale")
	var seen []string
	refusing := a.With(func(_ context.Context, ops []kv.Op, expect []kv.Expect) (kv.Revision, error) {
		if len(ops) != 1 || len(expect) != 1 || ops[0].Key != expect[0].Key {
			t.Errorf("ops %v, expect %v", ops, expect)
		}
		seen = append(seen, ops[0].Key)
		return 0, stale
	})
	if _, err := refusing.Create(ctx, "Anna", "x", good, Own); !errors.Is(err, stale) {
		t.Errorf("Create: %v", err)
	}
	anna := create(t, a, "Anna")
	if _, err := refusing.SetPassword(ctx, "anna", good, Own); !errors.Is(err, stale) {
		t.Errorf("SetPassword: %v", err)
	}
	if err := refusing.Delete(ctx, anna); !errors.Is(err, stale) {
		t.Errorf("Delete: %v", err)
	}
	if want := "account/anna account/anna account/anna"; strings.Join(seen, " ") != want {
		t.Errorf("committed %q, want %q", seen, want)
	}
}

func TestPasswordsAreNowhereToBeFound(t *testing.T) {
	a, _, path := newAccounts(t)
	create(t, a, "admin")
	if _, err := a.Verify(ctx, "admin", good, office); err != nil {
		t.Fatal(err)
	}
	_, err := a.Create(ctx, "other", "x", "secret-only", Own)
	if err == nil || strings.Contains(err.Error(), "secret-only") {
		t.Errorf("refusal of a password: %v", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte(good)) || !bytes.Contains(data, []byte("$argon2id$v=19$")) {
		t.Error("the state file holds the password, or not its hash")
	}
}

func TestAnOldHashIsRenewedAtSignInWithoutTellingWatchers(t *testing.T) {
	a, _, _ := newAccounts(t)
	before := create(t, a, "admin")
	watch := a.store.Watch(a.store.Revision())
	defer watch.Close()
	stronger := parameters{memory: 128, time: 2, threads: 1}
	a.hasher = newHasher(stronger)
	for range 2 {
		got, err := a.Verify(ctx, "admin", good, office)
		if err != nil || got.Revision != before.Revision+1 || !got.Changed.Equal(before.Changed) {
			t.Fatalf("Verify = %+v, %v", got, err)
		}
	}
	s, _, err := a.load(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := parsePHC(s.Password); err != nil || p.parameters != stronger {
		t.Errorf("hash %+v, %v", p.parameters, err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if changes, _, err := watch.Next(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("watchers saw %v, %v", changes, err)
	}
}

func TestADamagedHashIsAnErrorNotAWrongPassword(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	s, _, err := a.load(ctx, "admin")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", "x", "$argon2id$v=19$m=64,t=1,p=1$$", "$argon2i" + s.Password[9:],
		strings.Replace(s.Password, "m=64", "m=4294967295", 1), strings.Replace(s.Password, "t=1", "t=999999", 1),
		strings.Replace(s.Password, "p=1", "p=0", 1), s.Password + "=", s.Password[:len(s.Password)-2],
	} {
		s.Password = bad
		op, err := s.op()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.store.Apply(ctx, []kv.Op{op}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Verify(ctx, "admin", good, office); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("hash %q: %v", bad, err)
		}
	}
}

func TestTheRealParametersWork(t *testing.T) {
	a, _, _ := newAccounts(t)
	a.hasher = newHasher(current)
	create(t, a, "admin")
	if _, err := a.Verify(ctx, "admin", good, office); err != nil {
		t.Error(err)
	}
	if _, err := a.Verify(ctx, "admin", good+"x", office); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong password: %v", err)
	}
}
