package accounts

import (
	"errors"
	"testing"
)

func TestAttemptsAreCountedByWhatCameOfThem(t *testing.T) {
	a, _, _ := newAccounts(t)
	create(t, a, "admin")
	if _, err := a.Verify(ctx, "admin", good, office); err != nil {
		t.Fatal(err)
	}
	var wait *BackoffError
	for range pairBurst + 2 {
		if _, err := a.Verify(ctx, "admin", "guess", office); err != nil && !errors.Is(err, ErrRefused) && !errors.As(err, &wait) {
			t.Fatal(err)
		}
	}
	passwords, codes := a.Attempts()
	if want := (Attempts{Right: 1, Wrong: pairBurst, Delayed: 2}); passwords != want || codes != (Attempts{}) {
		t.Errorf("%+v and codes %+v, want %+v", passwords, codes, want)
	}
}
