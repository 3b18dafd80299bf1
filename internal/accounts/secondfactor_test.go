package accounts

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/accounts/totp"
	"vedette/internal/kv"
)

// withFactor gives an account a second factor, whose first code is taken, and
// returns its codes.
func withFactor(t testing.TB, a *Accounts, c *clock, name string) func() string {
	t.Helper()
	account, err := a.Get(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	secret := totp.New()
	on, err := a.SetSecondFactor(ctx, account, secret, secret.Code(c.Now()))
	if err != nil || !on.SecondFactor || !on.SecondFactorSince.Equal(c.Now().UTC()) {
		t.Fatalf("%+v, %v", on, err)
	}
	return func() string { return secret.Code(c.Now()) }
}

func TestACodeIsTakenOnce(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "anna")
	code := withFactor(t, a, c, "anna")
	if _, err := a.VerifyCode(ctx, "anna", code(), office); err != ErrRefused {
		t.Errorf("the code that switched it on is taken again: %v", err)
	}
	c.advance(time.Minute)
	got, err := a.VerifyCode(ctx, "ANNA", code()[:3]+" "+code()[3:], office)
	if err != nil || got.Name != "anna" || !got.SecondFactor {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := a.VerifyCode(ctx, "anna", code(), elsewhere); err != ErrRefused {
		t.Errorf("the code is taken from elsewhere again: %v", err)
	}
	for _, name := range []string{"nobody", "", "local"} {
		if _, err := a.VerifyCode(ctx, name, code(), office); err != ErrRefused {
			t.Errorf("%q: %v", name, err)
		}
	}
	// Signing in is no change of the account.
	if now, err := a.Get(ctx, "anna"); err != nil || now.Revision != got.Revision {
		t.Errorf("revision %d, was %d; %v", now.Revision, got.Revision, err)
	}
}

func TestOfTwoWhoGiveACodeAtOnceOneIsLetIn(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "anna")
	code := withFactor(t, a, c, "anna")
	c.advance(time.Minute)
	var all sync.WaitGroup
	results := make(chan error, 4)
	for range cap(results) {
		all.Go(func() {
			_, err := a.VerifyCode(ctx, "anna", code(), office)
			results <- err
		})
	}
	all.Wait()
	close(results)
	in := 0
	for err := range results {
		if err == nil {
			in++
		} else if err != ErrRefused {
			t.Error(err)
		}
	}
	if in != 1 {
		t.Errorf("%d were let in with one code", in)
	}
}

func TestGuessedCodesAreBrakedAlsoByWhoKnowsThePassword(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "anna")
	code := withFactor(t, a, c, "anna")
	c.advance(time.Minute)
	if _, err := a.VerifyCode(ctx, "anna", code(), office); err != nil { // the owner's place
		t.Fatal(err)
	}
	var wait *BackoffError
	guesses := 0
	for from := elsewhere; guesses < 100; guesses++ {
		if _, err := a.Verify(ctx, "anna", good, from); err != nil {
			t.Fatalf("the right password: %v", err)
		}
		if _, err := a.VerifyCode(ctx, "anna", "000000x", from); errors.As(err, &wait) {
			break
		}
	}
	if guesses != pairBurst {
		t.Errorf("%d guesses from one address", guesses)
	}
	// From ever other networks the account's own bound holds.
	guesses = 0
	for i := range 200 {
		from := netip.MustParseAddr(fmt.Sprintf("203.%d.113.1", i))
		if _, err := a.VerifyCode(ctx, "anna", "000000x", from); errors.Is(err, ErrRefused) {
			guesses++
		}
	}
	if guesses > codesBurst {
		t.Errorf("%d guesses from everywhere", guesses)
	}
	c.advance(codeStep)
	if _, err := a.VerifyCode(ctx, "anna", code(), office); err != nil {
		t.Errorf("the owner is kept out of her own place: %v", err)
	}
}

const codeStep = 30 * time.Second

var elsewhere = netip.MustParseAddr("198.51.100.1")

