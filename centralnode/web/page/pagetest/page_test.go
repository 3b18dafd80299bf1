package pagetest_test

import (
	"embed"
	"io/fs"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

//go:embed testdata/templates
var testdata embed.FS

// browser shows a page with forms, and what was sent.
func browser(t *testing.T, sent *url.Values) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, func(k *page.Kit) error {
		folder, err := fs.Sub(testdata, "testdata")
		if err == nil {
			err = k.Templates("test", folder)
		}
		show := func(r *page.Request) (page.View, error) {
			return page.View{Template: "test/forms.html", Title: "Forms", Data: r.Param("q")}, nil
		}
		k.Get("/forms", "form view", show)
		k.Post("/forms/post", "", func(r *page.Request) (page.Outcome, error) {
			*sent = r.PostForm
			sent.Del("form")
			return page.Outcome{To: "/forms#there", Notice: page.Notice{Title: "Sent"}}, nil
		})
		return err
	}).SignedIn(acts.Administrator)
}

func TestAFormIsSentAsABrowserSendsIt(t *testing.T) {
	var sent url.Values
	b := browser(t, &sent)
	p := b.Submit("/forms", map[string]string{"name": "anna"})
	if p.Status != http.StatusOK || p.From != "/forms/post" || !p.Contains("Sent") {
		t.Fatalf("%d from %s: %s", p.Status, p.From, p.Text())
	}
	want := url.Values{
		"name": {"anna"}, "seen": {"7"}, "marked": {"b"}, "on": {"on"}, "type": {"two"}, "kind": {"second"}, "first": {"A"}, "text": {"a & b"},
	}
	if !reflect.DeepEqual(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
	p.SubmitFiles("/forms/post", url.Values{"marked": {"a", "c"}, "do": {"delete"}}, nil)
	if !reflect.DeepEqual(sent["marked"], []string{"a", "c"}) || sent.Get("do") != "delete" {
		t.Errorf("sent %v", sent)
	}
	if found := p.Submit(map[string]string{"q": "x y"}); found.Path != "/forms?hidden=1&q=x+y" || !found.Contains("looked for x y") {
		t.Errorf("%s: %s", found.Path, found.Text())
	}
}

func TestElementsAreFound(t *testing.T) {
	var sent url.Values
	p := browser(t, &sent).Get("/forms")
	for selector, want := range map[string]string{
		"tr[data-key=x] td.number": "31,337", "#there b": "bold", "td.a.b": "both", "[data-key='y'] td": "empty", "ul li.none": "",
	} {
		got := ""
		if found := p.All(selector); len(found) > 0 {
			got = found[0].Text()
		}
		if got != want {
			t.Errorf("%s reads %q, want %q", selector, got, want)
		}
	}
	if got := p.Find("#there").Text(); got != "Some bold text, in two lines" {
		t.Errorf("text %q", got)
	}
	if p.Has("tr.none") || len(p.All("table tr")) != 2 || p.Attr("tr", "data-key") != "x" {
		t.Error("rows")
	}
	if next := p.Click("Next & last"); next.Path != "/forms?q=next" {
		t.Errorf("the link leads to %s", next.Path)
	}
}
