package accounts

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/conduct"
	"vedette/internal/kv"
	"vedette/internal/sessions"
)

var (
	boss    = acts.Actor{Account: "admin", Role: acts.LocalAdministrator, Face: acts.FaceMenu, From: "192.0.2.1"}
	officer = acts.Actor{Account: "anna", Role: acts.SecurityOfficer, Face: acts.FaceMenu, From: "192.0.2.2"}
	atHome  = acts.Actor{Account: "local", Role: acts.LocalAdministrator, Face: acts.FaceCommand, From: "local"}
)

// house is the acts over a real store; admin and anna have accounts in it.
type house struct {
	*Acts
	list  *Accounts
	clock *clock
	trail *audit.Trail
	table *sessions.Table
	ended []uint64
}

func newHouse(t *testing.T) *house {
	t.Helper()
	a, c, _ := newAccounts(t)
	h := &house{list: a, clock: c, trail: audit.New(a.store, c.Now), table: sessions.NewTable()}
	may := func(r acts.Role, act string) bool {
		return r == acts.LocalAdministrator || r == acts.Administrator || r == acts.SecurityOfficer && (act == ActOwn || act == ActChangePassword)
	}
	h.Acts = NewActs(a, conduct.New(h.trail, h.table, may, slog.New(slog.DiscardHandler)), h.table, slog.New(slog.DiscardHandler))
	for _, who := range []acts.Actor{boss, officer} {
		if _, err := a.Create(ctx, who.Account, string(who.Role), good, Own); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// enter signs somebody in, with a key when there is one.
func (h *house) enter(who acts.Actor, key string) acts.Actor {
	var id uint64
	s, _ := h.table.Enter(sessions.Session{Account: who.Account, From: who.From, Key: key}, func() { h.ended = append(h.ended, id) })
	id, who.Session = s.ID, s.ID
	return who
}

// done are the acts that were recorded as done by somebody, with what they were about.
func (h *house) records(t *testing.T, result string) (out []string) {
	t.Helper()
	all, err := h.trail.List(ctx, audit.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range slices.Backward(all) {
		if r.Result == result {
			out = append(out, r.Account+": "+r.Act+" "+strings.Join(r.Subject, " "))
		}
	}
	return out
}

// refused wants an error of a code, in words and with a next step.
func refused(t *testing.T, err error, code acts.Code, part string) {
	t.Helper()
	e, ok := err.(*acts.Error)
	if !ok || e.Code != code || e.Hint == "" || !strings.Contains(e.Text, part) {
		t.Errorf("error %+v, want code %q and the words %q", err, code, part)
	}
}

func TestAnAccountIsMadeUsedAndDeletedWithItsRecords(t *testing.T) {
	h := newHouse(t)
	made, err := h.CreateAccount(ctx, boss, acts.CreateAccount{Name: "bob", Role: acts.Administrator, Password: "Bobs-horse7"})
	if err != nil || made.Account.Name != "bob" || made.Account.Role != acts.Administrator || made.Ended != 0 || made.Account.Keys == nil {
		t.Fatalf("%+v, %v", made, err)
	}
	if got, err := h.list.Verify(ctx, "bob", "Bobs-horse7", office); err != nil || got.Role != string(acts.Administrator) {
		t.Fatalf("%+v, %v", got, err)
	}
	h.enter(acts.Actor{Account: "bob", From: "192.0.2.9"}, "")
	h.enter(acts.Actor{Account: "bob", From: "192.0.2.8"}, "SHA256:x")
	mine := h.enter(boss, "")
	list, err := h.Accounts(ctx, mine)
	if err != nil || len(list.Accounts) != 3 || list.Accounts[2].Sessions != 2 || list.Revision == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	p, err := h.PreviewDeleteAccount(ctx, mine, acts.DeleteAccount{Name: "BOB", Revision: list.Revision})
	if err != nil || !p.Asks || p.Revision != list.Revision || len(p.Lines) != 1 || p.Consequences[0].Count != 2 || !slices.Equal(p.Consequences[0].Who, []string{"192.0.2.8", "192.0.2.9"}) || len(h.ended) != 0 {
		t.Fatalf("preview %+v, %v; ended %v", p, err, h.ended)
	}
	gone, err := h.DeleteAccount(ctx, mine, acts.DeleteAccount{Name: "BOB", Revision: p.Revision})
	if err != nil || gone.Ended != 2 || gone.Account.Name != "bob" || len(h.ended) != 2 || slices.Contains(h.ended, mine.Session) {
		t.Fatalf("%+v, %v; ended %v", gone, err, h.ended)
	}
	if _, err := h.list.Verify(ctx, "bob", "Bobs-horse7", office); err != ErrRefused {
		t.Errorf("a deleted account signs in: %v", err)
	}
	want := []string{"admin: account create bob administrator", "admin: account delete BOB"}
	if got := h.records(t, audit.Done); !slices.Equal(got, want) {
		t.Errorf("records %q, want %q", got, want)
	}
	e, err := h.list.store.Get(ctx, "audit/00000000000000000001")
	if err != nil || uint64(e.Revision) != made.Account.Revision {
		t.Errorf("the record is of revision %d, the account of %d: one commit makes both", e.Revision, made.Account.Revision)
	}
}

func TestRulesOfAccounts(t *testing.T) {
	h := newHouse(t)
	create := func(name, role, password string) error {
		return second(h.CreateAccount(ctx, atHome, acts.CreateAccount{Name: name, Role: acts.Role(role), Password: password}))
	}
	remove := func(who acts.Actor, name string, revision uint64) error {
		_, previewed := h.PreviewDeleteAccount(ctx, who, acts.DeleteAccount{Name: name, Revision: revision})
		_, err := h.DeleteAccount(ctx, who, acts.DeleteAccount{Name: name, Revision: revision})
		if acts.CodeOf(previewed) != acts.CodeOf(err) {
			t.Errorf("%s: the preview says %v, the act %v", name, previewed, err)
		}
		return err
	}
	refused(t, create("anna", "administrator", good), acts.Refused, "exists already")
	refused(t, create("bob", "king", good), acts.Invalid, "king")
	refused(t, create("local", "administrator", good), acts.Invalid, "reserved")
	refused(t, create("bob", "administrator", "short"), acts.Invalid, "shorter than 8")
	refused(t, create("Bob.builder1", "administrator", "bob.BUILDER1"), acts.Invalid, "name of the account")
	refused(t, remove(boss, "nobody", 0), acts.NotFound, "no account")
	refused(t, remove(boss, "admin", 0), acts.Refused, "signed in with")
	refused(t, remove(atHome, "admin", 0), acts.Refused, "last local administrator")
	refused(t, second(h.SetPassword(ctx, atHome, acts.SetPassword{Name: "nobody", Password: good})), acts.NotFound, "no account")
	refused(t, second(h.SetPassword(ctx, atHome, acts.SetPassword{Name: "anna", Password: "Anna"})), acts.Invalid, "shorter than 8")

	list, err := h.Accounts(ctx, boss)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.SetPassword(ctx, atHome, acts.SetPassword{Name: "anna", Password: "Annas-horse9"}); err != nil {
		t.Fatal(err)
	}
	err = remove(boss, "anna", list.Revision)
	refused(t, err, acts.Stale, "changed since")

	// With another local administrator the last one is not the last any more.
	if err := create("chris", "local-administrator", good); err != nil {
		t.Fatal(err)
	}
	if err := remove(atHome, "admin", 0); err != nil {
		t.Error(err)
	}
	refused(t, remove(atHome, "chris", 0), acts.Refused, "last local administrator")
}

// TestTwoAdministratorsCannotDeleteEachOther lets both decide on the same
// state, which the store then does not allow.
func TestTwoAdministratorsCannotDeleteEachOther(t *testing.T) {
	h := newHouse(t)
	if _, err := h.list.Create(ctx, "chris", string(acts.LocalAdministrator), good, Own); err != nil {
		t.Fatal(err)
	}
	chris := acts.Actor{Account: "chris", Role: acts.LocalAdministrator}
	one, err := h.toDeprive(ctx, chris, ActDelete, "admin", 0)
	if err != nil {
		t.Fatal(err)
	}
	other, err := h.toDeprive(ctx, boss, ActDelete, "chris", 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.list.Delete(ctx, one.account, one.depends...); err != nil {
		t.Fatal(err)
	}
	var conflict *kv.ConflictError
	if err := h.list.Delete(ctx, other.account, other.depends...); err == nil || !errors.As(err, &conflict) {
		t.Errorf("nobody is left who may make accounts: %v", err)
	}
}

func TestAWithdrawalEndsExactlyTheConcernedSessionsButTheActorsOwn(t *testing.T) {
	h := newHouse(t)
	change, err := h.AddKey(ctx, officer, acts.AddKey{Line: keyLine(1, "anna@desk")})
	if err != nil || len(change.Account.Keys) != 1 || change.Account.Keys[0].Type != "ssh-ed25519" || change.Account.Keys[0].Comment != "anna@desk" {
		t.Fatalf("%+v, %v", change, err)
	}
	first := change.Account.Keys[0].Fingerprint
	if _, err := h.AddKey(ctx, officer, acts.AddKey{Account: "ANNA", Line: keyLine(2, "")}); err != nil {
		t.Fatal(err)
	}
	own := h.enter(officer, first)
	byFirst, bySecond, byPassword, others := h.enter(officer, first), h.enter(officer, publicKey(t, 2).Fingerprint), h.enter(officer, ""), h.enter(boss, first)

	p, err := h.PreviewDeleteKey(ctx, own, acts.DeleteKey{Fingerprint: first})
	if err != nil || !p.Asks || p.Consequences[0].Count != 1 || !strings.Contains(p.Lines[0], first) {
		t.Fatalf("preview %+v, %v", p, err)
	}
	change, err = h.DeleteKey(ctx, own, acts.DeleteKey{Fingerprint: strings.TrimPrefix(first, "SHA256:"), Revision: p.Revision})
	if err != nil || change.Ended != 1 || !slices.Equal(h.ended, []uint64{byFirst.Session}) || len(change.Account.Keys) != 1 || change.Account.Sessions != 3 {
		t.Fatalf("%+v, %v; ended %v", change, err, h.ended)
	}
	h.ended = nil
	change, err = h.ChangePassword(ctx, own, acts.ChangePassword{Current: good, New: "Annas-horse9"})
	if err != nil || change.Ended != 2 || !slices.Equal(sorted(h.ended), []uint64{bySecond.Session, byPassword.Session}) {
		t.Fatalf("%+v, %v; ended %v", change, err, h.ended)
	}
	// A key that is new takes nothing away from anybody.
	if change, err = h.AddKey(ctx, own, acts.AddKey{Line: keyLine(3, "")}); err != nil || change.Ended != 0 {
		t.Fatalf("%+v, %v", change, err)
	}
	h.ended = nil
	if change, err = h.SetPassword(ctx, others, acts.SetPassword{Name: "anna", Password: good}); err != nil || change.Ended != 1 || !slices.Equal(h.ended, []uint64{own.Session}) {
		t.Fatalf("%+v, %v; ended %v", change, err, h.ended)
	}
	// Who was ended does nothing any more, also not what he had begun.
	refused(t, second(h.AddKey(ctx, own, acts.AddKey{Line: keyLine(4, "")})), acts.Refused, "session was ended")
	refused(t, second(h.ChangePassword(ctx, own, acts.ChangePassword{Current: good, New: "Annas-horse9"})), acts.Refused, "session was ended")
	if got, err := h.list.Get(ctx, "anna"); err != nil || len(got.Keys) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

func sorted(ids []uint64) []uint64 { slices.Sort(ids); return ids }

func TestWhoMayNotManageOthersManagesHimself(t *testing.T) {
	h := newHouse(t)
	list, err := h.Accounts(ctx, officer)
	if err != nil || len(list.Accounts) != 1 || list.Accounts[0].Name != "anna" {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := h.AddKey(ctx, boss, acts.AddKey{Account: "anna", Line: keyLine(1, "x\x1b[2J")}); err != nil {
		t.Fatal(err)
	}
	key := publicKey(t, 1).Fingerprint
	for name, err := range map[string]error{
		"create":          second(h.CreateAccount(ctx, officer, acts.CreateAccount{Name: "x", Role: acts.LocalAdministrator, Password: good})),
		"preview delete":  second(h.PreviewDeleteAccount(ctx, officer, acts.DeleteAccount{Name: "admin"})),
		"delete":          second(h.DeleteAccount(ctx, officer, acts.DeleteAccount{Name: "admin"})),
		"password":        second(h.SetPassword(ctx, officer, acts.SetPassword{Name: "anna", Password: good})),
		"add":             second(h.AddKey(ctx, officer, acts.AddKey{Account: "admin", Line: keyLine(2, "")})),
		"preview a key":   second(h.PreviewDeleteKey(ctx, officer, acts.DeleteKey{Account: "admin", Fingerprint: key})),
		"delete a key":    second(h.DeleteKey(ctx, officer, acts.DeleteKey{Account: "admin", Fingerprint: key})),
		"nobody's role":   second(h.Accounts(ctx, acts.Actor{Account: "anna", Role: "king"})),
		"nobody's keys":   second(h.AddKey(ctx, acts.Actor{Account: "anna", Role: "king"}, acts.AddKey{Line: keyLine(2, "")})),
		"no role's words": second(h.ChangePassword(ctx, acts.Actor{Account: "anna", Role: "king"}, acts.ChangePassword{Current: good, New: good})),
	} {
		if acts.CodeOf(err) != acts.NotAllowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := h.records(t, audit.Refused); len(got) != 10 {
		t.Errorf("%d refusals are recorded: %q", len(got), got)
	}
	change, err := h.DeleteKey(ctx, officer, acts.DeleteKey{Fingerprint: key})
	if err != nil || len(change.Account.Keys) != 0 {
		t.Errorf("her own key: %+v, %v", change, err)
	}
}

// TestOnesOwnKeysDoNotFillTheTrail: each change is recorded for ever.
func TestOnesOwnKeysDoNotFillTheTrail(t *testing.T) {
	h := newHouse(t)
	in := acts.AddKey{Line: keyLine(1, "")}
	out := acts.DeleteKey{Fingerprint: publicKey(t, 1).Fingerprint}
	round := func(who acts.Actor) error {
		if _, err := h.AddKey(ctx, who, in); err != nil {
			return err
		}
		_, err := h.DeleteKey(ctx, who, out)
		return err
	}
	done := 0
	var err error
	for ; err == nil && done < 100; done++ {
		err = round(officer)
	}
	var told *acts.Error
	if !errors.As(err, &told) || told.Code != acts.Unavailable || told.Hint == "" || done > 15 {
		t.Errorf("after %d rounds: %v", done, err)
	}
	for range 30 {
		if err := round(boss); err != nil {
			t.Fatalf("who manages accounts is bounded too: %v", err)
		}
	}
}

func TestKeysAreRefusedInWords(t *testing.T) {
	h := newHouse(t)
	add := func(who acts.Actor, account, line string) error {
		return second(h.AddKey(ctx, who, acts.AddKey{Account: account, Line: line}))
	}
	if err := add(boss, "", keyLine(1, "")); err != nil {
		t.Fatal(err)
	}
	key := publicKey(t, 1).Fingerprint
	refused(t, add(boss, "admin", keyLine(1, "")), acts.Refused, "already")
	refused(t, add(boss, "anna", keyLine(1, "")), acts.Refused, "another account's")
	refused(t, add(boss, "nobody", keyLine(2, "")), acts.NotFound, "no account")
	refused(t, add(boss, "anna", "-----BEGIN OPENSSH PRIVATE KEY-----"), acts.Invalid, "private key")
	refused(t, add(atHome, "", keyLine(2, "")), acts.Invalid, "console")
	refused(t, add(atHome, "local", keyLine(2, "")), acts.NotFound, "no account")
	refused(t, second(h.DeleteKey(ctx, boss, acts.DeleteKey{Account: "anna", Fingerprint: key})), acts.NotFound, "no such public key")
	refused(t, second(h.PreviewDeleteKey(ctx, boss, acts.DeleteKey{Account: "nobody", Fingerprint: key})), acts.NotFound, "no account")
	p, err := h.PreviewDeleteKey(ctx, boss, acts.DeleteKey{Fingerprint: key})
	if err != nil {
		t.Fatal(err)
	}
	if err := add(boss, "admin", keyLine(2, "")); err != nil {
		t.Fatal(err)
	}
	refused(t, second(h.DeleteKey(ctx, boss, acts.DeleteKey{Fingerprint: key, Revision: p.Revision})), acts.Stale, "changed since")
	for _, record := range h.records(t, audit.Refused) {
		if strings.Contains(record, "PRIVATE") {
			t.Errorf("a record holds what was given: %q", record)
		}
	}
}

func TestOnesOwnPasswordIsChangedByWhoKnowsIt(t *testing.T) {
	h := newHouse(t)
	change := func(who acts.Actor, current, next string) error {
		return second(h.ChangePassword(ctx, who, acts.ChangePassword{Current: current, New: next}))
	}
	refused(t, change(atHome, good, "Other-horse8"), acts.Refused, "console")
	refused(t, change(officer, good, "weak"), acts.Invalid, "shorter than 8")
	refused(t, change(officer, good, "aNNa"), acts.Invalid, "name of the account")
	for range pairBurst {
		refused(t, change(officer, "Guess-horse1", "Other-horse8"), acts.Refused, "not right")
	}
	refused(t, change(officer, good, "Other-horse8"), acts.Unavailable, "too many attempts")
	h.clock.advance(time.Minute)
	if err := change(officer, good, "Other-horse8"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.list.Verify(ctx, "anna", "Other-horse8", office); err != nil {
		t.Errorf("the new password: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := h.ChangePassword(cancelled, officer, acts.ChangePassword{Current: "Other-horse8", New: good}); acts.CodeOf(err) != acts.Unavailable {
		t.Errorf("interrupted: %v", err)
	}
	for _, list := range [][]string{h.records(t, audit.Done), h.records(t, audit.Refused), h.records(t, audit.Failed)} {
		if text := strings.Join(list, "\n"); strings.Contains(text, "horse") {
			t.Errorf("records hold a password: %s", text)
		}
	}
}

// TestAPasswordThatWasSetMeanwhileStays lets an administrator set a password
// while whoever has the old one is changing it.
func TestAPasswordThatWasSetMeanwhileStays(t *testing.T) {
	h := newHouse(t)
	derive, set := h.list.hasher.derive, false
	h.list.hasher.derive = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		if !set {
			set = true
			if _, err := h.SetPassword(ctx, boss, acts.SetPassword{Name: "anna", Password: "Rescued-horse1"}); err != nil {
				t.Error(err)
			}
		}
		return derive(password, salt, time, memory, threads, size)
	}
	_, err := h.ChangePassword(ctx, officer, acts.ChangePassword{Current: good, New: "Thief-horse2"})
	refused(t, err, acts.Stale, "account password by admin from 192.0.2.1")
	if _, err := h.list.Verify(ctx, "anna", "Rescued-horse1", office); err != nil {
		t.Errorf("the password of the administrator: %v", err)
	}
}
