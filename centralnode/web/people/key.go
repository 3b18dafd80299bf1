package people

import (
	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// keyField is the field of forms about public keys.
const keyField = "key"

func (m *room) addKey(r *page.Request) (page.Outcome, error) {
	a, err := m.find(r)
	if err != nil {
		return page.Outcome{}, err
	}
	return m.adding(r, a.Name, a.Path(), m.showing)
}

func (m *room) addOwnKey(r *page.Request) (page.Outcome, error) {
	return m.adding(r, r.Actor.Account, ownPath, func(r *page.Request, f *fault) (page.View, error) { return m.owning(r, f) })
}

// adding lets a key sign in as an account; what was typed does not come back:
// it may be a private key by mistake.
func (m *room) adding(r *page.Request, name, to string, show func(*page.Request, *fault) (page.View, error)) (page.Outcome, error) {
	c, err := m.backend.AddKey(r.Context(), r.Actor, acts.AddKey{Account: name, Line: r.PostFormValue(keyField)})
	if err != nil {
		if f, ok := taken(err, keyField); ok {
			v, err := show(r, f)
			return page.Outcome{Page: &v}, err
		}
		return page.Outcome{}, err
	}
	added := c.Account.Keys[len(c.Account.Keys)-1] // the newest is the last
	return page.Outcome{To: to, Notice: done("The key was added", added.Fingerprint)}, nil
}

func (m *room) askDeleteKey(r *page.Request) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	return m.askingKey(r, a.Name, a.Path(), above(page.Link{Text: a.Name, Path: a.Path()}))
}

func (m *room) askDeleteOwnKey(r *page.Request) (page.View, error) {
	return m.askingKey(r, r.Actor.Account, ownPath, []page.Link{{Text: ownTitle, Path: ownPath}})
}

func (m *room) askingKey(r *page.Request, name, to string, over []page.Link) (page.View, error) {
	in := acts.DeleteKey{Account: name, Fingerprint: r.Param(keyField)}
	p, err := m.backend.PreviewDeleteKey(r.Context(), r.Actor, in)
	if err != nil {
		return page.View{}, err
	}
	return m.kit.Ask(page.Confirm{
		Title: "Delete this public key?", Above: over, Preview: p, Post: to + "/keys/delete",
		Fields: []page.Field{{Name: keyField, Value: in.Fingerprint}}, Cancel: to, Danger: true,
	}), nil
}

func (m *room) deleteKey(r *page.Request) (page.Outcome, error) {
	a, err := m.find(r)
	if err != nil {
		return page.Outcome{}, err
	}
	return m.deletingKey(r, a.Name, a.Path())
}

func (m *room) deleteOwnKey(r *page.Request) (page.Outcome, error) {
	return m.deletingKey(r, r.Actor.Account, ownPath)
}

func (m *room) deletingKey(r *page.Request, name, to string) (page.Outcome, error) {
	in := acts.DeleteKey{Account: name, Fingerprint: r.PostFormValue(keyField), Revision: r.Revision()}
	c, err := m.backend.DeleteKey(r.Context(), r.Actor, in)
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: to, Notice: done("The key was deleted", ended(c.Ended, ""))}, nil
}
