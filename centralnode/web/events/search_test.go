package events_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/events"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	agentv1 "vedette/proto/agent/v1"
)

// told are the texts of a page's column of what happened.
func told(p *pagetest.Page) (out []string) {
	for _, cell := range p.All("#rows td.what") {
		out = append(out, cell.Text())
	}
	return out
}

func TestPagesLeadThroughTheWholeLogAndBack(t *testing.T) {
	w := start(t)
	w.called("web-1")
	if p := w.Get("/events"); !p.Contains("The log holds no events yet") || p.Status != 200 {
		t.Fatalf("of an empty log: %d\n%s", p.Status, p.Text())
	}
	w.took(numbered(1, 90)...)
	w.took(numbered(91, 260)...)
	p := w.Get("/events")
	next := 260
	var pages []*pagetest.Page
	for ; ; p = p.Click("Older") {
		pages = append(pages, p)
		for _, text := range told(p) {
			if want := fmt.Sprintf("/bin/tool-%d", next); text != want {
				t.Fatalf("page %d says %q, want %q", len(pages), text, want)
			}
			next--
		}
		if !p.Has("a[rel=next]") {
			break
		}
	}
	if len(pages) != 3 || next != 0 {
		t.Fatalf("%d pages, %d events left", len(pages), next)
	}
	// And back.
	for n := len(pages) - 1; n > 0; n-- {
		p = p.Click("Newer")
		if got, want := told(p), told(pages[n-1]); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("back at page %d: %v, want %v", n, got, want)
		}
	}
	if p.Has("a[rel=prev]") || !p.Has("#rows[data-rows]") {
		t.Error("the newest page leads to newer ones, or does not follow")
	}
}

func TestSearchesByHostKindTextAndTime(t *testing.T) {
	w := start(t)
	w.called("Web-1")
	w.took(started("/usr/bin/curl", "https://example.org"), started("/bin/ls"))
	w.took(&agentv1.Event{Id: admintest.QueueID, Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Pid: 7, Executable: "/bin/ls", ExitCode: 3}}},
		&agentv1.Event{Id: admintest.QueueID, Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{Code: "queue-full", Text: "the queue was full", Count: 9}}})
	for query, want := range map[string]string{
		"":                      "the queue was full|/bin/ls (exit 3)|/bin/ls|/usr/bin/curl https://example.org",
		"text=CURL":             "/usr/bin/curl https://example.org",
		"text=alice&kind=":      "/bin/ls|/usr/bin/curl https://example.org",
		"kind=process-exit":     "/bin/ls (exit 3)",
		"kind=collector-notice": "the queue was full",
		"host=web-1&text=/ls":   "/bin/ls (exit 3)|/bin/ls",
		"host=web":              "",
		"host=" + admintest.AgentID + "&kind=process-exit": "/bin/ls (exit 3)",
		"host=" + admintest.QueueID:                        "",
		"period=15m":                                       "the queue was full|/bin/ls (exit 3)|/bin/ls|/usr/bin/curl https://example.org",
		"since=2030-01-01":                                 "",
		"until=2020-01-01T00:00":                           "",
		"since=2020-01-01+10:00&until=2099-01-01T00:00:01": "the queue was full|/bin/ls (exit 3)|/bin/ls|/usr/bin/curl https://example.org",
	} {
		p := w.Get("/events?" + query)
		if got := strings.Join(told(p), "|"); got != want || p.Status != 200 {
			t.Errorf("%s: %d %q, want %q", query, p.Status, got, want)
		}
		if want == "" && !p.Contains("No event matches") {
			t.Errorf("%s says nothing:\n%s", query, p.Text())
		}
		if clear := p.Contains("Clear all filters"); clear != (query != "") {
			t.Errorf("%s: can be cleared: %v", query, clear)
		}
		// Nobody follows what ends in the past.
		if follows := p.Has("#rows[data-rows]"); follows != !strings.Contains(query, "until") {
			t.Errorf("%s: follows %v", query, follows)
		}
	}
	// A form keeps what was asked for before, and the preset until times are given.
	p := w.Get("/events?period=1h&text=ls").Submit(map[string]string{"kind": "process-exit"})
	if got := p.Values(""); got.Get("period") != "1h" || got.Get("text") != "ls" || got.Get("kind") != "process-exit" {
		t.Errorf("the form has %v", got)
	}
	if p = p.Submit(map[string]string{"since": "2026-01-02T03:04:05"}); p.Attr("#since", "value") != "2026-01-02T03:04:05" || p.Has("input[name=period]") {
		t.Errorf("the form has %v", p.Values(""))
	}
}

