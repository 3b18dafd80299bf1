package external

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"vedette/proto/problem"
)

// methods are what a path has, by name.
type methods map[string]http.Handler

// ServeHTTP answers a method that the path does not have with those that it has.
func (m methods) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	if h := m[method]; h != nil {
		h.ServeHTTP(w, req)
		return
	}
	h := w.Header()
	h.Set("Allow", m.allowed())
	h.Set("Connection", "close") // whatever body there is, nobody reads it
	Of(req.Context()).Fail(w, &problem.Problem{
		Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Code: problem.BadRequest,
		Detail: "This path has: " + m.allowed() + ".",
	})
}

func (m methods) allowed() string {
	names := slices.Collect(maps.Keys(m))
	if m[http.MethodGet] != nil {
		names = append(names, http.MethodHead)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
