package signin

import (
	"net/http"

	"vedette/centralnode/web/page"
)

// signOut ends the session. That a form is sent twice, or from an old page,
// does no harm, so it needs no token; other sites are kept out by the server.
func (m *Room) signOut(w http.ResponseWriter, r *page.Request) error {
	if r.Session != nil {
		m.c.Sessions.End(r.Session)
	}
	setCookie(w, "")
	http.Redirect(w, r.Request, Path+"?"+outParameter+"=1", http.StatusSeeOther)
	return nil
}
