package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vedette/centralnode/web/page"
)

// methods knows by which methods each page can be asked for.
type methods struct{ mux *http.ServeMux }

func newMethods(routes []page.Route) methods {
	m := methods{mux: http.NewServeMux()}
	for _, r := range routes {
		m.mux.Handle(r.Method+" "+r.Pattern, http.NotFoundHandler())
	}
	return m
}

// of lists the methods of a request's path; none: there is no such page, or it
// is an asset, which the kit serves by itself.
func (m methods) of(r *http.Request) []string {
	var found []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := m.mux.Handler(probe); pattern != "" {
			found = append(found, method)
		}
	}
	return found
}

// only names the methods of a page to whoever asks for it by another. What the
// answer is, is the kit's.
func (m methods) only(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := m.of(r)
		if to := m.meant(r.URL.Path); len(known) == 0 && to != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			http.Redirect(w, r, (&url.URL{Path: to, RawQuery: r.URL.RawQuery}).String(), http.StatusSeeOther)
			return
		}
		if len(known) > 0 && !slices.Contains(known, r.Method) {
			w.Header().Set("Allow", strings.Join(known, ", "))
		}
		next.ServeHTTP(w, r)
	})
}

// meant is the page that somebody means by a path with a slash too much, or by
// that of a group of sections; empty: none.
func (m methods) meant(path string) string {
	plain := strings.TrimRight(path, "/")
	if plain == "/settings" {
		return "/settings/certificates"
	}
	if plain == path || plain == "" || strings.HasPrefix(plain, "//") {
		return ""
	}
	probe := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: plain}}
	if _, pattern := m.mux.Handler(probe); pattern == "" {
		return ""
	}
	return plain
}
