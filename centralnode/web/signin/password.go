package signin

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/websession"
	"vedette/internal/accounts"
	"vedette/internal/acts"
)

func (m *Room) showPassword(r *page.Request) (page.View, error) {
	return view(r, "password.html", "Choose your password", shown{
		Action: with(pathPassword, nextOf(r.Request)), Name: r.Actor.Account, Fault: faultOf(r),
	}), nil
}

func (m *Room) takePassword(w http.ResponseWriter, r *page.Request) error {
	m.step(w, r, func(ctx context.Context) answer {
		in := acts.ChangePassword{Current: r.PostFormValue("current"), New: r.PostFormValue("new")}
		switch {
		case in.New != r.PostFormValue("repeat"):
			return wrong("repeat", "The two new passwords are not the same.", "Type the new one twice.")
		case in.New == in.Current:
			return wrong("new", "This is the password that somebody else knows.", "Choose another one.")
		}
		if _, err := m.c.Backend.ChangePassword(ctx, r.Actor, in); err != nil {
			return answer{fault: m.notChanged(r, err)}
		}
		account, err := m.c.Accounts.Get(ctx, r.Actor.Account)
		if err != nil {
			return answer{fault: m.notChanged(r, err)}
		}
		return m.enter(ctx, r.Actor, account, websession.SignedIn, r.Session)
	})
	return nil
}

func wrong(field, text, hint string) answer {
	return answer{fault: &fault{Status: http.StatusUnprocessableEntity, Field: field, Text: text, Hint: hint}}
}

// notChanged says why a password was not changed.
func (m *Room) notChanged(r *page.Request, err error) *fault {
	var known *acts.Error
	if !errors.As(err, &known) {
		m.c.Logger.Error("a password was not changed", "account", r.Actor.Account, "error", err)
		return &fault{Status: http.StatusInternalServerError, Text: "This did not work.", Hint: "The daemon's log has the cause."}
	}
	f := &fault{Status: http.StatusUnprocessableEntity, Text: acts.Sentence(known.Text), Hint: acts.Sentence(known.Hint)}
	var backoff *accounts.BackoffError
	switch {
	case errors.As(err, &backoff):
		f.Status, f.wait = http.StatusTooManyRequests, backoff.Wait
	case errors.Is(err, accounts.ErrRefused):
		f.Field = "current"
	case known.Code == acts.Invalid:
		f.Field, f.Hint = "new", "" // the rules stand below the field
	case known.Code == acts.Unavailable:
		f.Status = http.StatusServiceUnavailable
	case known.Code == acts.Refused, known.Code == acts.Stale:
		f.Status = http.StatusConflict
	}
	return f
}

// rules are those of accounts.CheckPassword, as a person reads them.
const rules = "At least 8 characters, of three of these classes: lower case, upper case, digits, others. Not the name of the account."

// secret is a field for a password.
type secret struct {
	ID, Label, Autocomplete string
	Hint                    string
	Describes               string // ids of the texts that describe it
	Fault                   *fault
	Focus                   bool
}

// Secrets are the fields of the page, in order. The one that was wrong, or the
// first, is where the person types.
func (s shown) Secrets() []secret {
	fields := []secret{
		{ID: "current", Label: "Current password", Autocomplete: "current-password"},
		{ID: "new", Label: "New password", Autocomplete: "new-password", Hint: rules},
		{ID: "repeat", Label: "New password again", Autocomplete: "new-password"},
	}
	for i := range fields {
		f := &fields[i]
		if f.Fault = s.FaultOf(f.ID); f.Fault != nil {
			f.Describes = f.ID + "-fault"
		}
		if f.Hint != "" {
			f.Describes = strings.TrimSpace(f.Describes + " " + f.ID + "-hint")
		}
		f.Focus = f.Fault != nil || i == 0 && (s.Fault == nil || s.Fault.Field == "")
	}
	return fields
}
