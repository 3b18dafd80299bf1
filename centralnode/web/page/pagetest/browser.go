// Package pagetest walks pages in tests as a browser without script does: real
// sessions, real forms with their tokens, redirects followed.
package pagetest

import (
	"bytes"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
	"vedette/internal/sessions"
)

// Option changes what a Browser's Kit is made with.
type Option func(*setting)

type setting struct {
	page.Config
	table *sessions.Table
}

// May says which role may do which act; without it every role may do
// everything. Somebody who may not gets the refusal that the daemon gives.
func May(may func(acts.Role, string) bool) Option {
	return With(func(c *page.Config) { c.May = func(a acts.Actor, act string) bool { return may(a.Role, act) } })
}

// Now gives the clock.
func Now(now func() time.Time) Option { return With(func(c *page.Config) { c.Now = now }) }

// Table gives the table that sessions are entered into: the daemon's own, where
// acts are done by the daemon.
func Table(t *sessions.Table) Option { return func(s *setting) { s.table = t } }

// With changes anything else.
func With(change func(*page.Config)) Option { return func(s *setting) { change(&s.Config) } }

// Browser is one person's, with the cookie of one session at most.
type Browser struct {
	t       testing.TB
	kit     *page.Kit
	table   *sessions.Table
	store   *websession.Store
	session *websession.Session
}

// New makes a Kit, has a room registered with it, and a browser that is not
// signed in.
func New(t testing.TB, register func(*page.Kit) error, options ...Option) *Browser {
	t.Helper()
	c := setting{table: sessions.NewTable(), Config: page.Config{
		May:    func(acts.Actor, string) bool { return true },
		SignIn: "/sign-in", Stage: func(websession.Stage) string { return "/sign-in/next" },
		Version: "test", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now,
	}}
	for _, o := range options {
		o(&c)
	}
	if c.Permit == nil {
		c.Permit = permit(c.May)
	}
	kit, err := page.New(c.Config)
	if err == nil {
		err = register(kit)
	}
	if err != nil {
		t.Fatal(err)
	}
	store := websession.NewStore(websession.Config{Table: c.table, Idle: time.Hour, Lifetime: 24 * time.Hour, Now: c.Now})
	return &Browser{t: t, kit: kit, table: c.table, store: store}
}

// SignedIn gives a browser of its own to somebody of a role, with a session of
// his. The account is named like the role.
func (b *Browser) SignedIn(role acts.Role) *Browser { return b.As(acts.Actor{Role: role}) }

// As does the same for a given actor; what is empty is filled in.
func (b *Browser) As(actor acts.Actor) *Browser {
	actor.Face = acts.FaceWeb
	if actor.Account == "" {
		actor.Account = string(actor.Role)
	}
	if actor.From == "" {
		actor.From = "192.0.2.1"
	}
	other := *b
	other.session, _ = b.store.Begin(actor, websession.SignedIn)
	return &other
}

// Session is the one that is signed in; nil: none.
func (b *Browser) Session() *websession.Session { return b.session }

// SignOut ends the session.
func (b *Browser) SignOut() { b.store.End(b.session) }

// Kit is what the browser's pages are made with.
func (b *Browser) Kit() *page.Kit { return b.kit }

// Table is the one of all sessions.
func (b *Browser) Table() *sessions.Table { return b.table }

// Handler serves the browser's session, for tests with a real server.
func (b *Browser) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.kit.Handler().ServeHTTP(w, b.signed(r)) })
}

func (b *Browser) signed(r *http.Request) *http.Request {
	if b.session == nil {
		return r
	}
	return page.With(r, b.session)
}

// Get opens a page, wherever it leads to.
func (b *Browser) Get(path string) *Page {
	b.t.Helper()
	return b.follow(b.Do(b.request(http.MethodGet, path, "", nil)))
}

// Do sends a request as it is, and follows nothing.
func (b *Browser) Do(r *http.Request) *Page {
	b.t.Helper()
	w := httptest.NewRecorder()
	b.kit.Handler().ServeHTTP(w, b.signed(r))
	p := &Page{t: b.t, browser: b, Path: r.URL.RequestURI(), Status: w.Code, Header: w.Header(), Body: w.Body.String(), Location: w.Header().Get("Location")}
	if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
		p.root = parse(b.t, p.Body)
		for _, twin := range p.twins() {
			b.t.Errorf("%s has two landmarks that are the same: %s", p.Path, twin)
		}
	}
	return p
}

func (b *Browser) request(method, path, kind string, body []byte) *http.Request {
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, bytes.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func (b *Browser) follow(p *Page) *Page {
	b.t.Helper()
	for range 5 {
		if p.Location == "" {
			return p
		}
		from := p.Path
		to, _, _ := strings.Cut(p.Location, "#")
		p = b.Do(b.request(http.MethodGet, to, "", nil))
		p.From = from
	}
	b.t.Fatalf("%s: redirected for ever", p.Path)
	return nil
}

// Submit opens a page, fills in its form and sends it: the one that has all of
// the fields. The answer is the page that a person sees then.
func (b *Browser) Submit(path string, fields map[string]string) *Page {
	b.t.Helper()
	return b.Get(path).Submit(fields)
}

// Send sends fields as a form of no page.
func (b *Browser) Send(path string, fields url.Values) *Page {
	b.t.Helper()
	return b.follow(b.Do(b.request(http.MethodPost, path, "application/x-www-form-urlencoded", []byte(fields.Encode()))))
}

// File is a file that a person chooses in a form.
type File struct {
	Name string
	Data []byte
}

// sendFiles sends a form with files.
func (b *Browser) sendFiles(path string, fields url.Values, files map[string][]File) *Page {
	b.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range fields {
		for _, v := range values {
			if err := w.WriteField(name, v); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	for name, chosen := range files {
		for _, f := range chosen {
			part, err := w.CreateFormFile(name, f.Name)
			if err == nil {
				_, err = part.Write(f.Data)
			}
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		b.t.Fatal(err)
	}
	return b.follow(b.Do(b.request(http.MethodPost, path, w.FormDataContentType(), body.Bytes())))
}
