package page_test

import (
	"embed"
	"io/fs"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
)

//go:embed testdata/templates
var testdata embed.FS

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// gallery is what the page with every component shows.
type gallery struct {
	Fingerprint                 pki.Fingerprint
	Never, Seen, Later, Earlier time.Time
	Name                        string
	Rows                        []string
	Pager                       page.Pager
	Preview                     acts.Preview
}

// hostile is text as somebody sends it who wants it to be carried out.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>' onmouseover='x`

func galleryOf(r *page.Request, name string) gallery {
	rows := make([]string, 0, 8)
	for _, n := range strings.Fields("adams brook carter dover ellis frost gray hill") {
		rows = append(rows, n+".example.com")
	}
	return gallery{
		Fingerprint: pki.FingerprintOf([]byte("a certificate")), Seen: noon.Add(-3 * time.Hour), Later: noon.Add(89 * 24 * time.Hour), Earlier: noon.Add(-80 * time.Hour),
		Name: name, Rows: append(rows, name),
		Pager: page.NewPager(r, 15000, 1204, r.Offset(), 50),
		Preview: acts.Preview{
			Lines: []string{"A new certificate is generated and used at once: " + name}, Revision: 41, Fingerprint: pki.FingerprintOf([]byte("new")),
			Consequences: []acts.Consequence{
				{Text: "Every agent that pins the old certificate stops delivering events until it has the new one.", InUse: true, Count: 1204, Who: []string{"adams", name}},
				{Text: "The new certificate must be uploaded to Active Directory.", Count: 0},
			},
		},
	}
}

func galleryTemplates(k *page.Kit) error {
	folder, err := fs.Sub(testdata, "testdata")
	if err != nil {
		return err
	}
	return k.Templates("gallery", folder)
}

func galleryKit(name string) func(*page.Kit) error {
	return func(k *page.Kit) error {
		if err := galleryTemplates(k); err != nil {
			return err
		}
		k.Get("/gallery", "gallery view", func(r *page.Request) (page.View, error) {
			return page.View{Template: "gallery/gallery.html", Title: "Components " + name, Above: []page.Link{{Text: "Settings", Path: "/gallery"}}, Data: galleryOf(r, name), Live: true}, nil
		})
		k.Get("/gallery/ask", "", func(r *page.Request) (page.View, error) {
			g := galleryOf(r, name)
			return k.Ask(page.Confirm{
				Title: "Generate a server certificate?", Preview: g.Preview, Lines: []string{"Said first: " + name}, Post: "/gallery/done",
				Fields: []page.Field{{Name: "names", Value: name}}, Cancel: "/gallery", Danger: true,
				Choices: []page.Choice{{Name: "type", Legend: "Type", Options: []page.Option{{Value: "mail", Text: "Mail sensor"}, {Value: name, Text: name, Chosen: true}}}},
			}), nil
		})
		k.Post("/gallery/done", "", func(r *page.Request) (page.Outcome, error) {
			return page.Outcome{To: "/gallery?state=Pending", Notice: page.Notice{Kind: page.Done, Title: "Done: " + r.Text("names"), Lines: []string{"type " + r.Text("type")}, Download: page.Link{Text: "Download it", Path: "/one"}}}, nil
		})
		return nil
	}
}

var clock = pagetest.Now(func() time.Time { return noon })

var sections = pagetest.With(func(c *page.Config) {
	c.Sections = []page.Section{
		{Title: "Dashboard", Path: "/", Act: "status view"},
		{Title: "Gallery", Path: "/gallery", Act: "gallery view", Group: "Watch"},
		{Title: "Secret", Path: "/secret", Act: "secret view", Group: "Watch"},
		{Title: "Certificates", Path: "/settings/certificates", Act: "certificate view", Group: "Settings"},
	}
})

func TestEveryComponentCanBeRead(t *testing.T) {
	p := pagetest.New(t, galleryKit("gray.example.com"), clock, sections).SignedIn(acts.LocalAdministrator).Get("/gallery?sort=-name&from=50&state=Pending")
	for selector, want := range map[string]string{
		"#moments":                "2026-11-22 09:00:00 UTC - 3 hours ago never in 89 days expired 3 days ago",
		"#numbers":                "15,000 1.5 MB 12 Mbit/s - x",
		"#badges .badge.good":     "Accepted",
		"#badges .badge.waiting":  "Pending",
		"#badges .badge.bad":      "Rejected",
		"#badges .badge.off":      "Somehow",
		".pager .count":           "51 to 100 of 1,204 (15,000 in all)",
		"nav.side [aria-current]": "Gallery",
	} {
		if got := p.Find(selector).Text(); got != want {
			t.Errorf("%s reads %q, want %q", selector, got, want)
		}
	}
}
