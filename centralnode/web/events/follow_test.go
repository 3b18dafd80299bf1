package events_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

// message is one server-sent event.
type message struct{ name, id, data string }

// stream is what a browser hears.
type stream struct {
	t        testing.TB
	messages chan message // closed when the connection ends
	answer   *http.Response
	stop     context.CancelFunc // ends what the server does
}

// listen opens a stream as a browser's script does.
func (w *world) listen(b *pagetest.Browser, path, lastID string) *stream {
	w.t.Helper()
	serving, stop := context.WithCancel(w.t.Context())
	server := httptest.NewUnstartedServer(b.Handler())
	server.Config.BaseContext = func(net.Listener) context.Context { return serving }
	server.Start()
	w.t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := server.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	s := &stream{t: w.t, messages: make(chan message, 1000), answer: answer, stop: stop}
	go s.read()
	w.t.Cleanup(func() { answer.Body.Close() })
	return s
}

func (s *stream) read() {
	defer close(s.messages)
	var m message
	lines := bufio.NewScanner(s.answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			m.name = value
		case "id":
			m.id = value
		case "data":
			m.data = value
		case "":
			if m.name != "" {
				s.messages <- m
			}
			m = message{}
		}
	}
}

// next gives the next message; false: the stream has ended.
func (s *stream) next() (message, bool) {
	s.t.Helper()
	select {
	case m, ok := <-s.messages:
		return m, ok
	case <-time.After(20 * time.Second):
		s.t.Fatal("nothing came")
		panic("unreachable")
	}
}

// row is one row as a browser takes it over.
type row struct {
	Key   string `xml:"data-key,attr"`
	Cells []struct {
		Class string `xml:"class,attr"`
		Text  string `xml:",chardata"`
	} `xml:"td"`
}

func (r row) what() string { return r.Cells[3].Text }

// rows reads a batch, the oldest first.
func (s *stream) rows(m message) []row {
	s.t.Helper()
	var html string
	if err := json.Unmarshal([]byte(m.data), &html); err != nil {
		s.t.Fatalf("%v: %s", err, m.data)
	}
	var table struct {
		Rows []row `xml:"tr"`
	}
	if err := xml.Unmarshal([]byte("<table>"+html+"</table>"), &table); err != nil {
		s.t.Fatalf("%v: %s", err, html)
	}
	for i, j := 0, len(table.Rows)-1; i < j; i, j = i+1, j-1 {
		table.Rows[i], table.Rows[j] = table.Rows[j], table.Rows[i]
	}
	return table.Rows
}

// TestFollowingShowsWhatComesOnceAndInOrder follows from the page on, with the
// connection lost on the way.
func TestFollowingShowsWhatComesOnceAndInOrder(t *testing.T) {
	w := start(t)
	w.called("web-1")
	w.took(numbered(1, 3)...)
	p := w.Get("/events")
	follow := p.Attr("#rows", "data-rows")
	if got := told(p); len(got) != 3 || p.Attr("#rows", "data-rows-max") != "200" {
		t.Fatalf("the page has %q", got)
	}
	// What comes between page and stream is not lost.
	w.took(numbered(4, 9)...)
	s := w.listen(w.Browser, follow, "")
	next, seen, last := 4, make(map[string]bool), ""
	take := func(upTo int) {
		t.Helper()
		for next <= upTo {
			m, ok := s.next()
			if !ok || m.name != "rows" || m.id == "" {
				t.Fatalf("%+v, %v", m, ok)
			}
			last = m.id
			for _, r := range s.rows(m) {
				if want := fmt.Sprintf("/bin/tool-%d", next); r.what() != want || seen[r.Key] {
					t.Fatalf("row %s says %q, want %q; seen before: %v", r.Key, r.what(), want, seen[r.Key])
				}
				seen[r.Key] = true
				next++
			}
		}
	}
	take(9)
	for n := 10; n < 40; n += 3 {
		w.took(numbered(n, n+2)...)
	}
	take(39)
	s.answer.Body.Close()
	w.took(numbered(40, 50)...)
	s = w.listen(w.Browser, follow, last)
	w.took(numbered(51, 52)...)
	take(52)
	// The rows that came are those that the page has now.
	if got := told(w.Get("/events")); len(got) != 52 || got[0] != "/bin/tool-52" {
		t.Errorf("the page has %q", got)
	}
}

