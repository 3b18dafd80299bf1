package people

import (
	"errors"
	"fmt"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// fault is what was wrong with a form, tied to the field that can put it right.
type fault struct {
	Field string // empty: none alone
	Text  string
	Hint  string
}

// of gives a field its fault; nil: it has none.
func (f *fault) of(field string) *fault {
	if f == nil || f.Field != field {
		return nil
	}
	return f
}

// taken says whether an error is answered by the form itself, filled in again.
func taken(err error, field string) (*fault, bool) {
	var known *acts.Error
	if !errors.As(err, &known) {
		return nil, false
	}
	switch known.Code {
	case acts.Invalid, acts.Refused, acts.Unavailable:
		return &fault{Field: field, Text: known.Text, Hint: known.Hint}, true
	}
	return nil, false
}

// secret is a field for a password, which never comes back filled in.
type secret struct {
	ID           string
	Label        string
	Autocomplete string
	Rules        bool // it is a new one
	Fault        *fault
}

const (
	autoCurrent = "current-password"
	autoNew     = "new-password"
)

// newSecrets are the two fields of a new password.
func newSecrets(label string, f *fault) []secret {
	return []secret{
		{ID: "new", Label: label, Autocomplete: autoNew, Rules: true, Fault: f.of("new")},
		{ID: "repeat", Label: "Repeat it", Autocomplete: autoNew, Fault: f.of("repeat")},
	}
}

// typedTwice reads a new password that was typed twice.
func typedTwice(r *page.Request) (string, *fault) {
	password := r.PostFormValue("new")
	switch {
	case password == "":
		return "", &fault{Field: "new", Text: "there is no new password", Hint: "type one"}
	case password != r.PostFormValue("repeat"):
		return "", &fault{Field: "repeat", Text: "the two are not the same", Hint: "type the new password twice"}
	}
	return password, nil
}

// passwordField says which field an error about passwords belongs to: rules are
// broken by the new one, everything else is about the current one.
func passwordField(err error) string {
	if acts.CodeOf(err) == acts.Invalid {
		return "new"
	}
	return "current"
}

// ended says how many sessions a change ended.
func ended(n int, other string) string {
	switch n {
	case 0:
		return "No " + other + "session had to be ended."
	case 1:
		return "1 " + other + "session was ended."
	}
	return fmt.Sprintf("%d %ssessions were ended.", n, other)
}

// done is the notice of something that was done.
func done(title string, lines ...string) page.Notice {
	return page.Notice{Kind: page.Done, Title: title, Lines: lines}
}
