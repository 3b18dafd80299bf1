package people

import (
	"fmt"
	"slices"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/accounts"
	"vedette/internal/acts"
)

type oneData struct {
	account
	Roles    []page.Option
	KeyFault *fault
}

// find reads the account that the address names.
func (m *room) find(r *page.Request) (account, error) {
	name := r.PathValue("name")
	list, err := m.backend.Accounts(r.Context(), r.Actor)
	if err != nil {
		return account{}, err
	}
	for _, a := range m.described(r.Actor, list, m.backend.May(r.Actor, accounts.ActCreate)) {
		if strings.EqualFold(a.Name, name) { // as at signing in
			return a, nil
		}
	}
	return account{}, &acts.Error{Code: acts.NotFound, Text: "there is no such account", Hint: "it may have been deleted; the list of accounts shows who is there"}
}

// one is the page of an account.
func (m *room) one(r *page.Request) (page.View, error) { return m.showing(r, nil) }

func (m *room) showing(r *page.Request, f *fault) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	v := page.View{
		Template: "people/one.html", Title: "Account " + a.Name, Above: above(), Live: true,
		Data: oneData{account: a, Roles: roles(r.Actor, a.Role), KeyFault: f},
	}
	if f != nil {
		v.Status, v.Live = 422, false
	}
	return v, nil
}

// ask shows the window that asks before something happens to an account.
func (m *room) ask(a account, title, verb string, p acts.Preview, fields ...page.Field) page.View {
	return m.kit.Ask(page.Confirm{
		Title: title, Above: above(page.Link{Text: a.Name, Path: a.Path()}), Preview: p,
		Post: a.Path() + "/" + verb, Fields: fields, Cancel: a.Path(), Danger: true,
	})
}

func (m *room) askRole(r *page.Request) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	role := acts.Role(r.Param("role"))
	if !slices.Contains(acts.Roles(), role) {
		return page.View{}, &acts.Error{Code: acts.Invalid, Text: "no role was chosen", Hint: "go back and choose one"}
	}
	p, err := m.backend.PreviewSetRole(r.Context(), r.Actor, acts.SetRole{Name: a.Name, Role: role})
	if err != nil {
		return page.View{}, err
	}
	return m.ask(a, "Change the role of "+a.Name+"?", "role", p, page.Field{Name: "role", Value: string(role)}), nil
}

func (m *room) role(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.SetRole(r.Context(), r.Actor, acts.SetRole{Name: r.PathValue("name"), Role: acts.Role(r.PostFormValue("role")), Revision: r.Revision()})
	return m.changed(c, err, func() string { return c.Account.Name + " has the role " + c.Account.Role.Title() })
}

func (m *room) askDisable(r *page.Request) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	p, err := m.backend.PreviewDisableAccount(r.Context(), r.Actor, acts.DisableAccount{Name: a.Name})
	if err != nil {
		return page.View{}, err
	}
	return m.ask(a, "Disable the account "+a.Name+"?", "disable", p), nil
}

func (m *room) disable(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.DisableAccount(r.Context(), r.Actor, acts.DisableAccount{Name: r.PathValue("name"), Revision: r.Revision()})
	return m.changed(c, err, func() string { return "The account " + c.Account.Name + " is disabled" })
}

func (m *room) enable(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.EnableAccount(r.Context(), r.Actor, acts.EnableAccount{Name: r.PathValue("name"), Revision: r.Revision()})
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: listPath + "/" + c.Account.Name, Notice: done("The account "+c.Account.Name+" is enabled", "It signs in with what it had.")}, nil
}

func (m *room) askRemoveFactor(r *page.Request) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	p, err := m.backend.PreviewRemoveSecondFactor(r.Context(), r.Actor, acts.RemoveSecondFactor{Name: a.Name})
	if err != nil {
		return page.View{}, err
	}
	return m.ask(a, "Remove the second factor of "+a.Name+"?", "second-factor", p), nil
}

func (m *room) removeFactor(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.RemoveSecondFactor(r.Context(), r.Actor, acts.RemoveSecondFactor{Name: r.PathValue("name"), Revision: r.Revision()})
	return m.changed(c, err, func() string { return "The second factor of " + c.Account.Name + " was removed" })
}

// changed answers a change of an account.
func (m *room) changed(c acts.AccountChange, err error, title func() string) (page.Outcome, error) {
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: listPath + "/" + c.Account.Name, Notice: done(title(), ended(c.Ended, ""))}, nil
}

func (m *room) askDelete(r *page.Request) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	p, err := m.backend.PreviewDeleteAccount(r.Context(), r.Actor, acts.DeleteAccount{Name: a.Name})
	if err != nil {
		return page.View{}, err
	}
	return m.ask(a, "Delete the account "+a.Name+"?", "delete", p), nil
}

func (m *room) delete(r *page.Request) (page.Outcome, error) {
	c, err := m.backend.DeleteAccount(r.Context(), r.Actor, acts.DeleteAccount{Name: r.PathValue("name"), Revision: r.Revision()})
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: listPath, Notice: done("The account "+c.Account.Name+" was deleted", ended(c.Ended, ""))}, nil
}

type passwordData struct {
	account
	Fault   *fault
	Secrets []secret
}

// askPassword is the form of another's new password.
func (m *room) askPassword(r *page.Request) (page.View, error) { return m.settingPassword(r, nil) }

func (m *room) settingPassword(r *page.Request, f *fault) (page.View, error) {
	a, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	if a.Own {
		return page.View{}, &acts.Error{Code: acts.Refused, Text: "your own password is changed with the current one", Hint: "do it on the page of your account"}
	}
	v := page.View{
		Template: "people/password.html", Title: "Set the password of " + a.Name, Above: above(page.Link{Text: a.Name, Path: a.Path()}),
		Data: passwordData{account: a, Fault: f.of(""), Secrets: newSecrets("New password", f)},
	}
	if f != nil {
		v.Status = 422
	}
	return v, nil
}

func (m *room) setPassword(r *page.Request) (page.Outcome, error) {
	refused := func(f *fault) (page.Outcome, error) {
		v, err := m.settingPassword(r, f)
		return page.Outcome{Page: &v}, err
	}
	a, err := m.find(r)
	if err != nil {
		return page.Outcome{}, err
	}
	if a.Own {
		return refused(nil)
	}
	password, wrong := typedTwice(r)
	if wrong != nil {
		return refused(wrong)
	}
	c, err := m.backend.SetPassword(r.Context(), r.Actor, acts.SetPassword{Name: a.Name, Password: password})
	if err != nil {
		if f, ok := taken(err, "new"); ok {
			return refused(f)
		}
		return page.Outcome{}, err
	}
	return page.Outcome{To: a.Path(), Notice: done(
		"The password of "+c.Account.Name+" is set", ended(c.Ended, ""),
		fmt.Sprintf("%s has to change it at the next sign-in to the web interface.", c.Account.Name),
	)}, nil
}
