package acts

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Code says what kind of refusal an Error is. Faces map codes to exit codes
// and HTTP states; programs may branch on them.
type Code string

// The codes of acts.
const (
	Failed      Code = "failed"      // something broke; the log has the cause
	Invalid     Code = "invalid"     // the input violates a rule
	NotFound    Code = "not_found"   // the named thing does not exist
	Refused     Code = "refused"     // it would break something and was not confirmed, or a rule forbids it
	Stale       Code = "stale"       // what the administrator saw has changed since
	NotAllowed  Code = "not_allowed" // the role may not do this
	Unavailable Code = "unavailable" // cannot be done now; the cause is temporary
)

// Error is a refusal with its next step. Text and Hint are for a person, and
// carry no secret; Err is for the log.
type Error struct {
	Code Code
	Text string
	Hint string
	Err  error
}

// Error returns the text for a person.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Sentence writes the text or the hint of an error as a sentence: with a capital
// letter and a full stop.
func Sentence(words string) string {
	if words == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(words)
	out := string(unicode.ToUpper(first)) + words[size:]
	if !strings.HasSuffix(out, ".") {
		out += "."
	}
	return out
}

// CodeOf returns the code of err: Failed for an error that is none of ours,
// and the empty code for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Failed
}
