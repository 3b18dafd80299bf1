package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/websession"
	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// outParameter tells the sign-in page that somebody has just signed out.
const outParameter = "signed-out"

func (m *Room) showName(r *page.Request) (page.View, error) {
	s := shown{Action: with(Path, nextOf(r.Request)), Host: r.Host, Fault: faultOf(r)}
	switch {
	case s.Fault != nil:
		s.Name = s.Fault.Name
	case r.Session != nil: // it does not come here without one, unless it is not signed in yet
	case r.URL.Query().Has(outParameter):
		s.Notice = "You are signed out."
	case CookieOf(r.Request) != "":
		s.Notice = "Your session has ended. Sign in to go on."
	}
	return view(r, "name.html", "Sign in", s), nil
}

func (m *Room) takeName(w http.ResponseWriter, r *page.Request) error {
	if f := form(w, r); f != nil {
		m.again(w, r, f)
		return nil
	}
	name, from := r.PostFormValue("name"), m.c.From(r.Request)
	account, err := m.c.Accounts.Verify(r.Context(), name, r.PostFormValue("password"), from)
	if err != nil {
		f := m.refused(r, "password", name, err)
		f.Name = name
		m.again(w, r, f)
		return nil
	}
	if r.Session != nil { // of whoever used this browser before
		m.c.Sessions.End(r.Session)
	}
	stage := websession.SignedIn
	switch {
	case account.SecondFactor:
		stage = websession.AwaitsCode
	case account.MustChange:
		stage = websession.MustChangePassword
	}
	actor := acts.Actor{Account: account.Name, Role: acts.Role(account.Role), Face: acts.FaceWeb, From: from.String()}
	a := m.enter(r.Context(), actor, account, stage, nil)
	m.answer(w, r, a)
	return nil
}

// answer is what comes of a form of these pages.
type answer struct {
	cookie string // of the session that begins
	stage  websession.Stage
	fault  *fault // instead
}

// answer goes on to the next page, or back to the same one.
func (m *Room) answer(w http.ResponseWriter, r *page.Request, a answer) {
	if a.fault != nil {
		m.again(w, r, a.fault)
		return
	}
	setCookie(w, a.cookie)
	next := nextOf(r.Request)
	to := next
	if a.stage != websession.SignedIn {
		to = with(PathOf(a.stage), next)
	}
	http.Redirect(w, r.Request, to, http.StatusSeeOther)
}

// enter begins a session, and then looks at the account again: so a withdrawal
// either is seen here or finds the session in the table. before is the session
// of the stage before it; nil: there was none.
func (m *Room) enter(ctx context.Context, actor acts.Actor, then accounts.Account, stage websession.Stage, before *websession.Session) answer {
	s, cookie := m.c.Sessions.Begin(actor, stage)
	now, err := m.c.Accounts.Get(ctx, then.Name)
	if err == nil {
		err = now.Still(then)
	}
	if err == nil && before != nil {
		select {
		case <-before.Ended():
			err = errors.New("the session before it was ended")
		default:
		}
	}
	if err != nil {
		m.c.Sessions.End(s)
		m.c.Logger.Warn("a sign-in was withdrawn while it was made", "account", actor.Account, "address", actor.From, "error", err)
		return answer{fault: &fault{Status: http.StatusConflict, Text: "Your account was changed at this moment.", Hint: "Sign in again."}}
	}
	if before != nil {
		m.c.Sessions.Retire(before)
	}
	return answer{cookie: cookie, stage: stage}
}

// refused says what a person learns of a name, password or code that was not
// taken, and tells the log more.
func (m *Room) refused(r *page.Request, method, name string, err error) *fault {
	from := m.c.From(r.Request).String()
	f := &fault{Status: http.StatusUnprocessableEntity}
	var backoff *accounts.BackoffError
	switch {
	case errors.As(err, &backoff):
		f.Status, f.wait = http.StatusTooManyRequests, backoff.Wait
		f.Text, f.Hint = "There were too many attempts.", "Try again in "+inWords(backoff.Wait)+". What is sent before is not looked at."
	case errors.Is(err, accounts.ErrRefused) && method == "code":
		f.Text, f.Hint = "This code is not right.", "Type the code that the app shows now; each code is taken once."
	case errors.Is(err, accounts.ErrRefused):
		f.Text, f.Hint = "The name or the password is not right.", "Type both again. A local administrator can set another password."
	default:
		f.Status = http.StatusServiceUnavailable
		f.Text, f.Hint = "The sign-in could not be checked.", "Try again. If it does not help, the daemon's log has the cause."
		if r.Context().Err() == nil {
			m.log.Error("a sign-in could not be checked", "address", from, "error", err)
		}
		return f
	}
	m.log.Warn("sign-in refused", "address", from, "name", foreign.Bounded(foreign.Line(name), 64), "method", "web "+method, "err", foreign.Line(err.Error()))
	return f
}

// seconds rounds up, so that whoever waits so long is looked at.
func seconds(d time.Duration) string {
	return strconv.Itoa(int(max(1, (d+time.Second-1)/time.Second)))
}

func inWords(d time.Duration) string {
	n := max(1, int((d+time.Second-1)/time.Second))
	if n == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", n)
}
