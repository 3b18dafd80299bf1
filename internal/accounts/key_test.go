package accounts

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/kv"
	"vedette/internal/sshd/sshkey"
)

// keyLine is a public key as ssh-keygen writes it; equal numbers are equal keys.
func keyLine(number int, comment string) string {
	public := sha256.Sum256(fmt.Append(nil, number))
	blob := append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), public[:]...)
	return "ssh-ed25519 " + base64.StdEncoding.EncodeToString(blob) + " " + comment
}

func publicKey(t testing.TB, number int) sshkey.Key {
	t.Helper()
	key, err := sshkey.Parse(keyLine(number, fmt.Sprint("key", number)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAKeySignsInAsItsAccountUntilItIsDeleted(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "admin")
	first, second := publicKey(t, 1), publicKey(t, 2)
	if _, err := a.VerifyKey(ctx, "admin", first); err != ErrRefused {
		t.Fatalf("before it was added: %v", err)
	}
	c.advance(time.Hour)
	if _, err := a.AddKey(ctx, "Admin", first); err != nil {
		t.Fatal(err)
	}
	added, err := a.AddKey(ctx, "admin", second)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.VerifyKey(ctx, "ADMIN", first)
	if err != nil || !reflect.DeepEqual(got, added) || len(got.Keys) != 2 || !reflect.DeepEqual(got.Keys[0], Key{Key: first, Added: c.Now()}) {
		t.Fatalf("VerifyKey = %+v, %v; want %+v", got, err, added)
	}
	if !got.Changed.Equal(got.Created) {
		t.Error("a key has changed the password's date")
	}
	// Whose key it is counts, not what the client says of it.
	for _, claim := range []struct {
		name string
		key  sshkey.Key
	}{
		{"nobody", first}, {"", first}, {"local", first}, {"admin", publicKey(t, 3)}, {"admin", sshkey.Key{}},
		{"admin", sshkey.Key{Fingerprint: first.Fingerprint, Type: first.Type, Blob: second.Blob[:20]}},
	} {
		if _, err := a.VerifyKey(ctx, claim.name, claim.key); err != ErrRefused {
			t.Errorf("%q with %+v: %v, want exactly ErrRefused", claim.name, claim.key, err)
		}
	}
	left, err := a.DeleteKey(ctx, added, first.Fingerprint)
	if err != nil || len(left.Keys) != 1 || left.Keys[0].Fingerprint != second.Fingerprint {
		t.Fatalf("DeleteKey = %+v, %v", left, err)
	}
	if _, err := a.VerifyKey(ctx, "admin", first); err != ErrRefused {
		t.Errorf("a deleted key: %v", err)
	}
	if _, err := a.VerifyKey(ctx, "admin", second); err != nil {
		t.Errorf("the other key: %v", err)
	}
	if _, err := a.Verify(ctx, "admin", good, office); err != nil {
		t.Errorf("the password: %v", err)
	}
}

func TestRulesOfKeys(t *testing.T) {
	a, _, _ := newAccounts(t)
	admin, anna := create(t, a, "admin"), create(t, a, "anna")
	add := func(name string, number int) error {
		_, err := a.AddKey(ctx, name, publicKey(t, number))
		return err
	}
	if err := add("admin", 1); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]struct{ got, want error }{
		"the same key again":         {add("admin", 1), ErrKeyExists},
		"another account's key":      {add("anna", 1), ErrKeyTaken},
		"an account that is not":     {add("bob", 2), ErrNotFound},
		"deleting what is not there": {second(a.DeleteKey(ctx, anna, publicKey(t, 1).Fingerprint)), ErrKeyNotFound},
		"deleting of nobody":         {second(a.DeleteKey(ctx, Account{Name: "bob"}, "x")), ErrNotFound},
	} {
		if !errors.Is(err.got, err.want) {
			t.Errorf("%s: %v, want %v", what, err.got, err.want)
		}
	}
	var conflict *kv.ConflictError
	if _, err := a.DeleteKey(ctx, admin, publicKey(t, 1).Fingerprint); !errors.As(err, &conflict) {
		t.Errorf("decided on the account as it was before: %v", err)
	}
	for i := 2; i <= MaxKeys; i++ {
		if err := add("admin", i); err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
	}
	if err := add("admin", MaxKeys+1); !errors.Is(err, ErrManyKeys) {
		t.Errorf("one key too many: %v", err)
	}
	// What an account had is free for others when the account is gone.
	if admin, _ = a.Get(ctx, "admin"); len(admin.Keys) != MaxKeys {
		t.Fatalf("%d keys", len(admin.Keys))
	}
	if err := a.Delete(ctx, admin); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= MaxKeys; i++ {
		if err := add("anna", i); err != nil {
			t.Fatalf("key %d of a deleted account: %v", i, err)
		}
	}
	if _, err := a.DeleteKey(ctx, must(a.Get(ctx, "anna")), publicKey(t, 5).Fingerprint); err != nil {
		t.Fatal(err)
	}
	create(t, a, "bob")
	if err := add("bob", 5); err != nil {
		t.Errorf("a key that was deleted elsewhere: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOneKeyIsNeverOfTwoAccountsHoweverManyTryAtOnce(t *testing.T) {
	a, _, _ := newAccounts(t)
	const n = 8
	key := publicKey(t, 1)
	for i := range n {
		create(t, a, fmt.Sprint("user", i))
	}
	var wg sync.WaitGroup
	won := make(chan int, n)
	for i := range n {
		other := New(a.store, a.now) // as another part of the daemon, without a common lock
		wg.Go(func() {
			switch _, err := other.AddKey(ctx, fmt.Sprint("user", i), key); {
			case err == nil:
				won <- i
			case !errors.Is(err, ErrKeyTaken):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d accounts have the key", len(won))
	}
	for i, owner := 0, <-won; i < n; i++ {
		if _, err := a.VerifyKey(ctx, fmt.Sprint("user", i), key); (err == nil) != (i == owner) {
			t.Errorf("user%d: %v, the owner is user%d", i, err, owner)
		}
	}
}

func TestAnAccountWrittenBeforeThereWereKeysHasNone(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	e, err := a.store.Get(ctx, key("admin"))
	if err != nil || strings.Contains(string(e.Value), "keys") {
		t.Fatalf("%s, %v: an account without keys is to be readable to who knows none", e.Value, err)
	}
	var before map[string]any
	if err := json.Unmarshal(e.Value, &before); err != nil || before["v"] != 1.0 {
		t.Fatalf("%v, %v", before, err)
	}
	if got, err := a.Get(ctx, "admin"); err != nil || got.Keys != nil {
		t.Errorf("%+v, %v", got, err)
	}
	// A sign-in that renews the hash keeps the keys.
	if _, err := a.AddKey(ctx, "admin", publicKey(t, 1)); err != nil {
		t.Fatal(err)
	}
	a.hasher = newHasher(parameters{memory: 128, time: 1, threads: 1})
	if got, err := a.Verify(ctx, "admin", good, office); err != nil || len(got.Keys) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := a.SetPassword(ctx, "admin", "Other-horse8", Own); err != nil || len(got.Keys) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}
