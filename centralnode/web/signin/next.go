package signin

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// nextParameter says which page was asked for before signing in.
const nextParameter = "next"

// maxNext bounds it, in bytes.
const maxNext = 2 << 10

// local gives the path of a page of ours, with its query, that somebody wants to
// see after signing in: what leads anywhere else gives the first page. Browsers
// take a backslash for a slash and pass over tabs and line ends, so nothing that
// is not plainly a path is believed.
func local(next string) string {
	const first = "/"
	if len(next) > maxNext || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") {
		return first
	}
	for _, r := range next {
		if r <= ' ' || r == '\\' || r >= 0x7f {
			return first
		}
	}
	u, err := url.Parse(next)
	switch {
	case err != nil, u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "", u.Fragment != "":
		return first
	case path.Clean(u.Path) != u.Path, strings.ContainsAny(u.Path, "\\\t\r\n"):
		return first
	case u.Path == Path, strings.HasPrefix(u.Path, Path+"/"), u.Path == pathOut:
		return first // one would go round in circles
	}
	return u.RequestURI()
}

// nextOf is where a request wants to go after signing in.
func nextOf(r *http.Request) string { return local(r.URL.Query().Get(nextParameter)) }

// with adds to the address of a page where to go after it.
func with(page, next string) string {
	if next == "/" {
		return page
	}
	return page + "?" + nextParameter + "=" + url.QueryEscape(next)
}
