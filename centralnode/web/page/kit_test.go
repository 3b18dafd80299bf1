package page_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

func TestTheFrameLeadsEverywhereThePersonMayGo(t *testing.T) {
	may := pagetest.May(func(_ acts.Role, act string) bool { return act != "secret view" })
	p := pagetest.New(t, galleryKit("x"), clock, sections, may).SignedIn(acts.SeniorSecurityOfficer).Get("/gallery?from=50")
	if got := p.Find("nav.side").Text(); got != "Dashboard Watch Gallery Settings Certificates" {
		t.Errorf("navigation %q", got)
	}
	if first := p.Find("body a"); first.Attr["href"] != "#main" || p.Find("main").Attr["id"] != "main" {
		t.Error("the first link does not skip to the content")
	}
	if got := p.Find("button.who").Text(); got != "senior-security-officer Senior security officer" {
		t.Errorf("account %q", got)
	}
	if got := p.Find("footer").Text(); got != "Vedette test" {
		t.Errorf("footer %q", got)
	}
	if p.Attr(".mine a", "href") != "/account" || p.Attr(".mine form", "action") != "/sign-out" || p.Attr(".mine form input", "value") == "" {
		t.Error("no way to one's account and out")
	}
	if got := p.Find("nav.above").Text(); got != "Settings" || p.Find("h1").Text() != "Components x" {
		t.Errorf("above %q", got)
	}
	for _, button := range p.All("button[popovertarget]") {
		if !p.Has("#" + button.Attr["popovertarget"] + "[popover]") {
			t.Errorf("%s opens nothing", button.Text())
		}
	}
}

func TestASectionsPagesAreInTheLongestThatFits(t *testing.T) {
	register := func(k *page.Kit) error {
		for _, path := range []string{"/settings", "/settings/certificates/one", "/settingsmore"} {
			k.Get(path, "", func(*page.Request) (page.View, error) {
				return page.View{}, &acts.Error{Code: acts.NotFound, Text: "no"}
			})
		}
		return nil
	}
	config := pagetest.With(func(c *page.Config) {
		c.Sections = []page.Section{{Title: "Settings", Path: "/settings"}, {Title: "Certificates", Path: "/settings/certificates"}, {Title: "First", Path: "/"}}
	})
	b := pagetest.New(t, register, config).SignedIn(acts.Administrator)
	for path, want := range map[string]string{"/settings": "Settings", "/settings/certificates/one": "Certificates", "/settingsmore": ""} {
		var here []string
		for _, e := range b.Get(path).All("[aria-current=page]") {
			here = append(here, e.Text())
		}
		if strings.Join(here, ",") != want {
			t.Errorf("%s is in %q, want %q", path, here, want)
		}
	}
}

func TestAStrangerSeesNoFrameAndIsSentToSignIn(t *testing.T) {
	b := pagetest.New(t, func(k *page.Kit) error {
		k.OpenGet("/sign-in", func(r *page.Request) (page.View, error) {
			return page.View{Template: "page/failure.html", Title: "Sign in", Data: page.Failure{Text: "Next is " + r.Param("next")}}, nil
		})
		return galleryKit("x")(k)
	}, sections)
	p := b.Get("/gallery?from=50&state=Pending")
	if p.From == "" || !p.Contains("Next is /gallery?from=50&state=Pending") {
		t.Fatalf("%s: %s", p.Path, p.Text())
	}
	if p.Has("nav") || p.Has(".mine") || p.Find("footer").Text() != "" || !p.Has("body.outside") {
		t.Error("the frame is for those who are signed in")
	}
}

func TestNoticesAreSaidAndCanBeReadAgain(t *testing.T) {
	b := pagetest.New(t, galleryKit("x"), clock).SignedIn(acts.Administrator)
	p := b.Get("/gallery/ask").SubmitTo("/gallery/done", map[string]string{"names": hostile})
	if n := p.Find(".notice.done"); n.Attr["role"] != "status" || n.Attr["tabindex"] != "-1" || n.Find("h2").Text() != "Done: "+hostile {
		t.Errorf("notice %v %q", n.Attr, n.Text())
	}
	if a := p.Find("a[data-download]"); a.Attr["href"] != "/one" || a.Text() != "Download it" {
		t.Errorf("download %v", a.Attr)
	}
	if !b.Get(p.Path).Has(".notice") {
		t.Error("a page that is loaded again does not show it")
	}
	if other := pagetest.New(t, galleryKit("x"), clock).SignedIn(acts.Administrator).Get(p.Path); other.Has(".notice") {
		t.Error("another session sees it")
	}
	if strings.Contains(p.Find(".pager a").Attr["href"], "notice") {
		t.Error("the links of the page carry the notice along")
	}
}

