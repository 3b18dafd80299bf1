package page

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
)

// Names of what the Kit itself reads.
const (
	tokenField      = "form"   // that the form is ours, and not sent before
	revisionField   = "seen"   // of what the person saw
	noticeParameter = "notice" // which notice the page shows
)

// maxDoing bounds what a form asks for, whoever waits for it.
const maxDoing = 2 * time.Minute

// Revision is the one that the page with the form showed; 0: none.
func (r *Request) Revision() uint64 {
	n, _ := strconv.ParseUint(r.PostFormValue(revisionField), 10, 64) // no number was none of ours: nothing is older
	return n
}

// doing takes a form once, and gives whoever sends it again the answer of the
// first time.
func (k *Kit) doing(do Do) func(http.ResponseWriter, *Request) {
	return func(w http.ResponseWriter, r *Request) {
		defer r.wipe()
		if err := parse(w, r); err != nil {
			k.fail(w, r, err)
			return
		}
		sent, first, err := r.Session.Send(r.PostFormValue(tokenField))
		if err != nil {
			k.fail(w, r, formError(err))
			return
		}
		if first {
			a := k.outcome(r, do)
			sent.Answer(a)
			k.answer(w, r, a)
			return
		}
		k.answerAgain(w, r, sent)
	}
}

// answerAgain answers a form that was sent before. Who clicked twice and waits
// sees what the first click brought; who comes back later does not see again
// what is shown once.
func (k *Kit) answerAgain(w http.ResponseWriter, r *Request, sent *websession.Sent) {
	select {
	case <-sent.Done():
		a := sent.Wait().(answered)
		if a.page != nil && a.page.Once {
			a = answered{err: &acts.Error{
				Code: acts.Refused, Text: "this was done, and what came of it was shown once",
				Hint: "it is not kept; if it was lost, do it again from the start",
			}}
		}
		k.answer(w, r, a)
		return
	default:
	}
	select {
	case <-sent.Done():
		k.answer(w, r, sent.Wait().(answered))
	case <-r.Context().Done(): // nobody is there to be answered
	}
}

// answered is what came of a form, to be told as often as it is asked.
type answered struct {
	to   string // with the notice's name
	page *View
	err  error
}

// outcome does what the form asks for. It goes on when the browser has left: who
// clicks twice leaves the first time, and is told what came of it the second
// time. A fault in it is an answer like another, or those who wait would wait for
// ever.
func (k *Kit) outcome(r *Request, do Do) (a answered) {
	defer func() {
		if fault := recover(); fault != nil {
			k.logPanic(r, fault)
			a = answered{err: errFault}
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), maxDoing)
	defer cancel()
	working := *r
	working.Request = r.Request.WithContext(ctx)
	o, err := do(&working)
	switch {
	case err != nil:
		return answered{err: err}
	case o.Page != nil:
		return answered{page: o.Page}
	case o.Notice.empty():
		return answered{to: o.To}
	default:
		return answered{to: noticed(o.To, r.Session.Keep(o.Notice))}
	}
}

func (k *Kit) answer(w http.ResponseWriter, r *Request, a answered) {
	switch {
	case a.err != nil:
		k.fail(w, r, a.err)
	case a.page != nil:
		k.write(w, r, *a.page)
	case !local(a.to):
		http.Redirect(w, r.Request, "/", http.StatusSeeOther)
	default:
		http.Redirect(w, r.Request, a.to, http.StatusSeeOther)
	}
}

// local says whether an address is the path of a page of ours, not one that
// leads to another server.
func local(to string) bool {
	return strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") && !strings.HasPrefix(to, `/\`)
}

// noticed adds the notice's name to the address of a page.
func noticed(to, name string) string {
	path, fragment, found := strings.Cut(to, "#")
	sign := "?"
	if strings.Contains(path, "?") {
		sign = "&"
	}
	path += sign + noticeParameter + "=" + url.QueryEscape(name)
	if found {
		path += "#" + fragment
	}
	return path
}

func formError(err error) error {
	hint := "nothing was done; open the page again and repeat it there"
	if errors.Is(err, websession.ErrOldForm) {
		return &acts.Error{Code: acts.Stale, Text: "the page was opened too long ago", Hint: hint, Err: err}
	}
	return &acts.Error{Code: acts.Refused, Text: "this form did not come from a page of yours", Hint: hint, Err: err}
}
