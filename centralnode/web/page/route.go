package page

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
)

// Route is one thing that can be asked for.
type Route struct {
	Method  string
	Pattern string // as http.ServeMux takes it, without the method
	// Act is the one that its role must be allowed; empty: whoever is signed in,
	// or anybody where Open is true.
	Act  string
	Open bool // before sign-in
}

// Request is a request of somebody who is signed in, or, on an open route, of
// anybody: then Session is nil and Actor has no account.
type Request struct {
	*http.Request
	Actor   acts.Actor
	Session *websession.Session

	files map[string][]File // of a form, by the name of the field
}

// Read answers a request that changes nothing.
type Read func(r *Request) (View, error)

// Do answers a form. It is called once for each form, however often it is sent.
type Do func(r *Request) (Outcome, error)

// Stream answers with something that is no page: a file, or events.
type Stream func(w http.ResponseWriter, r *Request) error

// Get serves a page to roles that may do the act.
func (k *Kit) Get(pattern, act string, do Read) {
	k.route(Route{Method: http.MethodGet, Pattern: pattern, Act: act}, k.reading(act, do))
}

// Post takes a form from roles that may do the act.
func (k *Kit) Post(pattern, act string, do Do) {
	k.route(Route{Method: http.MethodPost, Pattern: pattern, Act: act}, k.doing(do))
}

// Stream serves something that is no page to roles that may do the act.
func (k *Kit) Stream(pattern, act string, do Stream) {
	k.route(Route{Method: http.MethodGet, Pattern: pattern, Act: act}, k.streaming(do))
}

// OpenGet and OpenPost serve everybody.
func (k *Kit) OpenGet(pattern string, do Read) {
	k.route(Route{Method: http.MethodGet, Pattern: pattern, Open: true}, k.reading("", do))
}

// OpenPost takes a form from everybody. There is no session that could prove
// where it came from; that requests of other sites are refused is the server's
// matter.
func (k *Kit) OpenPost(pattern string, do Stream) {
	k.route(Route{Method: http.MethodPost, Pattern: pattern, Open: true}, k.streaming(do))
}

type sessionKey struct{}

// With gives a request its session; whoever reads cookies calls it.
func With(r *http.Request, s *websession.Session) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), sessionKey{}, s))
}

func requestOf(r *http.Request) *Request {
	request := &Request{Request: r}
	if s, ok := r.Context().Value(sessionKey{}).(*websession.Session); ok {
		request.Session, request.Actor = s, s.Actor()
	}
	return request
}

func (k *Kit) route(route Route, serve func(http.ResponseWriter, *Request)) {
	k.routes = append(k.routes, route)
	k.mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) {
		request := requestOf(r)
		defer k.recovered(w, request)
		if route.Open || k.admit(w, request, route) {
			serve(w, request)
		}
	})
}

// admit lets those through who are signed in and may do what the route is for,
// and answers the others.
func (k *Kit) admit(w http.ResponseWriter, r *Request, route Route) bool {
	switch {
	case r.Session == nil:
		k.away(w, r, k.c.SignIn)
	case r.Session.Stage() != websession.SignedIn:
		k.away(w, r, k.c.Stage(r.Session.Stage()))
	default:
		if route.Act == "" {
			return true
		}
		err := k.c.Permit(r.Context(), r.Actor, route.Act)
		if err != nil {
			k.fail(w, r, err)
		}
		return err == nil
	}
	return false
}

// away sends somebody to the page where signing in goes on. What was asked for
// comes after it, if it was only looked at.
func (k *Kit) away(w http.ResponseWriter, r *Request, to string) {
	switch {
	case live(r.Request):
		k.tellEnded(w, r, to)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		k.fail(w, r, errSignedOut)
	default:
		http.Redirect(w, r.Request, withNext(to, r), http.StatusSeeOther)
	}
}

// withNext adds to the address of a page where to go after it.
func withNext(to string, r *Request) string { return afterSignIn(to, Query(r)) }

func afterSignIn(to, next string) string {
	if next == "/" {
		return to
	}
	return to + "?next=" + url.QueryEscape(next)
}

// nobodys answers what no room serves. A form's answer leaves its address in the
// browser: whoever opens that comes to the page which the form is on.
func (k *Kit) nobodys(w http.ResponseWriter, r *http.Request) {
	err, address := error(errNoPage), r.URL.EscapedPath()
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		page, ok := k.pageOf(address)
		if ok = ok && k.serves(http.MethodPost, address); !ok {
			page, ok = k.folder(address)
		}
		if ok {
			http.Redirect(w, r, page, http.StatusSeeOther)
			return
		}
	} else if k.serves(http.MethodGet, address) {
		err = errNoForm
	}
	k.fail(w, requestOf(r), err)
}

// pageOf is the page at an address, which is escaped, or else the nearest above
// it.
func (k *Kit) pageOf(address string) (string, bool) {
	for at := address; ; at = path.Dir(at) {
		switch {
		case k.serves(http.MethodGet, at):
			return at, true
		case len(at) <= 1:
			return "", false
		}
	}
}

// folder is the page that somebody means by a slash too much, or the first
// section below an address that only begins others.
func (k *Kit) folder(address string) (string, bool) {
	at := strings.TrimRight(address, "/")
	if at != "" && at != address && k.serves(http.MethodGet, at) {
		return at, true
	}
	for _, s := range k.c.Sections {
		if at != "" && strings.HasPrefix(s.Path, at+"/") {
			return s.Path, true
		}
	}
	return "", false
}

func (k *Kit) serves(method, address string) bool {
	plain, err := url.PathUnescape(address)
	if err != nil {
		return false
	}
	_, pattern := k.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: plain, RawPath: address}})
	return strings.HasPrefix(pattern, method+" ")
}
