package page_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
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

// board is a live page whose rows a test changes.
type board struct {
	mu    sync.Mutex
	rows  []string
	fails error
	asked atomic.Int64
}

func (b *board) set(rows ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = rows
}

func (b *board) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fails = err
}

func (b *board) register(k *page.Kit) error {
	if err := galleryTemplates(k); err != nil {
		return err
	}
	read := func(live bool) page.Read {
		return func(r *page.Request) (page.View, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.asked.Add(1)
			return page.View{Template: "gallery/board.html", Title: "Board", Data: append([]string{r.URL.RawQuery}, b.rows...), Live: live}, b.fails
		}
	}
	k.Get("/board", "board view", read(true))
	k.Get("/still", "", read(false))
	return nil
}

const quick = 5 * time.Millisecond

// serve shows a board over a real server.
func (b *board) serve(t *testing.T, options ...pagetest.Option) (*pagetest.Browser, *httptest.Server) {
	t.Helper()
	browser := pagetest.New(t, b.register, append(options, pagetest.With(func(c *page.Config) { c.LiveEvery = quick }))...).SignedIn(acts.SecurityAuditor)
	server := httptest.NewServer(browser.Handler())
	t.Cleanup(server.Close)
	return browser, server
}

// stream is what a page's script hears.
type stream struct {
	t      *testing.T
	Status int
	Header http.Header
	lines  *bufio.Scanner
	leave  context.CancelFunc
}

type event struct{ name, id, data string }

func listen(t *testing.T, address string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return &stream{t, answer.StatusCode, answer.Header, lines, cancel}
}

// next gives the next event; a name of none means that there is no more.
func (s *stream) next() (e event) {
	s.t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e.name != "":
			return e
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "data":
			e.data = value
		case line != "" && line != ":":
			s.t.Errorf("line %q", line)
		}
	}
	return event{}
}

type sentRegion struct{ ID, Hash, HTML string }

func (s *stream) regions() []sentRegion {
	s.t.Helper()
	e := s.next()
	var out []sentRegion
	if err := json.Unmarshal([]byte(e.data), &out); e.name != "regions" || err != nil {
		s.t.Fatalf("event %+v, %v", e, err)
	}
	return out
}

func shownBy(p *pagetest.Page) string {
	var parts []string
	for _, e := range p.All("[data-live]") {
		parts = append(parts, e.Attr["data-hash"]+e.Attr["id"])
	}
	return "live=" + url.QueryEscape(strings.Join(parts, ","))
}

func TestALivePageIsToldWhatChangedAndNothingElse(t *testing.T) {
	b := &board{rows: []string{"adams"}}
	browser, server := b.serve(t)
	p := browser.Get("/board?x=1")
	if p.Attr("[data-follow]", "data-follow") != "/board?x=1" {
		t.Fatal("the script is not told where to ask")
	}
	b.set("adams", hostile)
	s := listen(t, server.URL+"/board?x=1&"+shownBy(p))
	if kind := s.Header.Get("Content-Type"); s.Status != 200 || kind != "text/event-stream; charset=utf-8" {
		t.Fatalf("%d %q", s.Status, kind)
	}
	first := s.regions()
	if len(first) != 1 || first[0].ID != "rows" || !strings.Contains(first[0].HTML, "adams") || strings.Contains(first[0].HTML, "<script>") {
		t.Fatalf("first %+v", first)
	}
	if !strings.HasPrefix(first[0].HTML, `<section id="rows" data-live>`) || !strings.HasSuffix(first[0].HTML, "</section>") {
		t.Fatalf("a region is an element: %s", first[0].HTML)
	}
	asked := b.asked.Load()
	waitFor(t, func() bool { return b.asked.Load() > asked+5 }) // each time with other tokens
	b.set("brook", "carter")
	if second := s.regions(); len(second) != 1 || !strings.Contains(second[0].HTML, "brook") || second[0].Hash == first[0].Hash {
		t.Fatalf("second %+v", second)
	}
}

func TestWhoShowsNothingIsToldEverything(t *testing.T) {
	b := &board{rows: []string{"adams"}}
	_, server := b.serve(t)
	if all := listen(t, server.URL+"/board").regions(); len(all) != 2 || all[0].ID != "rows" || all[1].ID != "query" || strings.Contains(all[1].HTML, "live=") {
		t.Fatalf("%+v", all)
	}
}

