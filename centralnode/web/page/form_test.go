package page_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

// counter is a page with a form whose deed counts how often it is done.
type counter struct {
	done atomic.Int64
	do   func(*page.Request) (page.Outcome, error) // nil: a notice
	now  time.Time
}

func (c *counter) register(k *page.Kit) error {
	if err := galleryTemplates(k); err != nil {
		return err
	}
	k.Get("/form", "", func(r *page.Request) (page.View, error) {
		return page.View{Template: "gallery/form.html", Title: "Form", Data: "name"}, nil
	})
	k.Post("/form", "form send", func(r *page.Request) (page.Outcome, error) {
		c.done.Add(1)
		if c.do != nil {
			return c.do(r)
		}
		return page.Outcome{To: "/form#end", Notice: page.Notice{Title: "Taken: " + r.Text("name")}}, nil
	})
	return nil
}

func (c *counter) browser(t *testing.T, options ...pagetest.Option) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, c.register, append(options, pagetest.Now(func() time.Time { return noon.Add(c.now.Sub(time.Time{})) }))...)
}

func TestAFormIsTakenOnceAndAnswersTheSameAgain(t *testing.T) {
	c := &counter{}
	b := c.browser(t).SignedIn(acts.Administrator)
	form := b.Get("/form")
	values := form.Values("/form")
	values.Set("name", "anna")
	for range 3 {
		if p := b.Send("/form", values); p.Status != 200 || !p.Contains("Taken: anna") {
			t.Fatalf("status %d: %s", p.Status, p.Text())
		}
	}
	if n := c.done.Load(); n != 1 {
		t.Fatalf("done %d times", n)
	}
	if p := b.Submit("/form", map[string]string{"name": "bert"}); !p.Contains("Taken: bert") || c.done.Load() != 2 {
		t.Fatalf("a form of a page that was opened again is another: %s", p.Text())
	}
}

func TestFormsThatAreNotOursDoNothing(t *testing.T) {
	c := &counter{}
	b := c.browser(t)
	anna, bert := b.SignedIn(acts.Administrator), b.SignedIn(acts.Administrator)
	old := anna.Get("/form").Values("/form")
	broken := url.Values{"form": {old.Get("form")[1:] + "A"}}
	for name, p := range map[string]*pagetest.Page{
		"no token":                 anna.Send("/form", url.Values{"name": {"x"}}),
		"a token that was altered": anna.Send("/form", broken),
		"somebody else's":          bert.Send("/form", old),
	} {
		if p.Status != http.StatusConflict || !p.Contains("Nothing was done") {
			t.Errorf("%s: %d %s", name, p.Status, p.Text())
		}
	}
	if p := b.Send("/form", old); p.Status != http.StatusForbidden || !p.Contains("You are not signed in") {
		t.Errorf("nobody: %d %s", p.Status, p.Text())
	}
	c.now = c.now.Add(13 * time.Hour)
	if p := anna.Send("/form", old); p.Status != http.StatusConflict || !p.Contains("opened too long ago") {
		t.Errorf("too old: %d %s", p.Status, p.Text())
	}
	if n := c.done.Load(); n != 0 {
		t.Fatalf("done %d times", n)
	}
}

func TestARoleThatMayNotSendsNothing(t *testing.T) {
	c := &counter{}
	b := c.browser(t, pagetest.May(func(r acts.Role, act string) bool { return r == acts.Administrator }))
	auditor := b.SignedIn(acts.SecurityAuditor)
	if p := auditor.Submit("/form", map[string]string{"name": "x"}); p.Status != http.StatusForbidden || c.done.Load() != 0 {
		t.Fatalf("%d %s", p.Status, p.Text())
	}
}

// TestASecondClickWaitsForTheFirst: the browser leaves the first request; the
// deed is done to its end all the same, once, and the second click is told.
func TestASecondClickWaitsForTheFirst(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	c := &counter{do: func(r *page.Request) (page.Outcome, error) {
		close(begun)
		<-finish
		return page.Outcome{To: "/form", Notice: page.Notice{Title: "Done"}}, r.Context().Err()
	}}
	b := c.browser(t).SignedIn(acts.Administrator)
	body := b.Get("/form").Values("/form").Encode()
	send := func(ctx context.Context) *pagetest.Page {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/form", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return b.Do(r)
	}
	first, leave := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { send(first) })
	<-begun
	leave()
	left, leaveToo := context.WithCancel(t.Context())
	leaveToo()
	if p := send(left); p.Body != "" {
		t.Errorf("who left while waiting is answered: %s", p.Body)
	}
	second := make(chan *pagetest.Page)
	group.Go(func() { second <- send(t.Context()) })
	close(finish)
	if p := <-second; p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, "/form?notice=") {
		t.Errorf("the second click: %d %q", p.Status, p.Location)
	}
	group.Wait()
	if n := c.done.Load(); n != 1 {
		t.Fatalf("done %d times", n)
	}
}

