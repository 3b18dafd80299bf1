package adminmenu

import (
	"context"
	"slices"

	"vedette/internal/acts"
)

// Words of the windows of keys.
const (
	titleAddKey   = "Add key"
	titleKey      = "Public key"
	wordDeleteKey = "Delete key"
)

// keyRows are the rows of an account's keys.
func keyRows(keys []acts.PublicKey) []tableRow {
	rows := make([]tableRow, 0, len(keys))
	for _, k := range keys {
		about := k.Type + " " + k.Added.UTC().Format("2006-01-02")
		if k.Comment != "" {
			about += " " + k.Comment
		}
		rows = append(rows, tableRow{key: k.Fingerprint, cells: []string{k.Fingerprint, about}})
	}
	return rows
}

// keyLines shows a key.
func keyLines(k acts.PublicKey) []line {
	return []line{
		value("Fingerprint", k.Fingerprint),
		value("Type", k.Type),
		value("Comment", k.Comment),
		value("Added", moment(k.Added)),
	}
}

// key opens the window of a key.
func (m *accountWindow) key(fingerprint string) {
	s := m.menu
	m.said = nil
	for _, k := range m.last.Keys {
		if k.Fingerprint != fingerprint {
			continue
		}
		w := s.show(titleKey, append([]line{value("Account", m.name)}, keyLines(k)...))
		if s.mayChange(m.last) {
			w.buttons = append([]button{{wordDeleteKey, func() { s.close(w); m.deleteKey(fingerprint) }}}, w.buttons...)
			w.focus = 1
		}
	}
}

// deleteSelected withdraws the selected key.
func (m *accountWindow) deleteSelected() {
	r, ok := m.table.current()
	if !ok {
		m.menu.notice = "There is no key to delete."
		return
	}
	m.deleteKey(r.key)
}

// deleteKey withdraws a key, and asks first.
func (m *accountWindow) deleteKey(fingerprint string) {
	s, in := m.menu, acts.DeleteKey{Account: m.name, Fingerprint: fingerprint, Revision: m.last.Revision}
	m.said = nil
	fetch(s, wordDeleteKey, func(ctx context.Context) (acts.Preview, error) {
		return m.backend.PreviewDeleteKey(ctx, s.who, in)
	}, func(p acts.Preview) {
		s.ask(titleConfirm, append(previewLines(p), blank(), words("Delete this key?")), wordYes, wordNo, func() {
			in.Revision = p.Revision
			act(s, wordDeleteKey, func(ctx context.Context) (acts.AccountChange, error) {
				return m.backend.DeleteKey(ctx, s.who, in)
			}, func(c acts.AccountChange) {
				m.window.focus = inPart
				m.said = []line{heading("The key " + fingerprint + " was deleted. " + endedText(c.Ended, "")), blank()}
				s.backTo(m.window)
			})
		})
	})
}

// addKey lets one more key sign in. What was typed or pasted is off the screen
// as soon as it was given to the daemon, whatever that says.
func (m *accountWindow) addKey() {
	s := m.menu
	m.said = nil
	t := &keyText{again: func() { s.notice = "Tab goes to the buttons." }}
	w := &window{title: titleAddKey, part: t, closed: t.forget, text: text{lines: []line{
		words("Paste the public key that shall sign in as " + m.name + ": the line of the .pub file, or of authorized_keys. Then press Tab, and ENTER on [" + titleAddKey + "]."),
	}}}
	add := func() {
		in := acts.AddKey{Account: m.name, Line: t.String()}
		t.forget()
		w.focus = inPart
		if in.Line == "" {
			s.notice = "There is no key yet: paste it first."
			return
		}
		before := m.last.Keys
		act(s, titleAddKey, func(ctx context.Context) (acts.AccountChange, error) {
			return m.backend.AddKey(ctx, s.who, in)
		}, func(c acts.AccountChange) {
			m.said, m.window.focus = nil, inPart
			for _, k := range added(before, c.Account.Keys) {
				m.said = append(m.said, heading("The key "+k.Fingerprint+" was added."), blank())
				m.table.selected = k.Fingerprint
			}
			s.close(w)
		})
	}
	w.buttons = []button{{titleAddKey, add}, {wordCancel, func() { s.close(w) }}}
	w.unsaved = func() string {
		if t.String() != "" {
			return "What you pasted here is lost when you leave. Leave?"
		}
		return ""
	}
	s.open(w)
}

// added are the keys that an account has now and had not before.
func added(before, now []acts.PublicKey) []acts.PublicKey {
	return slices.DeleteFunc(slices.Clone(now), func(k acts.PublicKey) bool {
		return slices.ContainsFunc(before, func(old acts.PublicKey) bool { return old.Fingerprint == k.Fingerprint })
	})
}