func TestAnEndedSessionIsSentToTheSignInPage(t *testing.T) {
	b := &board{}
	browser, server := b.serve(t)
	s := listen(t, server.URL+"/board?x=1&live=")
	s.regions()
	browser.SignOut()
	if e := s.next(); e.name != "ended" || e.data != `"/sign-in?next=%2Fboard%3Fx%3D1"` {
		t.Fatalf("%+v", e)
	}
	if e := s.next(); e.name != "" {
		t.Fatalf("after the end: %+v", e)
	}
	stranger := httptest.NewServer(browser.Kit().Handler())
	defer stranger.Close()
	if e := listen(t, stranger.URL+"/board?x=1&live=abc").next(); e.name != "ended" || e.data != `"/sign-in?next=%2Fboard%3Fx%3D1"` {
		t.Fatalf("somebody without session: %+v", e)
	}
}

func TestARoleThatLosesItsRightHearsNothingMore(t *testing.T) {
	b := &board{rows: []string{"adams"}}
	var withdrawn atomic.Bool
	_, server := b.serve(t, pagetest.May(func(acts.Role, string) bool { return !withdrawn.Load() }))
	s := listen(t, server.URL+"/board")
	s.regions()
	withdrawn.Store(true)
	b.set("secret")
	if e := s.next(); e.name != "gone" || strings.Contains(e.data, "secret") {
		t.Fatalf("%+v", e)
	}
	if e := listen(t, server.URL+"/board").next(); e.name != "gone" {
		t.Fatalf("asked again: %+v", e)
	}
}

func TestErrorsOfALivePageAreToldWhereAPersonCanDoSomething(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"gone":  {&acts.Error{Code: acts.NotFound, Text: "the host is not known"}, "gone"},
		"later": {&acts.Error{Code: acts.Unavailable, Text: "busy"}, ""},
		"ours":  {fmt.Errorf("cause"), ""},
	} {
		b := &board{}
		_, server := b.serve(t)
		s := listen(t, server.URL+"/board")
		s.regions()
		b.fail(c.err)
		if e := s.next(); e.name != c.want || strings.Contains(e.data, "cause") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestStreamsEndWithTheirRequests(t *testing.T) {
	b := &board{}
	browser, _ := b.serve(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	server := httptest.NewUnstartedServer(browser.Handler())
	server.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	server.Start()
	t.Cleanup(server.Close)
	one, two := listen(t, server.URL+"/board"), listen(t, server.URL+"/board")
	one.regions()
	two.regions()
	stop()
	for _, s := range []*stream{one, two} {
		if e := s.next(); e.name != "" {
			t.Errorf("%+v", e)
		}
	}
}

func TestStreamsOfASessionAreBounded(t *testing.T) {
	b := &board{}
	browser, server := b.serve(t)
	for range 16 {
		listen(t, server.URL+"/board").regions()
	}
	if s := listen(t, server.URL+"/board"); s.Status != http.StatusServiceUnavailable || s.Header.Get("Retry-After") == "" {
		t.Fatalf("the seventeenth: %d", s.Status)
	}
	other := httptest.NewServer(browser.SignedIn(acts.Administrator).Handler())
	t.Cleanup(other.Close)
	listen(t, other.URL+"/board").regions()
	browser.SignOut()
	if e := listen(t, other.URL+"/board"); e.Status != 200 {
		t.Fatal("another session is not concerned")
	}
}

func TestWhoLeavesIsForgotten(t *testing.T) {
	b := &board{}
	_, server := b.serve(t)
	for range 40 { // more than fit at once
		var s *stream
		waitFor(t, func() bool { s = listen(t, server.URL+"/board"); return s.Status == 200 })
		s.regions()
		s.leave()
	}
	var asked int64
	waitFor(t, func() bool { before := asked; asked = b.asked.Load(); return before == asked })
}

func TestAPageThatIsNotLiveTellsScriptsNotToCome(t *testing.T) {
	b := &board{}
	browser, server := b.serve(t)
	if s := listen(t, server.URL+"/still"); s.Status != http.StatusNoContent {
		t.Fatal(s.Status)
	}
	if browser.Get("/still").Has("[data-follow]") {
		t.Error("it says that it is live")
	}
}

// waitFor waits until something holds, looking at it every now and then.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(15*time.Second), time.NewTicker(4*quick)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come to pass")
		}
	}
}
