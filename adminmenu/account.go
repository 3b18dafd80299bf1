package adminmenu

import (
	"context"
	"fmt"

	"vedette/internal/acts"
)

// accountWindow is one account, with what begins there.
type accountWindow struct {
	menu    *menuSession
	backend People
	above   *accountsWindow
	window  *window
	table   *table // of keys
	name    string
	last    acts.Account // as shown
	said    []line       // how the last act ended
}

// account opens the window of an account.
func (a *accountsWindow) account(name string) {
	s := a.menu
	m := &accountWindow{menu: s, backend: a.backend, above: a, name: name}
	m.table = &table{
		columns: []column{{title: "Public key", width: 50}, {title: "Type, added, comment", wrap: true}},
		open:    func(r tableRow) { m.key(r.key) },
	}
	m.window = &window{title: titleAccount, part: m.table, text: text{lines: []line{words("Loading ...")}}}
	m.window.live = watch(func(ctx context.Context) (acts.Account, error) {
		list, err := a.load(ctx)
		if err != nil {
			return acts.Account{}, err
		}
		for _, one := range list.Accounts {
			if one.Name == name {
				return one, nil
			}
		}
		return acts.Account{}, nil
	}, m.show)
	s.open(m.window)
}

// show shows the account as it is now; one without a name is gone.
func (m *accountWindow) show(now acts.Account) {
	s, w := m.menu, m.window
	if now.Name == "" {
		w.text.set([]line{alarm("The account " + m.name + " does not exist any more: it was deleted.")})
		m.table.set(nil)
		m.table.empty = ""
		w.buttons, w.focus = []button{{wordClose, func() { s.close(w) }}}, 0
		return
	}
	m.last = now
	lines := append(append([]line(nil), m.said...), accountLines(now, s.owns(now.Name))...)
	if !s.owns(now.Name) {
		lines = append(lines, s.mayNot("change this account", acts.LocalAdministrator)...)
	}
	m.table.empty = "No public key: only the password signs in."
	w.text.set(lines)
	m.table.set(keyRows(now.Keys))
	if len(w.buttons) == 0 {
		w.buttons = m.buttons()
	}
}

// buttons are what the person may do with the account.
func (m *accountWindow) buttons() []button {
	s := m.menu
	own := s.owns(m.name)
	var all []button
	switch {
	case own:
		all = append(all, button{titleChangePassword, func() { m.said = nil; s.changePassword(m.backend) }})
	case s.manages():
		all = append(all, button{titleSetPassword, m.setPassword})
	}
	if own || s.manages() {
		all = append(all, button{titleAddKey, m.addKey}, button{wordDeleteKey, m.deleteSelected})
	}
	if !own && s.manages() {
		all = append(all, button{"Delete account", m.remove})
	}
	return append(all, button{wordClose, func() { s.close(m.window) }})
}

// accountLines shows an account.
func accountLines(a acts.Account, own bool) []line {
	name := a.Name
	if own {
		name += " (you)"
	}
	return []line{
		value("Name", name),
		value("Role", string(a.Role)),
		value("Made", moment(a.Created)),
		value("Password set", moment(a.Changed)),
		value("Sessions", fmt.Sprintf("%d signed in now", a.Sessions)),
	}
}

// remove deletes the account, once its name was typed.
func (m *accountWindow) remove() {
	s, name := m.menu, m.name
	m.said = nil
	fetch(s, "Delete account", func(ctx context.Context) (acts.Preview, error) {
		return m.backend.PreviewDeleteAccount(ctx, s.who, acts.DeleteAccount{Name: name, Revision: m.last.Revision})
	}, func(p acts.Preview) {
		s.askTyped(titleConfirm, previewLines(p), name, "Delete", wordCancel, func() {
			act(s, "Delete account", func(ctx context.Context) (acts.AccountChange, error) {
				return m.backend.DeleteAccount(ctx, s.who, acts.DeleteAccount{Name: name, Revision: p.Revision})
			}, func(c acts.AccountChange) {
				m.above.window.focus = inPart
				m.above.said = []line{heading("The account " + name + " was deleted. " + endedText(c.Ended, "")), blank()}
				s.backTo(m.above.window)
			})
		})
	})
}
