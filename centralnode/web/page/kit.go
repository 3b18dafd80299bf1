package page

import (
	"context"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
)

// Config is what a Kit needs.
type Config struct {
	// Sections are the entries of the navigation, in order.
	Sections []Section
	// Permit asks whether somebody may do an act and notes in the audit that he
	// may not; May asks the same for what is shown to some only.
	Permit func(context.Context, acts.Actor, string) error
	May    func(acts.Actor, string) bool
	// SignIn is the page for those who are not signed in; it gets the path that
	// was asked for as next. Stage gives the page of somebody who has not come
	// to the end of signing in.
	SignIn  string
	Stage   func(websession.Stage) string
	Version string
	Logger  *slog.Logger
	Now     func() time.Time
	// LiveEvery is how often a live page is looked at for changes; 0: 2 s.
	LiveEvery time.Duration
}

// Section is an entry of the navigation. A role that may not do its act does
// not see it.
type Section struct {
	Title string
	Path  string // of its first page
	Act   string
	Group string // heading above it; empty: none
}

// Kit shows pages and takes forms. Rooms of pages give it what they have before
// it serves.
type Kit struct {
	c      Config
	mux    *http.ServeMux
	routes []Route
	base   *template.Template
	pages  map[string]*template.Template // by room and file: "certificates/server.html"

	addresses assets
	files     map[string]asset // by address
	followers *followers
}

// New makes a Kit without pages.
func New(c Config) (*Kit, error) {
	if c.LiveEvery == 0 {
		c.LiveEvery = defaultLiveEvery
	}
	k := &Kit{c: c, mux: http.NewServeMux(), pages: make(map[string]*template.Template), followers: newFollowers()}
	var err error
	if k.addresses, k.files, err = readAssets(); err != nil {
		return nil, err
	}
	base, err := template.New("").Funcs(k.functions()).ParseFS(own, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates of all pages: %w", err)
	}
	k.base = base
	k.serveAssets()
	k.mux.HandleFunc("/", k.nobodys)
	common, err := fs.Sub(own, "pages")
	if err == nil {
		err = k.templates("page", common)
	}
	return k, err
}

// Templates gives the Kit a room's templates: each file of the folder templates
// is a page that defines "content"; those whose names begin with an underscore
// are parts for the others. They are called room/file afterwards.
func (k *Kit) Templates(room string, files fs.FS) error {
	folder, err := fs.Sub(files, "templates")
	if err != nil {
		return fmt.Errorf("templates of %s: %w", room, err)
	}
	return k.templates(room, folder)
}

func (k *Kit) templates(room string, folder fs.FS) error {
	files, err := fs.Glob(folder, "*.html")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("templates of %s: none found: %w", room, err)
	}
	parts := slices.DeleteFunc(slices.Clone(files), func(f string) bool { return !strings.HasPrefix(f, "_") })
	for _, f := range files {
		if slices.Contains(parts, f) {
			continue
		}
		t, err := k.base.Clone()
		if err == nil {
			t, err = t.ParseFS(folder, append(slices.Clone(parts), f)...)
		}
		if err != nil {
			return fmt.Errorf("template %s: %w", path.Join(room, f), err)
		}
		k.pages[path.Join(room, f)] = t
	}
	return nil
}

// Handler serves the pages.
func (k *Kit) Handler() http.Handler { return k.mux }

// Routes lists what is served.
func (k *Kit) Routes() []Route { return slices.Clone(k.routes) }
