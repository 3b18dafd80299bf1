package page

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
)

// shown is what templates know: the page around, and the room's own Data.
type shown struct {
	View
	Path    string // of this page, with its query
	Account string // empty: nobody is signed in
	Role    acts.Role
	Groups  []shownGroup // of the navigation
	Notice  *Notice
	Version string // empty: strangers are not told
	Assets  assets
	Follow  string // where the script hears of changes; empty: nowhere

	kit     *Kit
	request *Request
	tokens  *[]string // that were made for this page
}

type shownGroup struct {
	Title    string // empty: none
	Sections []shownSection
}

type shownSection struct {
	Section
	Here bool // the page belongs to it
}

// Token makes the hidden field's value that every form with method post carries
// as "form".
func (s shown) Token() string {
	if s.request.Session == nil {
		return ""
	}
	token := s.request.Session.Token()
	*s.tokens = append(*s.tokens, token)
	return token
}

// May says whether the person may do an act, for what is shown to some only.
func (s shown) May(act string) bool { return s.kit.c.May(s.request.Actor, act) }

func (k *Kit) shown(r *Request, v View) shown {
	s := shown{
		View: v, Path: r.URL.RequestURI(), Assets: k.addresses,
		kit: k, request: r, tokens: new([]string),
	}
	if r.Session == nil {
		return s
	}
	if kept, ok := r.Session.Kept(r.URL.Query().Get(noticeParameter)); ok {
		if notice, ok := kept.(Notice); ok {
			s.Notice = &notice
		}
	}
	if r.Session.Stage() != websession.SignedIn {
		return s
	}
	s.Account, s.Role = r.Actor.Account, r.Actor.Role
	s.Groups, s.Version = k.navigation(r), k.c.Version
	if v.Live && r.Method == http.MethodGet {
		s.Follow = Query(r)
	}
	return s
}

// navigation lists the sections that the person may see, in their groups.
func (k *Kit) navigation(r *Request) []shownGroup {
	var groups []shownGroup
	here := k.section(r.URL.Path)
	for _, section := range k.c.Sections {
		if !k.c.May(r.Actor, section.Act) {
			continue
		}
		if len(groups) == 0 || groups[len(groups)-1].Title != section.Group {
			groups = append(groups, shownGroup{Title: section.Group})
		}
		g := &groups[len(groups)-1]
		g.Sections = append(g.Sections, shownSection{section, section.Path == here})
	}
	return groups
}

// section is the path of the section that a page belongs to: the longest that
// the page's own begins with.
func (k *Kit) section(path string) (of string) {
	for _, s := range k.c.Sections {
		if s.holds(path) && len(s.Path) > len(of) {
			of = s.Path
		}
	}
	return of
}

func (s Section) holds(path string) bool {
	return path == s.Path || s.Path != "/" && strings.HasPrefix(path, s.Path+"/")
}

// rendered is a part of a page, and the tokens of its forms.
type rendered struct {
	text   []byte
	tokens []string
}

func (k *Kit) render(r *Request, v View, part string) (rendered, error) {
	t := k.pages[v.Template]
	if t == nil {
		return rendered{}, fmt.Errorf("no template %q", v.Template)
	}
	s := k.shown(r, v)
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, part, s); err != nil {
		return rendered{}, fmt.Errorf("template %s: %w", v.Template, err)
	}
	return rendered{out.Bytes(), *s.tokens}, nil
}

// write answers with a page.
func (k *Kit) write(w http.ResponseWriter, r *Request, v View) {
	page, err := k.render(r, v, "page")
	if err == nil && v.Live {
		page.text, err = marked(page)
	}
	if err != nil {
		k.c.Logger.Error("a page cannot be shown", "path", r.URL.Path, "error", err)
		http.Error(w, "this page cannot be shown; the daemon's log has the cause", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if v.Status != 0 {
		w.WriteHeader(v.Status)
	}
	w.Write(page.text) // nobody is left to tell when it fails
}

func (k *Kit) reading(act string, do Read) func(http.ResponseWriter, *Request) {
	return func(w http.ResponseWriter, r *Request) {
		known := takeKnown(r) // the handler sees the address of the page
		v, err := do(r)
		switch {
		case err != nil:
			k.fail(w, r, err)
		case !live(r.Request):
			k.write(w, r, v)
		case !v.Live || r.Session == nil:
			w.WriteHeader(http.StatusNoContent) // which tells browsers not to come again
		default:
			k.follow(w, r, act, do, v, known)
		}
	}
}

func (k *Kit) streaming(do Stream) func(http.ResponseWriter, *Request) {
	return func(w http.ResponseWriter, r *Request) {
		if err := do(w, r); err != nil {
			k.fail(w, r, err)
		}
	}
}

func (k *Kit) functions() template.FuncMap { return textFunctions(k.c.Now) }