func TestTheWindowThatAsksSaysWhatWillHappen(t *testing.T) {
	b := pagetest.New(t, galleryKit("cn.example.com"), clock).SignedIn(acts.Administrator)
	p := b.Get("/gallery/ask")
	for _, want := range []string{
		"Said first: cn.example.com", "A new certificate is generated and used at once: cn.example.com",
		"1,204 Every agent that pins the old certificate stops delivering events until it has the new one. adams, cn.example.com",
		"- The new certificate must be uploaded to Active Directory. not in use here", "Type Mail sensor cn.example.com Yes Cancel",
	} {
		if !p.Contains(want) {
			t.Errorf("it does not say %q:\n%s", want, p.Text())
		}
	}
	values := p.Values("/gallery/done")
	if values.Get("seen") != "41" || values.Get("names") != "cn.example.com" || values.Get("type") != "cn.example.com" {
		t.Errorf("it sends %v", values)
	}
	if p.Attr(".ask .bar a", "href") != "/gallery" || !p.Has("button.danger") || len(p.All("input[type=radio]")) != 2 {
		t.Error("ways on")
	}
}

func TestFailuresSayWhatToDoAndLeadBack(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		title  string
	}{
		"unknown":     {&acts.Error{Code: acts.NotFound, Text: "the host " + hostile + " is not known", Hint: "look"}, http.StatusNotFound, "Not found"},
		"stale":       {fmt.Errorf("wrapped: %w", &acts.Error{Code: acts.Stale, Text: "t", Hint: "look"}), http.StatusConflict, "Changed meanwhile"},
		"invalid":     {&acts.Error{Code: acts.Invalid, Text: "t", Hint: "look"}, http.StatusUnprocessableEntity, "This cannot be taken"},
		"refused":     {&acts.Error{Code: acts.Refused, Text: "t", Hint: "look"}, http.StatusConflict, "Refused"},
		"not allowed": {&acts.Error{Code: acts.NotAllowed, Text: "t", Hint: "look"}, http.StatusForbidden, "Not allowed"},
		"not now":     {&acts.Error{Code: acts.Unavailable, Text: "t", Hint: "look"}, http.StatusServiceUnavailable, "Not possible now"},
		"of ours":     {errors.New("secret"), http.StatusInternalServerError, "This did not work"},
		"no code":     {&acts.Error{Text: "t", Hint: "look"}, http.StatusInternalServerError, "This did not work"},
	} {
		t.Run(name, func(t *testing.T) {
			b := pagetest.New(t, func(k *page.Kit) error {
				k.Get("/gallery/one", "", func(*page.Request) (page.View, error) { return page.View{}, c.err })
				return nil
			}, sections).SignedIn(acts.Administrator)
			p := b.Get("/gallery/one")
			if p.Status != c.status || p.Find("h1").Text() != c.title || p.Contains("secret") || !p.Contains("Look.") && !p.Contains("The daemon's log has the cause.") {
				t.Errorf("%d %s", p.Status, p.Text())
			}
			if a := p.Find(".failure a"); a.Attr["href"] != "/gallery" || a.Text() != "Back to Gallery" {
				t.Errorf("back: %q %q", a.Attr["href"], a.Text())
			}
		})
	}
}

func TestBackIsWhereThePersonMayGo(t *testing.T) {
	refuse := &acts.Error{Code: acts.Refused, Text: "no"}
	may := pagetest.May(func(_ acts.Role, act string) bool { return act != "secret view" })
	b := pagetest.New(t, func(k *page.Kit) error {
		for _, path := range []string{"/gallery", "/secret/one", "/other"} {
			k.Get(path, "", func(*page.Request) (page.View, error) { return page.View{}, refuse })
		}
		k.Post("/gallery", "", func(*page.Request) (page.Outcome, error) { return page.Outcome{}, refuse })
		return nil
	}, sections, may)
	one := b.SignedIn(acts.Administrator)
	for path, want := range map[string]string{"/gallery": "/", "/secret/one": "/", "/other": "/"} {
		if got := one.Get(path).Attr(".failure a", "href"); got != want {
			t.Errorf("%s leads back to %s, want %s", path, got, want)
		}
	}
	if got := one.Send("/gallery", nil).Attr(".failure a", "href"); got != "/gallery" {
		t.Errorf("a form of a section leads back to %s", got)
	}
	if a := b.Get("/nothing").Find(".failure a"); a.Attr["href"] != "/sign-in" {
		t.Errorf("a stranger is led to %s", a.Attr["href"])
	}
}

func TestAddressesThatAreNobodys(t *testing.T) {
	b := pagetest.New(t, galleryKit("x"), sections)
	for _, one := range []*pagetest.Browser{b, b.SignedIn(acts.Administrator)} {
		if p := one.Get("/nothing"); p.Status != http.StatusNotFound || !p.Contains("no page at this address") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	}
}

