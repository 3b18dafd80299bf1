package page

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"vedette/internal/acts"
)

var (
	// errSignedOut is for what nobody can be sent to a sign-in page for.
	errSignedOut = &acts.Error{Code: acts.NotAllowed, Text: "you are not signed in", Hint: "sign in and repeat it: nothing was done"}
	errNoForm    = &acts.Error{Code: acts.NotFound, Text: "this page takes no form", Hint: "nothing was done; choose a page from the navigation"}
	errNoPage    = &acts.Error{Code: acts.NotFound, Text: "there is no page at this address", Hint: "check the address, or choose a page from the navigation"}
	errFault     = &acts.Error{Code: acts.Failed, Text: "this did not work because of a fault in the program", Hint: "the daemon's log has the cause"}
)

// statuses are the HTTP statuses of refusals.
var statuses = map[acts.Code]int{
	acts.Invalid: http.StatusUnprocessableEntity, acts.NotFound: http.StatusNotFound,
	acts.Refused: http.StatusConflict, acts.Stale: http.StatusConflict,
	acts.NotAllowed: http.StatusForbidden, acts.Unavailable: http.StatusServiceUnavailable,
	acts.Failed: http.StatusInternalServerError,
}

var titles = map[acts.Code]string{
	acts.Invalid: "This cannot be taken", acts.NotFound: "Not found", acts.Refused: "Refused",
	acts.Stale: "Changed meanwhile", acts.NotAllowed: "Not allowed",
	acts.Unavailable: "Not possible now", acts.Failed: "This did not work",
}

// Failure is what the page of an error shows.
type Failure struct {
	Text, Hint string
	Status     int
	Back       Link // where the person can go on
}

// fail answers with an error: what was wrong and what to do next. An error that
// is none of acts goes to the log, and the person learns that it is there.
func (k *Kit) fail(w http.ResponseWriter, r *Request, err error) {
	known := errFault
	if !errors.As(err, &known) {
		k.c.Logger.Error("a request failed", "path", r.URL.Path, "error", err)
		known = &acts.Error{Code: acts.Failed, Text: "this did not work", Hint: "the daemon's log has the cause"}
	}
	status, title := statuses[known.Code], titles[known.Code]
	if status == 0 {
		status, title = http.StatusInternalServerError, titles[acts.Failed]
	}
	if known == errNoForm {
		status, title = http.StatusMethodNotAllowed, titles[acts.Refused]
	}
	if live(r.Request) {
		k.tellGone(w, known)
		return
	}
	k.write(w, r, View{
		Template: "page/failure.html", Title: title, Status: status,
		Data: Failure{Text: known.Text, Hint: known.Hint, Status: status, Back: k.back(r)},
	})
}

// back leads to the section that the page belongs to. Browsers do not say where
// the person came from: the server asks them not to.
func (k *Kit) back(r *Request) Link {
	if r.Session == nil {
		if page, ok := k.pageOf(r.URL.EscapedPath()); ok && r.Method == http.MethodPost {
			return Link{"Sign in", afterSignIn(k.c.SignIn, page)}
		}
		return Link{"Sign in", k.c.SignIn}
	}
	here := k.section(r.URL.Path)
	for _, s := range k.c.Sections {
		if s.Path == here && (here != r.URL.Path || r.Method == http.MethodPost) && k.c.May(r.Actor, s.Act) {
			return Link{"Back to " + s.Title, s.Path}
		}
	}
	return Link{"Back to the first page", "/"}
}

// recovered keeps a panic of one request from the others. What can still be
// answered is.
func (k *Kit) recovered(w http.ResponseWriter, r *Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(fault) // asked for: the connection is to be cut
	}
	k.logPanic(r, fault)
	k.fail(w, r, errFault)
}

func (k *Kit) logPanic(r *Request, fault any) {
	k.c.Logger.Error("a request was not carried out", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(fault), "stack", string(debug.Stack()))
}
