package pagetest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Page is what a person sees.
type Page struct {
	Path     string // with its query
	From     string // path of the page that led here by itself; empty: none
	Status   int
	Location string // where an answer that was not followed leads
	Header   http.Header
	Body     string

	t       testing.TB
	browser *Browser
	root    *Element // nil: no page, but a file
}

// Root is the page's element of all.
func (p *Page) Root() *Element {
	p.t.Helper()
	if p.root == nil {
		p.t.Fatalf("%s answered %d with %q: no page", p.Path, p.Status, p.Header.Get("Content-Type"))
	}
	return p.root
}

// Text is what can be read on the page, each run of spaces as one.
func (p *Page) Text() string { p.t.Helper(); return p.Root().Text() }

// Contains says whether a text can be read on the page.
func (p *Page) Contains(text string) bool { p.t.Helper(); return strings.Contains(p.Text(), text) }

// Find gives the first element that a selector matches, and ends the test when
// there is none. See Element.All for selectors.
func (p *Page) Find(selector string) *Element {
	p.t.Helper()
	found := p.Root().Find(selector)
	if found == nil {
		p.t.Fatalf("%s has no %q:\n%s", p.Path, selector, p.Body)
	}
	return found
}

// All gives the elements that a selector matches.
func (p *Page) All(selector string) []*Element { p.t.Helper(); return p.Root().All(selector) }

// Has says whether a selector matches anything.
func (p *Page) Has(selector string) bool { p.t.Helper(); return len(p.All(selector)) > 0 }

// Attr is an attribute of the first element that a selector matches.
func (p *Page) Attr(selector, name string) string { p.t.Helper(); return p.Find(selector).Attr[name] }

// Click follows the link with a text.
func (p *Page) Click(text string) *Page {
	p.t.Helper()
	for _, a := range p.All("a") {
		if a.Text() == text {
			return p.browser.Get(p.resolve(a.Attr["href"]))
		}
	}
	p.t.Fatalf("%s has no link %q:\n%s", p.Path, text, p.Body)
	return nil
}

// Submit fills in and sends the form that has all of the fields. A form with
// method post is one with a token; the others go into the address.
func (p *Page) Submit(fields map[string]string) *Page {
	p.t.Helper()
	return p.SubmitTo("", fields)
}

// SubmitTo does the same for the form with an action.
func (p *Page) SubmitTo(action string, fields map[string]string) *Page {
	p.t.Helper()
	values := make(url.Values)
	for name, value := range fields {
		values.Set(name, value)
	}
	return p.SubmitFiles(action, values, nil)
}

// SubmitFiles does the same with fields that have several values, and files.
func (p *Page) SubmitFiles(action string, fields url.Values, files map[string][]File) *Page {
	p.t.Helper()
	form := p.form(action, append(slices.Collect(maps.Keys(fields)), slices.Collect(maps.Keys(files))...))
	values := form.values()
	maps.Copy(values, fields)
	to := p.resolve(form.Attr["action"])
	if !strings.EqualFold(form.Attr["method"], "post") {
		path, _, _ := strings.Cut(to, "?")
		return p.browser.Get(path + "?" + values.Encode())
	}
	if form.Attr["enctype"] == "multipart/form-data" {
		return p.browser.sendFiles(to, values, files)
	}
	if len(files) > 0 {
		p.t.Fatalf("%s: the form %q sends no files: it is not multipart/form-data", p.Path, to)
	}
	return p.browser.Send(to, values)
}

// Values are what a form would send as it stands on the page.
func (p *Page) Values(action string) url.Values { p.t.Helper(); return p.form(action, nil).values() }

// form finds the one form that is meant.
func (p *Page) form(action string, fields []string) *Element {
	p.t.Helper()
	var fit []*Element
	for _, f := range p.All("form") {
		names := f.names()
		switch {
		case action != "" && p.resolve(f.Attr["action"]) != action:
		case action == "" && f.Attr["action"] == "/sign-out":
		case slices.ContainsFunc(fields, func(name string) bool { return !names[name] }):
		default:
			fit = append(fit, f)
		}
	}
	if len(fit) != 1 {
		p.t.Fatalf("%s (status %d) has %d forms to %q with the fields %q, want one:\n%s", p.Path, p.Status, len(fit), action, fields, p.Body)
	}
	return fit[0]
}

// resolve makes a link of the page a path.
func (p *Page) resolve(to string) string {
	p.t.Helper()
	base, err := url.Parse(p.Path)
	if err == nil {
		base, err = base.Parse(to)
	}
	if err != nil {
		p.t.Fatalf("link %q of %s: %v", to, p.Path, err)
	}
	base.Fragment = ""
	return base.RequestURI()
}