func TestFollowingTakesTheFiltersAndEndsWithTheSession(t *testing.T) {
	w := start(t)
	w.called("web-1")
	p := w.Get("/events?" + url.Values{"text": {"wanted"}, "host": {"WEB-1"}, "kind": {"process-start"}}.Encode())
	s := w.listen(w.Browser, p.Attr("#rows", "data-rows"), "")
	w.took(started("/bin/other"), started("/bin/wanted-1"), started("/bin/other"))
	w.took(started("/bin/other"))
	w.took(started("/bin/wanted-2"))
	var got []string
	for len(got) < 2 {
		m, ok := s.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		for _, r := range s.rows(m) {
			got = append(got, r.what())
		}
	}
	if fmt.Sprint(got) != "[/bin/wanted-1 /bin/wanted-2]" {
		t.Errorf("%q came", got)
	}
	w.Browser.SignOut()
	if m, ok := s.next(); ok {
		t.Errorf("after the session had ended came %+v", m)
	}
}

func TestFollowingEndsWhenTheServerStopsAndRefusesWhatItCannotFollow(t *testing.T) {
	w := start(t)
	s := w.listen(w.Browser, "/events/follow?after=", "")
	s.stop()
	if m, ok := s.next(); ok {
		t.Errorf("%+v", m)
	}
	for _, query := range []string{"kind=teapot", "after=nowhere"} {
		s := w.listen(w.Browser, "/events/follow?"+query, "")
		if m, ok := s.next(); !ok || m.name != "gone" {
			t.Errorf("%s: %+v, %v", query, m, ok)
		}
	}
	// A person who comes back to the stream after signing in gets the page.
	if p := w.Get("/events/follow?text=x&after=s.1.0"); p.Path != "/events?text=x" {
		t.Errorf("led to %s", p.Path)
	}
}

// TestAFloodIsShownInPartAndSaid has more come at once than anybody reads.
func TestAFloodIsShownInPartAndSaid(t *testing.T) {
	w := start(t)
	w.took(numbered(1, 900)...)
	s := w.listen(w.Browser, "/events/follow?"+url.Values{"after": {w.firstPlace()}}.Encode(), "")
	// How much comes together depends on how fast the log is read.
	last, leftOut := 1, 0
	for last < 900 {
		m, ok := s.next()
		if !ok || m.name != "rows" {
			t.Fatalf("%+v, %v after /bin/tool-%d", m, ok, last)
		}
		rows := s.rows(m)
		if len(rows) == 0 || len(rows) > 100 {
			t.Fatalf("%d rows", len(rows))
		}
		var first int
		if _, err := fmt.Sscanf(rows[0].what(), "/bin/tool-%d", &first); err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			if want := fmt.Sprintf("/bin/tool-%d", first+i); r.what() != want {
				t.Fatalf("row %q, want %q", r.what(), want)
			}
		}
		over := first - last - 1
		last = first + len(rows) - 1
		if over == 0 {
			continue
		}
		if m, _ = s.next(); m.name != "note" || !strings.Contains(m.data, fmt.Sprintf("%d were left out", over)) {
			t.Fatalf("%+v, although %d rows are missing", m, over)
		}
		leftOut += over
	}
	if leftOut == 0 {
		t.Error("everything was shown")
	}
}

// firstPlace is the place behind the oldest event.
func (w *world) firstPlace() string {
	w.t.Helper()
	first := ""
	if err := w.Events(w.t.Context(), w.Session().Actor(), acts.EventFilter{Limit: 100000}, func(e acts.Event) bool { first = string(e.Behind); return false }); err != nil {
		w.t.Fatal(err)
	}
	return first
}
