package page_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

// inline is what the content policy forbids, and what would be dangerous without
// it.
var inline = []struct {
	pattern *regexp.Regexp
	what    string
}{
	{regexp.MustCompile(`(?i)<style\b`), "a style sheet"},
	{regexp.MustCompile(`(?i)<script\b[^>]*>\s*[^<\s]`), "a script with content"},
	{regexp.MustCompile(`(?i)\sstyle\s*=`), "a style attribute"},
	{regexp.MustCompile(`(?i)[\s"']on[a-z]+\s*=`), "an event attribute"},
	{regexp.MustCompile(`(?i)javascript:`), "a script as address"},
	{regexp.MustCompile(`(?i)<(iframe|object|embed|base)\b`), "a foreign document"},
	{regexp.MustCompile(`(?i)(src|href|action)="(https?:)?//`), "an address of another server"},
}

var postForm = regexp.MustCompile(`(?is)<form\b[^>]*method="?post"?[^>]*>.*?</form>`)

// TestNoTemplateHasWhatTheContentPolicyForbids walks the templates of all rooms.
func TestNoTemplateHasWhatTheContentPolicyForbids(t *testing.T) {
	rooms, n := os.DirFS(".."), 0
	err := fs.WalkDir(rooms, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".html" {
			return err
		}
		n++
		text, err := fs.ReadFile(rooms, path)
		if err != nil {
			return err
		}
		for _, one := range inline {
			if found := one.pattern.Find(text); found != nil {
				t.Errorf("%s has %s: %s", path, one.what, found)
			}
		}
		for _, form := range postForm.FindAllString(string(text), -1) {
			if !strings.HasPrefix(path, "signin/") && !strings.Contains(form, `{{template "token"`) && !strings.Contains(form, `name="form"`) {
				t.Errorf("%s has a form without token: %.120s", path, form)
			}
		}
		return nil
	})
	if err != nil || n < 4 {
		t.Fatalf("%d templates, %v", n, err)
	}
}

// TestNothingForeignIsCarriedOut shows hostile text in every component.
func TestNothingForeignIsCarriedOut(t *testing.T) {
	b := pagetest.New(t, galleryKit(hostile), clock, sections).As(acts.Actor{Account: hostile, Role: acts.Role(hostile)})
	asked := b.Get("/gallery/ask")
	for _, p := range []*pagetest.Page{b.Get("/gallery?from=50&sort=name&state=" + "%22%3E%3Cscript%3E"), asked, asked.Submit(map[string]string{"type": hostile}), b.Get("/nothing")} {
		if strings.Contains(p.Body, "<script>") || strings.Contains(p.Body, "<img") || len(p.All("script")) != 1 {
			t.Errorf("%s carries foreign elements", p.Path)
		}
		for _, e := range p.All("*") {
			for name, value := range e.Attr {
				if strings.HasPrefix(name, "on") || name == "style" || strings.HasPrefix(value, "javascript:") {
					t.Errorf("%s: <%s> has %s=%q", p.Path, e.Name, name, value)
				}
			}
		}
		if !p.Contains("alert(1)") {
			t.Errorf("%s does not show what it was given", p.Path)
		}
	}
}
