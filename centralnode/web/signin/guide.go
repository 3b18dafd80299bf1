package signin

import (
	"net/http"

	"vedette/centralnode/web/websession"
)

// Guide sends those who ask for a page of signing in to the one where they are,
// and says whether it did: who is signed in has nothing to do there, and a stage
// has a page of its own.
func (m *Room) Guide(w http.ResponseWriter, r *http.Request, s *websession.Session) bool {
	if to := elsewhere(r, s); to != "" {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return true
	}
	if r.URL.Path == Path && fromElsewhere(r) {
		// A browser does not send the cookie along when a link of another site, a
		// mail or a ticket leads here. It does when the page asks once more, and
		// nothing is changed by looking.
		w.Header().Set("Refresh", "0; url="+with(Path, nextOf(r)))
	}
	return false
}

// elsewhere is where a request for a page of signing in belongs; empty: here.
func elsewhere(r *http.Request, s *websession.Session) string {
	looks := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch r.URL.Path {
	case Path:
		if looks && s != nil && s.Stage() == websession.SignedIn {
			return nextOf(r)
		}
	case pathCode, pathPassword:
		switch {
		case !looks && r.Method != http.MethodPost:
		case s == nil:
			return with(Path, nextOf(r))
		case s.Stage() == websession.SignedIn:
			return nextOf(r)
		case PathOf(s.Stage()) != r.URL.Path:
			return with(PathOf(s.Stage()), nextOf(r))
		}
	}
	return ""
}

// fromElsewhere says whether somebody followed a link of another site, without a
// cookie.
func fromElsewhere(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" && CookieOf(r) == ""
}