// TestTheAddressOfAFormLeadsToItsPage: the browser stays there when a form came
// back with a fault, and people load such addresses again or keep them.
func TestTheAddressOfAFormLeadsToItsPage(t *testing.T) {
	nothing := func(*page.Request) (page.Outcome, error) { return page.Outcome{}, nil }
	shown := func(r *page.Request) (page.View, error) {
		return page.View{Template: "page/failure.html", Title: "Page", Data: page.Failure{}}, nil
	}
	b := pagetest.New(t, func(k *page.Kit) error {
		k.OpenGet("/sign-in", shown)
		k.Get("/{$}", "", shown)
		k.Get("/people/{name}", "", shown)
		for _, form := range []string{"/people/{name}/keys", "/people/{name}/keys/all/delete", "/leave"} {
			k.Post(form, "", nothing)
		}
		return nil
	}, sections)
	one := b.SignedIn(acts.Administrator)
	for address, want := range map[string]string{
		"/people/anna/keys": "/people/anna", "/people/a%2F%2Fb%3F/keys/all/delete?x=y": "/people/a%2F%2Fb%3F", "/leave": "/",
	} {
		if p := one.Do(httptest.NewRequest(http.MethodGet, address, nil)); p.Status != http.StatusSeeOther || p.Location != want {
			t.Errorf("%s: %d to %q", address, p.Status, p.Location)
		}
	}
	for address, want := range map[string]string{"/people/anna/": "/people/anna", "/settings": "/settings/certificates", "/settings/": "/settings/certificates"} {
		if p := one.Do(httptest.NewRequest(http.MethodGet, address, nil)); p.Status != http.StatusSeeOther || p.Location != want {
			t.Errorf("%s: %d to %q", address, p.Status, p.Location)
		}
	}
	if p := one.Send("/people/anna", nil); p.Status != http.StatusMethodNotAllowed || !p.Contains("This page takes no form.") {
		t.Errorf("a form to a page without one: %d %s", p.Status, p.Text())
	}
	// Who was signed out meanwhile comes back to the page of the form.
	if p := b.Send("/people/anna/keys", nil); p.Status != http.StatusForbidden || p.Attr(".failure a", "href") != "/sign-in?next=%2Fpeople%2Fanna" {
		t.Errorf("signed out: %d %s", p.Status, p.Attr(".failure a", "href"))
	}
}

func TestAPanicOfAPageStaysThere(t *testing.T) {
	var log bytes.Buffer
	b := pagetest.New(t, func(k *page.Kit) error {
		k.Get("/panic", "", func(*page.Request) (page.View, error) { panic("a fault") })
		k.Stream("/abort", "", func(http.ResponseWriter, *page.Request) error { panic(http.ErrAbortHandler) })
		return nil
	}, logTo(&log)).SignedIn(acts.Administrator)
	if p := b.Get("/panic"); p.Status != http.StatusInternalServerError || !p.Contains("fault in the program") || !strings.Contains(log.String(), "kit_test.go") {
		t.Errorf("%d %s; log %s", p.Status, p.Text(), &log)
	}
	defer func() {
		if recover() == nil {
			t.Error("a connection that is to be cut is not")
		}
	}()
	b.Get("/abort")
}

func TestRoutesNameTheirActs(t *testing.T) {
	b := pagetest.New(t, galleryKit("x"))
	if !slices.Contains(b.Kit().Routes(), page.Route{Method: http.MethodGet, Pattern: "/gallery", Act: "gallery view"}) {
		t.Errorf("%+v", b.Kit().Routes())
	}
	refused := pagetest.New(t, galleryKit("x"), pagetest.May(func(acts.Role, string) bool { return false })).SignedIn(acts.SecurityOfficer).Get("/gallery")
	if refused.Status != http.StatusForbidden || !refused.Contains("may not do this (gallery view)") {
		t.Errorf("%d %s", refused.Status, refused.Text())
	}
}

func TestAssetsAreKeptForEverAndSmall(t *testing.T) {
	b := pagetest.New(t, galleryKit("x"))
	p := b.SignedIn(acts.Administrator).Get("/gallery")
	for selector, c := range map[string]struct {
		attribute, mediaType string
		max                  int
	}{
		"link[rel=stylesheet]": {"href", "text/css; charset=utf-8", 20 << 10},
		"script":               {"src", "text/javascript; charset=utf-8", 9 << 10},
		"link[rel=icon]":       {"href", "image/svg+xml", 1 << 10},
	} {
		path := p.Attr(selector, c.attribute)
		plain := b.Get(path)
		if plain.Status != 200 || plain.Header.Get("Content-Type") != c.mediaType || len(plain.Body) == 0 || len(plain.Body) > c.max {
			t.Errorf("%s: %d %v, %d bytes of at most %d", path, plain.Status, plain.Header, len(plain.Body), c.max)
		}
		if got := plain.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %s", path, got)
		}
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "br, gzip;q=0.5")
		small := b.Do(r)
		z, err := gzip.NewReader(strings.NewReader(small.Body))
		if err != nil || small.Header.Get("Content-Encoding") != "gzip" || small.Header.Get("Vary") != "Accept-Encoding" {
			t.Fatalf("%s: %v %v", path, small.Header, err)
		}
		if unpacked, err := io.ReadAll(z); err != nil || string(unpacked) != plain.Body {
			t.Errorf("%s is another when it is packed: %v", path, err)
		}
		r.Header.Set("Accept-Encoding", "gzip;q=0, identity")
		if b.Do(r).Body != plain.Body {
			t.Errorf("%s is packed for somebody who does not want it", path)
		}
	}
	for _, path := range []string{"/assets/vedette.css", "/assets/vedette-0000000000000000.css", "/assets/..%2fpage.html"} {
		if p := b.Get(path); p.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, p.Status)
		}
	}
}
