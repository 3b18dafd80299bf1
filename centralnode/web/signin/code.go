package signin

import (
	"context"
	"net/http"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/websession"
)

func (m *Room) showCode(r *page.Request) (page.View, error) {
	return view(r, "code.html", "Second factor", shown{
		Action: with(pathCode, nextOf(r.Request)), Name: r.Actor.Account, Fault: faultOf(r),
	}), nil
}

func (m *Room) takeCode(w http.ResponseWriter, r *page.Request) error {
	m.step(w, r, func(ctx context.Context) answer {
		account, err := m.c.Accounts.VerifyCode(ctx, r.Actor.Account, r.PostFormValue("code"), m.c.From(r.Request))
		if err != nil {
			f := m.refused(r, "code", r.Actor.Account, err)
			f.Field = "code"
			return answer{fault: f}
		}
		stage := websession.SignedIn
		if account.MustChange {
			stage = websession.MustChangePassword
		}
		return m.enter(ctx, r.Actor, account, stage, r.Session)
	})
	return nil
}

// step takes the form of a stage once: a code is good for one time, and whoever
// clicks twice gets the answer of the first click.
func (m *Room) step(w http.ResponseWriter, r *page.Request, do func(context.Context) answer) {
	if f := form(w, r); f != nil {
		m.again(w, r, f)
		return
	}
	sent, first, err := r.Session.Send(r.PostFormValue("form"))
	if err != nil {
		m.again(w, r, &fault{Status: http.StatusConflict, Text: "This page was opened too long ago, or elsewhere.", Hint: "Nothing was done; send it again."})
		return
	}
	if first {
		// The browser may leave for the second click.
		sent.Answer(m.once(r, do))
	}
	select {
	case <-sent.Done():
		m.answer(w, r, sent.Wait().(answer))
	case <-r.Context().Done():
	}
}

// once does what a form asks for. A fault in it is an answer like another, or
// those who wait would wait for ever.
func (m *Room) once(r *page.Request, do func(context.Context) answer) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			m.c.Logger.Error("a form was not carried out", "path", r.URL.Path, "panic", p)
			a = answer{fault: &fault{Status: http.StatusInternalServerError, Text: "This did not work.", Hint: "The daemon's log has the cause."}}
		}
	}()
	return do(context.WithoutCancel(r.Context()))
}