func TestWithoutASecondFactorNoCodeIsRight(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "anna")
	account, err := a.Get(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.SetSecondFactor(ctx, account, totp.New(), "000000x"); !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong code switches it on: %v", err)
	}
	if _, err := a.RemoveSecondFactor(ctx, account); err != ErrNoSecondFactor {
		t.Error(err)
	}
	code := withFactor(t, a, c, "anna")
	account, _ = a.Get(ctx, "anna")
	if _, err := a.RemoveSecondFactor(ctx, account); err != nil {
		t.Fatal(err)
	}
	c.advance(codeStep)
	if _, err := a.VerifyCode(ctx, "anna", code(), office); err != ErrRefused {
		t.Errorf("a code of a removed factor: %v", err)
	}
	if _, err := a.store.Get(ctx, usedKey("anna")); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("what was taken is remembered: %v", err)
	}
	// The next one begins anew, also with the same moment's codes.
	account, _ = a.Get(ctx, "anna")
	if _, err := a.SetSecondFactor(ctx, account, totp.Secret("12345678901234567890"), totp.Secret("12345678901234567890").Code(c.Now())); err != nil {
		t.Error(err)
	}
	account, _ = a.Get(ctx, "anna")
	if err := a.Delete(ctx, account); err != nil {
		t.Fatal(err)
	}
	if _, err := a.store.Get(ctx, usedKey("anna")); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("the account is deleted, its codes are remembered: %v", err)
	}
}

func TestADisabledAccountSignsInByNothingAtTheSameCost(t *testing.T) {
	a, c, _ := newAccounts(t)
	create(t, a, "anna")
	key := publicKey(t, 1)
	if _, err := a.AddKey(ctx, "anna", key); err != nil {
		t.Fatal(err)
	}
	code := withFactor(t, a, c, "anna")
	account, _ := a.Get(ctx, "anna")
	off, err := a.SetDisabled(ctx, account, true)
	if err != nil || !off.Disabled || len(off.Keys) != 1 || !off.SecondFactor {
		t.Fatalf("%+v, %v", off, err)
	}
	c.advance(codeStep)
	derived := 0
	derive := a.hasher.derive
	a.hasher.derive = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		derived++
		return derive(password, salt, time, memory, threads, size)
	}
	for _, password := range []string{good, "Wrong-horse7"} {
		if _, err := a.Verify(ctx, "anna", password, office); err != ErrRefused {
			t.Errorf("%q: %v", password, err)
		}
	}
	if derived != 2 {
		t.Errorf("%d hashes were computed for two passwords", derived)
	}
	if _, err := a.VerifyKey(ctx, "anna", key); err != ErrRefused {
		t.Errorf("key: %v", err)
	}
	if _, err := a.VerifyCode(ctx, "anna", code(), office); err != ErrRefused {
		t.Errorf("code: %v", err)
	}
	if _, err := a.SetDisabled(ctx, off, false); err != nil {
		t.Fatal(err)
	}
	if _, err := a.VerifyKey(ctx, "anna", key); err != nil {
		t.Errorf("enabled: %v", err)
	}
	if _, err := a.VerifyCode(ctx, "anna", code(), office); err != nil {
		t.Errorf("enabled: %v", err)
	}
}

// TestAnAccountOfAnEarlierVersionIsReadAndKeepsItsShape has a record that was
// written before there were second factors.
func TestAnAccountOfAnEarlierVersionIsReadAndKeepsItsShape(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "anna")
	e, err := a.store.Get(ctx, key("anna"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"must_change", "disabled", "second_factor"} {
		if strings.Contains(string(e.Value), word) {
			t.Errorf("a plain account is written with %q, which an earlier version did not know:\n%s", word, e.Value)
		}
	}
	old := fmt.Sprintf(`{"v":1,"name":"old","role":"administrator","password":%q,"created":"2026-01-02T03:04:05Z","changed":"2026-01-02T03:04:05Z"}`, passwordOf(t, a, "anna"))
	if _, err := a.store.Apply(ctx, []kv.Op{{Key: key("old"), Value: []byte(old)}}, nil); err != nil {
		t.Fatal(err)
	}
	got, err := a.Verify(ctx, "old", good, office)
	if err != nil || got.MustChange || got.Disabled || got.SecondFactor || !got.SecondFactorSince.IsZero() || got.Role != "administrator" {
		t.Errorf("%+v, %v", got, err)
	}
}

// passwordOf is the hash of an account's password.
func passwordOf(t *testing.T, a *Accounts, name string) string {
	t.Helper()
	s, _, err := a.load(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Password
}

func TestWhatSignedInHoldsUntilTheAccountChanges(t *testing.T) {
	then := Account{Name: "a", Role: "r", Changed: time.Unix(1, 0), SecondFactor: true, SecondFactorSince: time.Unix(2, 0)}
	for want, change := range map[string]func(*Account){
		"":              func(a *Account) { a.Revision, a.MustChange, a.Keys = 9, true, []Key{{}} },
		"disabled":      func(a *Account) { a.Disabled = true },
		"password":      func(a *Account) { a.Changed = time.Unix(3, 0) },
		"role":          func(a *Account) { a.Role = "s" },
		"second factor": func(a *Account) { a.SecondFactorSince = time.Unix(3, 0) },
	} {
		now := then
		change(&now)
		if err := now.Still(then); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
