package conduct_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct"
	"vedette/internal/kv"
)

func TestSeenComparesWithWhatWasWrittenSince(t *testing.T) {
	if conduct.Seen(0, 9) != nil || conduct.Seen(9, 9) != nil || acts.CodeOf(conduct.Seen(8, 9)) != acts.Stale {
		t.Fatal("wrong answer")
	}
}

func TestAStaleRefusalNamesTheActThatMadeItStale(t *testing.T) {
	d, trail, state, _ := deskOver(t)
	bob := acts.Actor{Account: "bob\x1b[2J", Role: acts.LocalAdministrator, Face: acts.FaceMenu, From: "192.0.2.7"}
	here := acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}
	commit := func(who acts.Actor, act, subject string, ops ...kv.Op) kv.Revision {
		t.Helper()
		revision, err := d.Commit(t.Context(), who, act, []string{subject}, "", ops, nil)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	seen := commit(here, "thing make", "k", kv.Op{Key: "k", Value: []byte("1")})
	moved := commit(bob, "thing change", "k", kv.Op{Key: "k", Value: []byte("2")})
	commit(here, "other change", "o", kv.Op{Key: "o", Value: []byte("1")}) // concerns nobody
	if err := trail.Note(t.Context(), audit.Record{Account: "eve", Act: "thing remove", Subject: []string{"k"}, Result: audit.Refused}); err != nil {
		t.Fatal(err)
	}
	conflict := func(expect kv.Revision) error {
		_, err := d.Commit(t.Context(), here, "thing change", nil, "", []kv.Op{{Key: "k"}}, []kv.Expect{{Key: "k", Revision: expect}})
		return fmt.Errorf("wrapped: %w", err)
	}
	const byBob = `what you saw has changed since: thing change by bob\u{1b}[2J from 192.0.2.7 at `
	check := func(name string, err error, want string) {
		t.Helper()
		got := d.Failed(t.Context(), here, "thing remove", []string{"k"}, err)
		var known *acts.Error
		if !errors.As(got, &known) || known.Code != acts.Stale || known.Hint == "" || !strings.HasPrefix(known.Text, want) || !strings.HasSuffix(known.Text, "nothing was done") {
			t.Errorf("%s: %+v, want %q", name, known, want)
		}
	}
	check("by revision", conduct.Seen(uint64(seen), moved), byBob)
	check("by a conflict in the store", conflict(seen), byBob)

	// A change that no act made: a checkpoint of the daemon.
	quiet := commit(here, "other change", "o")
	if revision, err := state.Apply(t.Context(), []kv.Op{{Key: "k", Value: []byte("3"), Quiet: true}}, nil); err != nil {
		t.Fatal(err)
	} else {
		check("by the daemon", conduct.Seen(uint64(quiet), revision), "what you saw has changed since, by this server itself: ")
	}

	// What is gone has no revision.
	before := commit(here, "thing change", "k", kv.Op{Key: "k", Value: []byte("4")})
	commit(bob, "thing remove", "k", kv.Op{Key: "k", Delete: true})
	commit(here, "other remove", "o", kv.Op{Key: "o", Delete: true})
	const removed = `what you saw has changed since: thing remove by bob`
	missing := &acts.Error{Code: acts.NotFound, Text: "there is no thing", Hint: "look at the list"}
	gone := func(revision kv.Revision, act, subject string) error {
		return conduct.Gone(uint64(revision), act, subject, missing)
	}
	check("gone, by its act", gone(before, "thing remove", "k"), removed)
	check("gone, by a conflict in the store", conflict(before), removed)
	check("on the console", gone(before, "other remove", "o"), "what you saw has changed since: other remove by local on this server at ")
	for name, err := range map[string]error{
		"it was never seen":    gone(0, "thing remove", "k"),
		"it never was":         gone(before, "thing remove", "never"),
		"it was gone before":   gone(state.Revision(), "thing remove", "k"),
		"another act about it": gone(before, "thing lose", "k"),
	} {
		if got := d.Failed(t.Context(), here, "thing remove", nil, err); got != error(missing) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSomeNamesStandForAll(t *testing.T) {
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("host%02d", 29-i), "host05", "")
	}
	got := conduct.Some(append(many, "a\x1bb"))
	if want := `a\u{1b}b host00 host01 host02 host03 host04 host05 host06 host07 host08`; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := conduct.Some(nil); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
