package adminmenu

import (
	"context"

	"vedette/internal/acts"
)

// Titles of the windows of passwords.
const (
	titleChangePassword = "Change password"
	titleSetPassword    = "Set password"
)

// maxPasswordField is more than any daemon takes: it refuses what is too long,
// and no field cuts a password without a word.
const maxPasswordField = 1024

// passwordField is a field for a password.
func passwordField(label string) *field {
	f := secretField(label)
	f.limit = maxPasswordField
	return f
}

// passwordRules are the documented rules, for windows that take a password.
func passwordRules() []line {
	return []line{
		words("A password has at least 8 characters of three of these four classes: lower case, upper case, digits, others. It is not the user name."),
	}
}

// mistyped takes what was typed off the window before it is acted upon, and
// tells the person when the last two are not the same. Further fields are
// forgotten as well.
func (s *menuSession) mistyped(w *window, password, repeat *field, more ...*field) bool {
	same := password.String() == repeat.String()
	for _, f := range append(more, password, repeat) {
		f.forget()
	}
	w.focus = inPart
	if f, ok := w.part.(interface{ vacant() }); ok {
		f.vacant()
	}
	if !same {
		s.refused(&acts.Error{Code: acts.Invalid, Text: "the new password was not repeated as it was typed first", Hint: "type it twice again"}, nil)
	}
	return !same
}

// vacant moves to the first field that is empty.
func (f *form) vacant() {
	for i, one := range f.fields {
		if len(one.value) == 0 {
			f.at = i
			return
		}
	}
}

// changePassword is Change password: the person's own.
func (s *menuSession) changePassword(b People) {
	if s.console() {
		s.consolePassword(b)
		return
	}
	current, password, repeat := passwordField("Current password"), passwordField("New password"), passwordField("Repeat the new one")
	lines := append([]line{words("Changes the password of " + s.who.Account + ". Your other sessions are ended then.")}, blank())
	s.input(titleChangePassword, append(lines, passwordRules()...), []*field{current, password, repeat}, func(w *window) {
		in := acts.ChangePassword{Current: current.String(), New: password.String()}
		if s.mistyped(w, password, repeat, current) {
			return
		}
		act(s, titleChangePassword, func(ctx context.Context) (acts.AccountChange, error) {
			return b.ChangePassword(ctx, s.who, in)
		}, func(c acts.AccountChange) {
			s.close(w)
			s.show(titleChangePassword, []line{heading("Your password is changed."), blank(), words(endedText(c.Ended, "other "))})
		})
	})
}

// consolePassword says why there is nothing to change here.
func (s *menuSession) consolePassword(b People) {
	w := &window{title: titleChangePassword, text: text{lines: []line{
		heading("The console has no password of its own."), blank(),
		words("You came in on the server itself, without an account: who may do that is decided by the operating system."), blank(),
		words("The password of admin, or of another account, is set in Accounts and keys: open the account there, and choose Set password."),
	}}}
	w.buttons = []button{
		{titleAccounts, func() { s.close(w); s.accounts(b) }},
		{wordClose, func() { s.close(w) }},
	}
	s.open(w)
}

// setPassword sets the password of somebody else.
func (m *accountWindow) setPassword() {
	s, name := m.menu, m.name
	m.said = nil
	password, repeat := passwordField("New password"), passwordField("Repeat the new one")
	lines := append([]line{words("Sets the password of " + name + ". All sessions of " + name + " are ended then."), blank()}, passwordRules()...)
	s.input(titleSetPassword, lines, []*field{password, repeat}, func(w *window) {
		in := acts.SetPassword{Name: name, Password: password.String()}
		if s.mistyped(w, password, repeat) {
			return
		}
		act(s, titleSetPassword, func(ctx context.Context) (acts.AccountChange, error) {
			return m.backend.SetPassword(ctx, s.who, in)
		}, func(c acts.AccountChange) {
			m.said = []line{heading("The password of " + name + " is set. " + endedText(c.Ended, "")), blank()}
			s.close(w)
		})
	})
}
