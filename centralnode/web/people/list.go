package people

import (
	"vedette/centralnode/web/page"
	"vedette/internal/accounts"
	"vedette/internal/acts"
)

type listData struct {
	Accounts []account
	May      bool // add one
	AddPath  string
}

// list shows who may sign in.
func (m *room) list(r *page.Request) (page.View, error) {
	found, err := m.backend.Accounts(r.Context(), r.Actor)
	if err != nil {
		return page.View{}, err
	}
	may := m.backend.May(r.Actor, accounts.ActCreate)
	return page.View{
		Template: "people/list.html", Title: listTitle, Live: true,
		Data: listData{Accounts: m.described(r.Actor, found, may), May: may, AddPath: addPath},
	}, nil
}

type createData struct {
	Post, Cancel string
	Name         string
	NameFault    *fault
	Fault        *fault
	Roles        []page.Option
	RoleFault    *fault
	Secrets      []secret
	Limited      bool // some roles are not the person's to give
}

// askCreate is the form of a new account.
func (m *room) askCreate(r *page.Request) (page.View, error) { return m.creating(r, nil), nil }

func (m *room) creating(r *page.Request, f *fault) page.View {
	role := acts.Role(r.PostFormValue("role"))
	if role == "" {
		role = acts.SecurityOfficer
	}
	v := page.View{
		Template: "people/add.html", Title: "Add account", Above: above(),
		Data: createData{
			Post: addPath, Cancel: listPath, Name: r.PostFormValue("name"), NameFault: f.of("name"), Fault: f.of(""),
			Roles: roles(r.Actor, role), RoleFault: f.of("role"), Secrets: newSecrets("Password", f),
			Limited: r.Actor.Role != acts.LocalAdministrator,
		},
	}
	if f != nil {
		v.Status = 422
	}
	return v
}

// create makes an account.
func (m *room) create(r *page.Request) (page.Outcome, error) {
	refused := func(f *fault) (page.Outcome, error) {
		v := m.creating(r, f)
		return page.Outcome{Page: &v}, nil
	}
	password, wrong := typedTwice(r)
	if wrong != nil {
		return refused(wrong)
	}
	name := r.PostFormValue("name")
	change, err := m.backend.CreateAccount(r.Context(), r.Actor, acts.CreateAccount{Name: name, Role: acts.Role(r.PostFormValue("role")), Password: password})
	if err != nil {
		if f, ok := taken(err, createField(err, name, password)); ok {
			return refused(f)
		}
		return page.Outcome{}, err
	}
	return page.Outcome{To: listPath + "/" + change.Account.Name, Notice: done(
		"The account "+change.Account.Name+" was made",
		"Tell its owner the password on a way that nobody else hears. It has to be changed at the first sign-in.",
	)}, nil
}

// createField says which field of a new account an error is about.
func createField(err error, name, password string) string {
	switch {
	case accounts.CheckName(name) != nil, acts.CodeOf(err) == acts.Refused:
		return "name"
	case accounts.CheckPassword(name, password) != nil:
		return "new"
	}
	return "role"
}

// above leads back to the table.
func above(more ...page.Link) []page.Link {
	return append([]page.Link{{Text: listTitle, Path: listPath}}, more...)
}
