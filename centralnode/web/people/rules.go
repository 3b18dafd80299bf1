package people

import (
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// account is one as a page shows it to somebody: with what he cannot do with it,
// and why, instead of buttons that fail. The acts decide; this only says it
// before.
type account struct {
	acts.Account
	Own  bool // it is the person's own
	Last bool // the last local administrator who may sign in
	// Locked says why the person may not touch it at all; empty: he may.
	Locked string
}

// Path is where the account's page is.
func (a account) Path() string { return listPath + "/" + a.Name }

// Stays says why the account keeps its role, and is neither disabled nor
// deleted; empty: it need not.
func (a account) Stays() string {
	switch {
	case a.Own:
		return "This is your own account: nobody changes his own role, and nobody disables or deletes the account that he is signed in with. Another administrator can."
	case a.Last:
		return "This is the last Local administrator who can sign in, so it keeps its role, and is neither disabled nor deleted. Make or enable another Local administrator first."
	}
	return ""
}

// State is the word of the badge.
func (a account) State() string {
	switch {
	case a.Disabled:
		return "Disabled"
	case a.MustChange:
		return "Must change password"
	}
	return "Enabled"
}

// described gives accounts what the person has to know of them.
func (m *room) described(actor acts.Actor, list acts.AccountList, manages bool) []account {
	locals := 0
	for _, a := range list.Accounts {
		if a.Role == acts.LocalAdministrator && !a.Disabled {
			locals++
		}
	}
	out := make([]account, 0, len(list.Accounts))
	for _, a := range list.Accounts {
		one := account{Account: a, Own: strings.EqualFold(a.Name, actor.Account)}
		one.Last = a.Role == acts.LocalAdministrator && !a.Disabled && locals == 1
		switch {
		case !manages:
			one.Locked = "Only an Administrator or a Local administrator changes accounts."
		case a.Role == acts.LocalAdministrator && actor.Role != acts.LocalAdministrator && !one.Own:
			one.Locked = "Only a Local administrator changes the account of a Local administrator."
		}
		out = append(out, one)
	}
	return out
}

// roles are those that the person may give, with the chosen one.
func roles(actor acts.Actor, chosen acts.Role) []page.Option {
	var out []page.Option
	for _, r := range acts.Roles() {
		if r != acts.LocalAdministrator || actor.Role == acts.LocalAdministrator {
			out = append(out, page.Option{Value: string(r), Text: r.Title(), Chosen: r == chosen})
		}
	}
	return out
}