func TestWhatCannotBeUnderstoodIsToldBesideItsField(t *testing.T) {
	w := start(t)
	for query, id := range map[string]string{
		"since=yesterday": "since", "until=13:00": "until", "since=2026-01-02&until=2026-01-01": "until", "since=2026-01-02&until=2026-01-02": "until", "period=1y": "since",
	} {
		p := w.Get("/events?" + query)
		if p.Status != 422 || p.Find("#"+id+"-error").Text() == "" || p.Has("#rows") {
			t.Errorf("%s: %d\n%s", query, p.Status, p.Text())
		}
	}
	for query, status := range map[string]int{"kind=teapot": 422, "before=x": 422, "before=a.1.1&after=a.1.1": 422, "before=another.1.0": 404} {
		if p := w.Get("/events?" + query); p.Status != status {
			t.Errorf("%s: %d, want %d\n%s", query, p.Status, status, p.Text())
		}
	}
}

func TestOneEventIsShownWhole(t *testing.T) {
	w := start(t)
	w.called("web-1")
	long := strings.Repeat("x", 3000)
	w.took(started("/bin/tool", "an argument", long))
	p := w.Get("/events")
	if got := told(p)[0]; len(got) > 200 || !strings.HasPrefix(got, "/bin/tool 'an argument' xxx") {
		t.Errorf("the row says %q", got)
	}
	p = w.Get(p.Attr("#rows td a", "href"))
	for _, text := range []string{"process-start", "web-1", admintest.AgentID, "an argument", long, "/home/alice", "alice", "1000", "/sbin/init", "Direct", "127.0.0.1", "None was shown", `"@timestamp"`, `"policy_revision"`} {
		if !p.Contains(text) {
			t.Errorf("the page does not say %q:\n%s", text, p.Text())
		}
	}
	w.took(started("/bin/later"))
	if got := told(p.Click("This and older events of the host")); len(got) != 1 || !strings.HasPrefix(got[0], "/bin/tool") {
		t.Errorf("that and older: %q", got)
	}
	for _, place := range []string{"x", "a.1.0", url.PathEscape(evil)} {
		if p := w.Get("/events/" + place); p.Status != 404 || !p.Contains("not in the log") {
			t.Errorf("%s: %d\n%s", place, p.Status, p.Text())
		}
	}
}

func TestHostileTextsStayText(t *testing.T) {
	w := start(t)
	w.called(evil)
	e := started(evil, evil, evil)
	e.Id = evil
	s := e.GetProcessStart()
	s.UserId, s.UserName, s.WorkingDirectory, s.ParentExecutable = evil, evil, evil, evil
	w.took(e, &agentv1.Event{Id: evil, Kind: &agentv1.Event_CollectorNotice{CollectorNotice: &agentv1.CollectorNotice{Code: evil, Text: evil}}})
	p := w.Get("/events")
	pages := []*pagetest.Page{p, w.Get("/events?" + url.Values{"host": {evil}, "text": {evil}, "since": {evil}, "period": {evil}}.Encode())}
	for _, a := range p.All("#rows td a") {
		if path := a.Attr["href"]; strings.HasPrefix(path, "/events/") {
			pages = append(pages, w.Get(path))
		}
	}
	if len(pages) != 4 {
		t.Fatalf("%d pages", len(pages))
	}
	for _, p := range pages {
		if len(p.All("script")) != 1 {
			t.Errorf("%s: a script of a host came through:\n%s", p.Path, p.Body)
		}
		for _, e := range p.All("*") {
			if _, ok := e.Attr["onmouseover"]; ok {
				t.Errorf("%s: an attribute of a host came through", p.Path)
			}
		}
	}
}

// bounded is a log whose searches end before they are through.
type bounded struct{ events.Backend }

func (bounded) EventPage(_ context.Context, _ acts.Actor, f acts.EventFilter) (acts.EventPage, error) {
	at := time.Date(2026, 11, 22, 10, 20, 30, 0, time.UTC)
	return acts.EventPage{Newest: "s.20.0", Oldest: "s.10.0", Older: true, Newer: f.After != "" || f.Before != "", Stopped: &acts.EventBound{Packages: 12345, At: at}}, nil
}

func TestASearchThatWasCutOffSaysSoAndGoesOn(t *testing.T) {
	b := pagetest.New(t, func(k *page.Kit) error { return events.Register(k, bounded{}, time.Now) }).SignedIn(acts.SecurityOfficer)
	p := b.Get("/events?text=needle")
	if !p.Contains("12,345 packages were searched") || !p.Contains("10:20:30") || !p.Contains("No event matches in what was searched") || p.Has("a[rel=next]") {
		t.Fatalf("%s", p.Text())
	}
	if p = p.Click("Search further"); p.Path != "/events?before=s.10.0&text=needle" || !p.Has("a[rel=prev]") {
		t.Errorf("goes on at %s", p.Path)
	}
	if p = p.Click("Newer").Click("Search further"); p.Path != "/events?after=s.20.0&text=needle" || p.Has("a[rel=prev]") {
		t.Errorf("goes on at %s", p.Path)
	}
}
