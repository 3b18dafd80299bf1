package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vedette/internal/acts"
)

// Titles of the windows of accounts.
const (
	titleAccounts   = "Accounts and keys"
	titleNewAccount = "New account"
	titleAccount    = "Account"
)

// consoleAccount is what the console is called, which has no account.
const consoleAccount = "local"

// console reports whether the person came in without an account.
func (s *menuSession) console() bool { return strings.EqualFold(s.who.Account, consoleAccount) }

// owns reports whether the person is signed in with an account.
func (s *menuSession) owns(name string) bool {
	return !s.console() && strings.EqualFold(s.who.Account, name)
}

// managers are the roles that manage the accounts of others. The daemon decides;
// the menu only does not let somebody fill in a form in vain.
var managers = []acts.Role{acts.LocalAdministrator, acts.Administrator}

// manages reports whether the person's role is one that manages accounts.
func (s *menuSession) manages() bool { return slices.Contains(managers, s.who.Role) }

// mayChange reports whether the person may change an account: everybody his own,
// and only a Local administrator that of another Local administrator.
func (s *menuSession) mayChange(a acts.Account) bool {
	return s.owns(a.Name) || s.manages() && (a.Role != acts.LocalAdministrator || s.who.Role == acts.LocalAdministrator)
}

// accountsWindow is Accounts and keys, with what begins there.
type accountsWindow struct {
	menu    *menuSession
	backend People
	window  *window
	table   *table
	said    []line // how the last act ended
}

// accounts is Accounts and keys: who may sign in.
func (s *menuSession) accounts(b People) {
	m := &accountsWindow{menu: s, backend: b}
	m.table = &table{
		columns: []column{{title: "Name"}, {title: "Role", width: 23}, {title: "Keys", width: 4}, {title: "Sessions", width: 8}, {title: "Password set", width: 16}},
		open:    func(r tableRow) { m.said = nil; m.account(r.key) },
	}
	m.window = &window{title: titleAccounts, part: m.table, text: text{lines: []line{words("Loading ...")}}}
	m.window.live = watch(m.load, func(l acts.AccountList) {
		m.window.text.set(append(append([]line(nil), m.said...), s.notManaging()...))
		m.table.empty = "Nobody may sign in."
		m.table.set(s.accountRows(l))
	})
	if s.manages() {
		m.window.buttons = []button{{"New account", m.create}}
	}
	m.window.buttons = append(m.window.buttons, button{wordClose, func() { s.close(m.window) }})
	s.open(m.window)
}

func (m *accountsWindow) load(ctx context.Context) (acts.AccountList, error) {
	return m.backend.Accounts(ctx, m.menu.who)
}

// notManaging says why a person sees less than others; nothing when he does
// not.
func (s *menuSession) notManaging() []line {
	if s.manages() {
		return nil
	}
	return append([]line{words("Your own keys and password are yours to change.")}, s.mayNot("manage accounts", managers...)[1:]...)
}

// accountRows are the rows of the table.
func (s *menuSession) accountRows(l acts.AccountList) []tableRow {
	rows := make([]tableRow, 0, len(l.Accounts))
	for _, a := range l.Accounts {
		name := a.Name
		if s.owns(name) {
			name += " (you)"
		}
		rows = append(rows, tableRow{key: a.Name, cells: []string{
			name, string(a.Role), fmt.Sprint(len(a.Keys)), fmt.Sprint(a.Sessions), a.Changed.UTC().Format("2006-01-02 15:04"),
		}, note: accountNote(a)})
	}
	return rows
}

// accountNote says of an account in the table what is not as usual.
func accountNote(a acts.Account) string {
	var notes []string
	if a.Disabled {
		notes = append(notes, "disabled")
	}
	if a.MustChange {
		notes = append(notes, "has to change the password")
	}
	if a.SecondFactor {
		notes = append(notes, "second factor on")
	}
	return strings.Join(notes, ", ")
}

// create is the window of a new account.
func (m *accountsWindow) create() {
	s := m.menu
	m.said = nil
	name, password, repeat := newField("Name", ""), passwordField("Password"), passwordField("Repeat password")
	roles := newPicker("Role", s.roleWords())
	lines := append([]line{
		words("A name has Latin letters, digits, dots, dashes and underscores, a letter or a digit first."), blank(),
	}, passwordRules()...)
	fields := []*field{name, roles.field, password, repeat}
	var w *window
	ok := func(*window) {
		in := acts.CreateAccount{Name: name.String(), Role: acts.Role(roles.word()), Password: password.String()}
		if s.mistyped(w, password, repeat) {
			return
		}
		act(s, titleNewAccount, func(ctx context.Context) (acts.AccountChange, error) {
			return m.backend.CreateAccount(ctx, s.who, in)
		}, func(c acts.AccountChange) {
			m.said = []line{heading("The account " + c.Account.Name + " was made."), words("Its owner has to change the password: in Change password, or when signing in to the web interface."), blank()}
			m.table.selected, m.window.focus = c.Account.Name, inPart
			s.close(w)
		})
	}
	w = s.input(titleNewAccount, lines, fields, ok)
	w.part = &pickForm{form: form{fields: fields, done: func() { ok(w) }}, picker: roles}
}

// roleWords are the roles that the person may give, the least powerful first.
func (s *menuSession) roleWords() []string {
	var all []string
	for _, r := range acts.Roles() {
		if r != acts.LocalAdministrator || s.who.Role == acts.LocalAdministrator {
			all = append([]string{string(r)}, all...)
		}
	}
	return all
}

// endedText says how many sessions a change ended.
func endedText(n int, other string) string {
	switch n {
	case 0:
		return "No " + other + "session had to be ended."
	case 1:
		return "1 " + other + "session was ended."
	}
	return fmt.Sprintf("%d %ssessions were ended.", n, other)
}
