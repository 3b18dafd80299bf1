package about

import (
	"context"
	"embed"
	"runtime/debug"
	"slices"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// Backend tells what the daemon says of itself.
type Backend interface {
	Status(context.Context, acts.Actor) (acts.Status, error)
}

const (
	front = "/about"
	title = "About"
)

//go:embed templates/*.html
var templates embed.FS

type room struct {
	backend Backend
	build   build
}

// Register gives the page to the Kit.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("about", templates); err != nil {
		return err
	}
	info, _ := debug.ReadBuildInfo() // a program without it tells less
	m := &room{backend: b, build: buildOf(info)}
	k.Get(front, acts.ActViewStatus, m.show)
	return nil
}

// build is what the program was made of.
type build struct {
	Go      string
	Commit  string
	Changed bool // the sources were not as the commit has them
	Modules []module
}

type module struct{ Path, Version string }

func buildOf(info *debug.BuildInfo) (b build) {
	if info == nil {
		return b
	}
	b.Go = info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		b.Modules = append(b.Modules, module{d.Path, d.Version})
	}
	slices.SortFunc(b.Modules, func(x, y module) int { return strings.Compare(x.Path, y.Path) })
	return b
}

// about is the page.
type about struct {
	acts.Status
	Build build
	Web   string // the address that the browser came to
}

func (m *room) show(r *page.Request) (page.View, error) {
	s, err := m.backend.Status(r.Context(), r.Actor)
	if err != nil {
		return page.View{}, err
	}
	return page.View{Template: "about/about.html", Title: title, Data: about{s, m.build, "https://" + r.Host}}, nil
}
