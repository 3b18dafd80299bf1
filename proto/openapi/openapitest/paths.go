package openapitest

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// paths finds operations by what is asked for.
type paths struct {
	document  *openapi3.T
	templates []template // those without wildcards first
}

type template struct {
	path    string
	item    *openapi3.PathItem
	matches *regexp.Regexp
	names   []string
}

var wildcard = regexp.MustCompile(`\\\{([A-Za-z]+)\\\}`)

func newPaths(document *openapi3.T) *paths {
	p := &paths{document: document}
	for _, path := range document.Paths.InMatchingOrder() {
		t := template{path: path, item: document.Paths.Value(path)}
		quoted := regexp.QuoteMeta(path)
		for _, found := range wildcard.FindAllStringSubmatch(quoted, -1) {
			t.names = append(t.names, found[1])
		}
		t.matches = regexp.MustCompile("^" + wildcard.ReplaceAllString(quoted, "([^/]+)") + "$")
		p.templates = append(p.templates, t)
	}
	return p
}

// find finds the operation of a request and the values in its path. Without one,
// methods are those that the path has; none, when it is no path at all.
//
// A path with wildcards counts beside a more exact one that lacks the method: an
// identifier may be the name of another path.
func (p *paths) find(r *http.Request) (route *routers.Route, values map[string]string, methods []string) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // it is the same without a body
	}
	for _, t := range p.templates {
		found := t.matches.FindStringSubmatch(r.URL.EscapedPath())
		if found == nil {
			continue
		}
		if o := t.item.GetOperation(method); o != nil {
			values := make(map[string]string, len(t.names))
			for i, name := range t.names {
				value, err := url.PathUnescape(found[i+1])
				if err != nil {
					value = found[i+1] // nothing that is described
				}
				values[name] = value
			}
			return &routers.Route{Spec: p.document, Path: t.path, PathItem: t.item, Method: method, Operation: o}, values, nil
		}
		for m := range t.item.Operations() {
			methods = append(methods, m)
			if m == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	slices.Sort(methods)
	return nil, nil, slices.Compact(methods)
}

// equal reports whether the header Allow names exactly these methods.
func equal(allow string, methods []string) bool {
	got := strings.Split(allow, ", ")
	slices.Sort(got)
	return slices.Equal(got, methods)
}