func TestManyAtOnceAreOne(t *testing.T) {
	c := &counter{}
	b := c.browser(t).SignedIn(acts.Administrator)
	values := b.Get("/form").Values("/form")
	var group sync.WaitGroup
	for range 32 {
		group.Go(func() {
			if p := b.Send("/form", values); p.Status != 200 {
				t.Errorf("status %d", p.Status)
			}
		})
	}
	group.Wait()
	if n := c.done.Load(); n != 1 {
		t.Fatalf("done %d times", n)
	}
}

func TestWhatIsShownOnceIsNotShownAgain(t *testing.T) {
	c := &counter{do: func(r *page.Request) (page.Outcome, error) {
		return page.Outcome{Page: &page.View{Template: "gallery/form.html", Title: "Password: correct horse", Data: "", Once: true}}, nil
	}}
	b := c.browser(t).SignedIn(acts.Administrator)
	values := b.Get("/form").Values("/form")
	if p := b.Send("/form", values); !p.Contains("correct horse") {
		t.Fatal(p.Text())
	}
	if p := b.Send("/form", values); p.Contains("correct horse") || !p.Contains("shown once") || c.done.Load() != 1 {
		t.Fatalf("%d: %s", p.Status, p.Text())
	}
}

func TestAFormWithFaultsComesBack(t *testing.T) {
	c := &counter{do: func(r *page.Request) (page.Outcome, error) {
		return page.Outcome{Page: &page.View{Template: "gallery/form.html", Title: "Form", Data: r.Text("name"), Status: http.StatusUnprocessableEntity}}, nil
	}}
	b := c.browser(t).SignedIn(acts.Administrator)
	p := b.Submit("/form", map[string]string{"name": "  " + hostile + " "})
	if p.Status != http.StatusUnprocessableEntity || p.Attr("input[name=name]", "value") != hostile {
		t.Fatalf("%d %s", p.Status, p.Body)
	}
	c.do = nil
	if again := p.Submit(map[string]string{"name": "better"}); !again.Contains("Taken: better") {
		t.Fatalf("the form that came back cannot be sent: %s", again.Text())
	}
}

func TestErrorsOfAFormAreShownAndKept(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		text   string
	}{
		"stale":      {&acts.Error{Code: acts.Stale, Text: "Somebody was faster.", Hint: "look again"}, http.StatusConflict, "Somebody was faster."},
		"of a cause": {errors.New("secret cause"), http.StatusInternalServerError, "The daemon's log has the cause."},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			form := &counter{do: func(*page.Request) (page.Outcome, error) { return page.Outcome{}, c.err }}
			b := form.browser(t, logTo(&log)).SignedIn(acts.Administrator)
			values := b.Get("/form").Values("/form")
			for range 2 {
				if p := b.Send("/form", values); p.Status != c.status || !p.Contains(c.text) || p.Contains("secret") {
					t.Errorf("%d %s", p.Status, p.Text())
				}
			}
			if form.done.Load() != 1 {
				t.Error("an error is an answer, too")
			}
			if acts.CodeOf(c.err) == acts.Failed && !strings.Contains(log.String(), "secret cause") {
				t.Errorf("the log has %q", &log)
			}
		})
	}
}

func TestAPanicIsAnAnswerAndItsStackIsLogged(t *testing.T) {
	var log bytes.Buffer
	c := &counter{do: func(*page.Request) (page.Outcome, error) { panic("a fault") }}
	b := c.browser(t, logTo(&log)).SignedIn(acts.Administrator)
	values := b.Get("/form").Values("/form")
	for range 2 {
		if p := b.Send("/form", values); p.Status != http.StatusInternalServerError || !p.Contains("fault in the program") {
			t.Errorf("%d %s", p.Status, p.Text())
		}
	}
	if c.done.Load() != 1 || !strings.Contains(log.String(), "form_test.go") {
		t.Errorf("%d times; the log has no stack: %s", c.done.Load(), &log)
	}
}

func TestOutcomesLeadToOurOwnPages(t *testing.T) {
	for to, want := range map[string]string{
		"/form": "/form?notice=", "/form?a=b#c": "/form?a=b&notice=",
		"https://evil.example/": "/", "//evil.example/": "/", `/\evil.example`: "/", "": "/",
	} {
		c := &counter{do: func(*page.Request) (page.Outcome, error) {
			return page.Outcome{To: to, Notice: page.Notice{Title: "Done"}}, nil
		}}
		b := c.browser(t).SignedIn(acts.Administrator)
		r := httptest.NewRequest(http.MethodPost, "/form", strings.NewReader(b.Get("/form").Values("/form").Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if p := b.Do(r); p.Status != http.StatusSeeOther || !strings.HasPrefix(p.Location, want) || want == "/" && p.Location != "/" {
			t.Errorf("%q leads to %q", to, p.Location)
		}
	}
}

func logTo(log *bytes.Buffer) pagetest.Option {
	return pagetest.With(func(c *page.Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
}
