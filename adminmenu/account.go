package adminmenu

import (
	"context"
	"fmt"
	"slices"

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
	switch {
	case s.mayChange(now):
	case now.Role == acts.LocalAdministrator:
		lines = append(lines, s.mayNot("change this account", acts.LocalAdministrator)[1:]...)
	default:
		lines = append(lines, s.mayNot("change this account", managers...)[1:]...)
	}
	m.table.empty = "No public key: only the password signs in."
	if now.Disabled {
		m.table.empty = "No public key."
	}
	w.text.set(lines)
	m.table.set(keyRows(now.Keys))
	w.renew(m.buttons(now))
}

// renew gives a window other buttons. The focus stays on the same one, or on the
// one that has taken its place.
func (w *window) renew(all []button) {
	if w.focus != inPart && w.focus < len(w.buttons) {
		word := w.buttons[w.focus].word
		if i := slices.IndexFunc(all, func(b button) bool { return b.word == word }); i >= 0 {
			w.focus = i
		}
		w.focus = min(w.focus, len(all)-1)
	}
	w.buttons = all
}

// buttons are what the person may do with the account as it is now.
func (m *accountWindow) buttons(now acts.Account) []button {
	s := m.menu
	own, may := s.owns(m.name), s.mayChange(now)
	var all []button
	switch {
	case own:
		all = append(all, button{titleChangePassword, func() { m.said = nil; s.changePassword(m.backend) }})
	case may:
		all = append(all, button{titleSetPassword, m.setPassword})
	}
	if may {
		all = append(all, button{titleAddKey, m.addKey}, button{wordDeleteKey, m.deleteSelected})
	}
	if may && !own {
		state := button{wordDisable, m.disable}
		if now.Disabled {
			state = button{wordEnable, m.enable}
		}
		all = append(all, state)
		if now.SecondFactor {
			all = append(all, button{wordRemoveFactor, m.removeSecondFactor})
		}
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
	state, password, factor := value("State", "Enabled"), moment(a.Changed), "Off: the password alone signs in"
	if a.Disabled {
		state = warn("State           Disabled: neither password nor keys sign in")
	}
	if a.MustChange {
		password += ", by another: has to be changed"
	}
	if a.SecondFactor {
		factor = "On: a code is asked for after the password"
	}
	return []line{
		value("Name", name),
		value("Role", string(a.Role)),
		state,
		value("Made", moment(a.Created)),
		value("Password set", password),
		value("Second factor", factor),
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
