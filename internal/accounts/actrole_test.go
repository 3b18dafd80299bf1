package accounts

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/audit"
	"vedette/internal/kv"
)

// clerk manages the accounts of those who are no local administrators.
var clerk = acts.Actor{Account: "clerk", Role: acts.Administrator, Face: acts.FaceWeb, From: "192.0.2.5"}

// role reads an account's role.
func (h *house) account(t *testing.T, name string) acts.Account {
	t.Helper()
	list, err := h.Accounts(ctx, atHome)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Accounts {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("no account %s", name)
	return acts.Account{}
}

func TestAChangedRoleEndsTheSessionsThatHadTheOldOne(t *testing.T) {
	h := newHouse(t)
	anna, other := h.enter(officer, ""), h.enter(boss, "")
	p, err := h.PreviewSetRole(ctx, boss, acts.SetRole{Name: "ANNA", Role: acts.SecurityAuditor})
	if err != nil || !p.Asks || p.Act != ActSetRole || p.Consequences[0].Count != 1 || !strings.Contains(p.Lines[0], "anna, which has the role Security officer, will have the role Security auditor") {
		t.Fatalf("%+v, %v", p, err)
	}
	change, err := h.SetRole(ctx, boss, acts.SetRole{Name: "ANNA", Role: acts.SecurityAuditor, Revision: p.Revision})
	if err != nil || change.Account.Role != acts.SecurityAuditor || change.Ended != 1 || !slices.Equal(h.ended, []uint64{anna.Session}) {
		t.Fatalf("%+v, %v; ended %v", change, err, h.ended)
	}
	if !h.table.While(other.Session, func() {}) {
		t.Error("another's session was ended")
	}
	if got, err := h.list.Verify(ctx, "anna", good, office); err != nil || got.Role != string(acts.SecurityAuditor) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, role := range []acts.Role{"", "root", "Administrator"} {
		refused(t, second(h.SetRole(ctx, boss, acts.SetRole{Name: "anna", Role: role})), acts.Invalid, "role")
	}
	refused(t, second(h.SetRole(ctx, boss, acts.SetRole{Name: "anna", Role: acts.SecurityAuditor})), acts.Refused, "already")
	refused(t, second(h.SetRole(ctx, boss, acts.SetRole{Name: "nobody", Role: acts.Administrator})), acts.NotFound, "")
	refused(t, second(h.SetRole(ctx, boss, acts.SetRole{Name: "anna", Role: acts.Administrator, Revision: p.Revision})), acts.Stale, "account role by admin")
	if got := h.records(t, audit.Done); !slices.Equal(got, []string{"admin: account role ANNA security-auditor"}) {
		t.Errorf("records %q", got)
	}
}

func TestADisabledAccountIsOutAtOnceAndComesBackWithWhatItHad(t *testing.T) {
	h := newHouse(t)
	if _, err := h.AddKey(ctx, officer, acts.AddKey{Line: keyLine(1, "")}); err != nil {
		t.Fatal(err)
	}
	anna := h.enter(officer, "")
	p, err := h.PreviewDisableAccount(ctx, boss, acts.DisableAccount{Name: "anna"})
	if err != nil || !p.Asks || p.Consequences[0].Count != 1 || !strings.Contains(strings.Join(p.Lines, " "), "public keys stay") {
		t.Fatalf("%+v, %v", p, err)
	}
	change, err := h.DisableAccount(ctx, boss, acts.DisableAccount{Name: "anna", Revision: p.Revision})
	if err != nil || !change.Account.Disabled || change.Ended != 1 || len(change.Account.Keys) != 1 || h.table.While(anna.Session, func() {}) {
		t.Fatalf("%+v, %v", change, err)
	}
	refused(t, second(h.ChangePassword(ctx, anna, acts.ChangePassword{Current: good, New: "Other-horse8"})), acts.Refused, "current password")
	refused(t, second(h.DisableAccount(ctx, boss, acts.DisableAccount{Name: "anna"})), acts.Refused, "already")
	refused(t, second(h.EnableAccount(ctx, boss, acts.EnableAccount{Name: "anna", Revision: p.Revision})), acts.Stale, "account disable by admin")
	back, err := h.EnableAccount(ctx, boss, acts.EnableAccount{Name: "anna"})
	if err != nil || back.Account.Disabled || back.Ended != 0 {
		t.Fatalf("%+v, %v", back, err)
	}
	refused(t, second(h.EnableAccount(ctx, boss, acts.EnableAccount{Name: "anna"})), acts.Refused, "already")
	refused(t, second(h.EnableAccount(ctx, boss, acts.EnableAccount{Name: "nobody"})), acts.NotFound, "")
	if _, err := h.list.Verify(ctx, "anna", good, office); err != nil {
		t.Error(err)
	}
	want := []string{"admin: account disable anna", "admin: account enable anna"}
	if got := h.records(t, audit.Done)[1:]; !slices.Equal(got, want) {
		t.Errorf("records %q", got)
	}
}

// TestSomebodyIsAlwaysLeftWhoMayDoEverything tries every way to be rid of the
// last enabled local administrator.
func TestSomebodyIsAlwaysLeftWhoMayDoEverything(t *testing.T) {
	h := newHouse(t)
	ways := func(who acts.Actor, name string) []error {
		return []error{
			second(h.PreviewDeleteAccount(ctx, who, acts.DeleteAccount{Name: name})),
			second(h.DeleteAccount(ctx, who, acts.DeleteAccount{Name: name})),
			second(h.PreviewDisableAccount(ctx, who, acts.DisableAccount{Name: name})),
			second(h.DisableAccount(ctx, who, acts.DisableAccount{Name: name})),
			second(h.PreviewSetRole(ctx, who, acts.SetRole{Name: name, Role: acts.SecurityAuditor})),
			second(h.SetRole(ctx, who, acts.SetRole{Name: name, Role: acts.SecurityAuditor})),
		}
	}
	for _, err := range ways(atHome, "admin") {
		refused(t, err, acts.Refused, "last local administrator")
	}
	// A disabled one is no help, and may go.
	if _, err := h.CreateAccount(ctx, boss, acts.CreateAccount{Name: "chris", Role: acts.LocalAdministrator, Password: "Chris-horse7"}); err != nil {
		t.Fatal(err)
	}
	for _, err := range ways(boss, "admin") {
		refused(t, err, acts.Refused, "the account that he is signed in with")
	}
	if _, err := h.DisableAccount(ctx, boss, acts.DisableAccount{Name: "chris"}); err != nil {
		t.Fatal(err)
	}
	for _, err := range ways(atHome, "admin") {
		refused(t, err, acts.Refused, "last local administrator")
	}
	if _, err := h.SetRole(ctx, boss, acts.SetRole{Name: "chris", Role: acts.Administrator}); err != nil {
		t.Errorf("a disabled local administrator keeps the role: %v", err)
	}
}

// TestTwoAdministratorsCannotDisableOrDemoteEachOther lets both decide on the
// same state, which the store then does not allow.
func TestTwoAdministratorsCannotDisableOrDemoteEachOther(t *testing.T) {
	for name, deprive := range map[string]func(*house, deprivation) error{
		ActDisable: func(h *house, d deprivation) error {
			return second(h.list.SetDisabled(ctx, d.account, true, d.depends...))
		},
		ActSetRole: func(h *house, d deprivation) error {
			return second(h.list.SetRole(ctx, d.account, "administrator", d.depends...))
		},
	} {
		h := newHouse(t)
		if _, err := h.list.Create(ctx, "chris", string(acts.LocalAdministrator), good, Own); err != nil {
			t.Fatal(err)
		}
		one, err1 := h.toDeprive(ctx, acts.Actor{Account: "chris", Role: acts.LocalAdministrator}, name, "admin", 0)
		other, err2 := h.toDeprive(ctx, boss, name, "chris", 0)
		if err := errors.Join(err1, err2, deprive(h, one)); err != nil {
			t.Fatal(err)
		}
		var conflict *kv.ConflictError
		if err := deprive(h, other); !errors.As(err, &conflict) {
			t.Errorf("%s: nobody is left who may make accounts: %v", name, err)
		}
	}
}

func TestAnAdministratorManagesAllButLocalAdministrators(t *testing.T) {
	h := newHouse(t)
	if _, err := h.CreateAccount(ctx, boss, acts.CreateAccount{Name: clerk.Account, Role: clerk.Role, Password: good}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddKey(ctx, boss, acts.AddKey{Line: keyLine(1, "")}); err != nil {
		t.Fatal(err)
	}
	key := h.account(t, "admin").Keys[0].Fingerprint
	for what, err := range map[string]error{
		"make one":      second(h.CreateAccount(ctx, clerk, acts.CreateAccount{Name: "new", Role: acts.LocalAdministrator, Password: good})),
		"promote":       second(h.SetRole(ctx, clerk, acts.SetRole{Name: "anna", Role: acts.LocalAdministrator})),
		"promote self":  second(h.SetRole(ctx, clerk, acts.SetRole{Name: clerk.Account, Role: acts.LocalAdministrator})),
		"delete":        second(h.DeleteAccount(ctx, clerk, acts.DeleteAccount{Name: "admin"})),
		"delete?":       second(h.PreviewDeleteAccount(ctx, clerk, acts.DeleteAccount{Name: "admin"})),
		"role":          second(h.SetRole(ctx, clerk, acts.SetRole{Name: "ADMIN", Role: acts.SecurityAuditor})),
		"role?":         second(h.PreviewSetRole(ctx, clerk, acts.SetRole{Name: "admin", Role: acts.SecurityAuditor})),
		"disable":       second(h.DisableAccount(ctx, clerk, acts.DisableAccount{Name: "admin"})),
		"disable?":      second(h.PreviewDisableAccount(ctx, clerk, acts.DisableAccount{Name: "admin"})),
		"enable":        second(h.EnableAccount(ctx, clerk, acts.EnableAccount{Name: "admin"})),
		"password":      second(h.SetPassword(ctx, clerk, acts.SetPassword{Name: "admin", Password: "Other-horse8"})),
		"add key":       second(h.AddKey(ctx, clerk, acts.AddKey{Account: "admin", Line: keyLine(2, "")})),
		"delete key":    second(h.DeleteKey(ctx, clerk, acts.DeleteKey{Account: "admin", Fingerprint: key})),
		"delete key?":   second(h.PreviewDeleteKey(ctx, clerk, acts.DeleteKey{Account: "admin", Fingerprint: key})),
		"take factor":   second(h.RemoveSecondFactor(ctx, clerk, acts.RemoveSecondFactor{Name: "admin"})),
		"take factor ?": second(h.PreviewRemoveSecondFactor(ctx, clerk, acts.RemoveSecondFactor{Name: "admin"})),
	} {
		if e, ok := err.(*acts.Error); !ok || e.Code != acts.NotAllowed || !strings.Contains(e.Text, "local administrator") || e.Hint == "" {
			t.Errorf("%s: %+v", what, err)
		}
	}
	if _, err := h.list.Verify(ctx, "admin", good, office); err != nil {
		t.Errorf("the local administrator is touched: %v", err)
	}
	for what, err := range map[string]error{
		"make":     second(h.CreateAccount(ctx, clerk, acts.CreateAccount{Name: "new", Role: acts.Administrator, Password: good})),
		"role":     second(h.SetRole(ctx, clerk, acts.SetRole{Name: "anna", Role: acts.SecurityAuditor})),
		"password": second(h.SetPassword(ctx, clerk, acts.SetPassword{Name: "anna", Password: "Other-horse8"})),
		"key":      second(h.AddKey(ctx, clerk, acts.AddKey{Account: "anna", Line: keyLine(3, "")})),
		"disable":  second(h.DisableAccount(ctx, clerk, acts.DisableAccount{Name: "anna"})),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.EnableAccount(ctx, clerk, acts.EnableAccount{Name: "anna"}); err != nil {
		t.Error(err)
	}
	if _, err := h.DeleteAccount(ctx, clerk, acts.DeleteAccount{Name: "anna"}); err != nil {
		t.Error(err)
	}
}

func TestAPasswordThatAnotherKnowsIsToBeChanged(t *testing.T) {
	h := newHouse(t)
	must := func(name string, want bool, after string) {
		t.Helper()
		if got := h.account(t, name).MustChange; got != want {
			t.Errorf("%s: %s must change: %v", after, name, got)
		}
	}
	must("admin", false, "from a file of the administrator")
	made, err := h.CreateAccount(ctx, boss, acts.CreateAccount{Name: "bob", Role: acts.Administrator, Password: "Bobs-horse7"})
	if err != nil || !made.Account.MustChange {
		t.Errorf("%+v, %v", made, err)
	}
	bob := h.enter(acts.Actor{Account: "bob", Role: acts.Administrator, From: "192.0.2.9"}, "")
	if _, err := h.ChangePassword(ctx, bob, acts.ChangePassword{Current: "Bobs-horse7", New: "Bobs-own-horse8"}); err != nil {
		t.Fatal(err)
	}
	must("bob", false, "changed")
	if _, err := h.SetPassword(ctx, boss, acts.SetPassword{Name: "bob", Password: "Boss-horse8"}); err != nil {
		t.Fatal(err)
	}
	must("bob", true, "set by another")
	if _, err := h.SetPassword(ctx, boss, acts.SetPassword{Name: "ADMIN", Password: "Boss-horse8"}); acts.CodeOf(err) != acts.Refused {
		t.Errorf("somebody sets his own password without the present one: %v", err)
	}
	must("admin", false, "not set by himself")
	if _, err := h.SetPassword(ctx, atHome, acts.SetPassword{Name: "admin", Password: "Boss-horse8"}); err != nil {
		t.Fatal(err)
	}
	must("admin", true, "set on the console")
}
