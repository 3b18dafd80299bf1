package people

import (
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

type ownData struct {
	acts.Account
	Sessions      []acts.AccountSession
	Others        bool // there are sessions beside this one
	Secrets       []secret
	PasswordFault *fault
	KeyFault      *fault
}

// own is the page of one's own account.
func (m *room) own(r *page.Request) (page.View, error) { return m.owning(r, nil) }

func (m *room) owning(r *page.Request, f *fault) (page.View, error) {
	mine, err := m.mine(r)
	if err != nil {
		return page.View{}, err
	}
	sessions, err := m.backend.OwnSessions(r.Context(), r.Actor)
	if err != nil {
		return page.View{}, err
	}
	data := ownData{
		Account: mine, Sessions: sessions, Others: len(sessions) > 1, PasswordFault: f.of(""), KeyFault: f.of(keyField),
		Secrets: append([]secret{{ID: "current", Label: "Current password", Autocomplete: autoCurrent, Fault: f.of("current")}}, newSecrets("New password", f)...),
	}
	v := page.View{Template: "people/own.html", Title: ownTitle, Data: data}
	if f != nil {
		v.Status = 422
	}
	return v, nil
}

// mine reads one's own account.
func (m *room) mine(r *page.Request) (acts.Account, error) {
	list, err := m.backend.Accounts(r.Context(), r.Actor)
	if err != nil {
		return acts.Account{}, err
	}
	for _, a := range list.Accounts {
		if strings.EqualFold(a.Name, r.Actor.Account) {
			return a, nil
		}
	}
	return acts.Account{}, &acts.Error{Code: acts.NotFound, Text: "your account is not there any more", Hint: "ask a local administrator"}
}

// changePassword changes one's own password.
func (m *room) changePassword(r *page.Request) (page.Outcome, error) {
	refused := func(f *fault) (page.Outcome, error) {
		v, err := m.owning(r, f)
		return page.Outcome{Page: &v}, err
	}
	password, wrong := typedTwice(r)
	if wrong != nil {
		return refused(wrong)
	}
	c, err := m.backend.ChangePassword(r.Context(), r.Actor, acts.ChangePassword{Current: r.PostFormValue("current"), New: password})
	if err != nil {
		if f, ok := taken(err, passwordField(err)); ok {
			return refused(f)
		}
		return page.Outcome{}, err
	}
	return page.Outcome{To: ownPath, Notice: done("Your password is changed", ended(c.Ended, "other "))}, nil
}

// signOutElsewhere ends one's other sessions, over whatever door.
func (m *room) signOutElsewhere(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.EndOtherSessions(r.Context(), r.Actor)
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: ownPath, Notice: done("You are signed in here only", ended(c.Ended, "other "))}, nil
}
