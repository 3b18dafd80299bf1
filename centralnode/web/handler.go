package web

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/signin"
	"vedette/centralnode/web/websession"
)

// handler is everything that happens to a request before its page.
func (s *Server) handler() http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(plain(http.StatusForbidden, "This request came from a page of another site. Nothing was done.\n"))
	return s.answering(withHeaders(s.recovered(s.known(cross.Handler(lookedAt(bounded(s.identified(newMethods(s.kit.Routes()).only(s.kit.Handler())))))))))
}

// lookedAt refuses to show anything to pages of other sites and of other ports
// of this host, before anybody is known: a browser may send the cookie along with
// what they load, and who may not see something leaves a record. A person who
// follows a link from there sees a page, in a window of its own.
func lookedAt(next http.Handler) http.Handler {
	refuse := plain(http.StatusForbidden, "A page of another site asked for this. Open it in a window of its own.\n")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site")
		foreign := site == "same-site" || site == "cross-site"
		if foreign && (r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document") {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// plain answers those who get no page.
func plain(status int, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprint(w, text) // nobody is left to tell when it fails
	})
}

// answering gives a request the answer that knows about its connection.
func (s *Server) answering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := connOf(r)
		last := func() bool {
			s.look()
			return c.Outdated()
		}
		next.ServeHTTP(newAnswer(w, last, isFlow(r)), r)
	})
}

// recovered keeps a panic in its request.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p != http.ErrAbortHandler {
				s.log.Error("request ended by a panic", "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
			if p == http.ErrAbortHandler || w.(*answer).begun {
				panic(http.ErrAbortHandler) // net/http's own way to end an answer that is not whole
			}
			plain(http.StatusInternalServerError, "This did not work. The daemon's log has the cause.\n").ServeHTTP(w, r)
		}()
		next.ServeHTTP(w, r)
	})
}

// known lets those through who came to this server by one of its names.
func (s *Server) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hosts.allows(r.Host) {
			plain(http.StatusMisdirectedRequest, "This server does not answer to the name that your browser used.\nUse its IP address, or a name in its server certificate, or add the name to hosts in the section [web] of its configuration (web.hosts).\n").ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// identified finds out whose request it is.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var session *websession.Session
		if cookie := signin.CookieOf(r); cookie != "" {
			session, _ = s.sessions.Find(cookie, byPerson(r))
		}
		if session != nil {
			if session.Stage() == websession.SignedIn && !s.conns.admit(connOf(r), session.Actor().Account) {
				w.Header().Set("Connection", "close")
				w.Header().Set("Retry-After", "10")
				plain(http.StatusServiceUnavailable, "Too many connections are open. Close some windows and try again.\n").ServeHTTP(w, r)
				return
			}
			r = page.With(r, session)
		}
		if s.signin.Guide(w, r, session) {
			return
		}
		if isFlow(r) {
			flowing, done, ok := s.flows.begin(r.Context(), session)
			if !ok {
				w.Header().Set("Retry-After", "10")
				plain(http.StatusServiceUnavailable, "Too many pages follow changes. Close some windows.\n").ServeHTTP(w, r)
				return
			}
			defer done()
			r = r.WithContext(flowing)
		}
		next.ServeHTTP(w, r)
	})
}

// byPerson tells what a person asked for from what a page's script did, which
// keeps no session alive. Who says nothing about it is taken for a person.
func byPerson(r *http.Request) bool {
	if isFlow(r) {
		return false
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	return mode == "" || mode == "navigate" || r.Method == http.MethodPost && !strings.HasPrefix(mode, "no-")
}
