package certificates_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
)

func keyOf(f pki.Fingerprint) string { return hex.EncodeToString(f[:]) }

// keys are the certificates that a page shows, in order.
func keys(p *pagetest.Page) []string {
	var all []string
	for _, row := range p.All("tr") {
		if key := row.Attr["data-key"]; key != "" {
			all = append(all, key)
		}
	}
	return all
}

// TestFifteenThousandCertificatesAreTurnedOverFilteredAndSorted.
func TestFifteenThousandCertificatesAreTurnedOverFilteredAndSorted(t *testing.T) {
	w := crowd(t)
	list := w.list().Certificates
	newest := make([]string, len(list))
	for i, c := range list {
		newest[len(list)-1-i] = keyOf(c.Fingerprint)
	}
	p := w.Get(front)
	if !slices.Equal(keys(p), newest[:50]) || !p.Contains("1 to 50 of 15,000") {
		t.Fatalf("%d rows: %s", len(keys(p)), p.Find(".pager").Text())
	}
	for i := range 3 {
		if p = p.Click("Next"); !slices.Equal(keys(p), newest[50*(i+1):50*(i+2)]) {
			t.Fatalf("part %d has others", i+2)
		}
	}
	if p = p.Click("Last"); !slices.Equal(keys(p), newest[14_950:]) || !p.Contains("14,951 to 15,000 of 15,000") {
		t.Errorf("the last part: %s", p.Find(".pager").Text())
	}
	if p = w.Get(front + "?from=99999999"); !slices.Equal(keys(p), newest[14_950:]) {
		t.Errorf("behind the end: %d rows", len(keys(p)))
	}
	p = w.Get(front).Click("Added")
	if p.Find(`th[aria-sort=ascending]`).Text() != "Added" || keys(p)[0] != newest[14_999] {
		t.Error("sorted by Added: the oldest is not the first")
	}
	if p = p.Click("Last seen").Click("Last seen"); keys(p)[0] != newest[0] || p.Find(`th[aria-sort=descending]`).Text() != "Last seen" {
		t.Error("sorted by Last seen, the latest first")
	}

	// Both filters, in the notation of a person, with the order kept.
	one := list[4711]
	part := strings.ToLower(strings.ReplaceAll(one.Fingerprint.String()[:11], ":", " "))
	p = p.SubmitTo(front, map[string]string{"fingerprint": part})
	if !slices.Contains(keys(p), keyOf(one.Fingerprint)) || !strings.Contains(p.Path, "sort=-seen") {
		t.Fatalf("filtered by %q: %d rows at %s", part, len(keys(p)), p.Path)
	}
	p = p.SubmitTo(front, map[string]string{"serial": one.Serial.String()[3:]})
	if !slices.Equal(keys(p), []string{keyOf(one.Fingerprint)}) || !p.Contains("(15,000 in all)") {
		t.Fatalf("both filters: %d rows", len(keys(p)))
	}
	address, err := url.Parse(p.Path)
	if err != nil || address.Query().Get("fingerprint") != part || address.Query().Get("serial") == "" {
		t.Errorf("the filters are not in the address %s", p.Path)
	}
	cleared := w.Get(href(t, p, "Clear the filter TLS certificate"))
	if a, _ := url.Parse(cleared.Path); a.Query().Has("fingerprint") || !a.Query().Has("serial") {
		t.Errorf("one cleared: %s", cleared.Path)
	}
	if cleared = w.Get(href(t, cleared, "Clear the filter Serial number")); len(keys(cleared)) != 50 || cleared.Has("a.clear") {
		t.Errorf("both cleared: %d rows", len(keys(cleared)))
	}
	none := w.Get(front + "?fingerprint=zz&serial=" + url.QueryEscape(`"><script>alert(1)</script>`))
	if len(keys(none)) != 0 || !none.Contains("No certificate matches the filter") || strings.Contains(none.Body, "<script>alert") {
		t.Errorf("no match: %s", none.Text())
	}
	if p = none.Click("Clear the filters"); len(keys(p)) != 50 {
		t.Errorf("cleared: %d rows", len(keys(p)))
	}
}

// href finds the link whose text ends so; the mark before it is a cross.
func href(t *testing.T, p *pagetest.Page, text string) string {
	t.Helper()
	for _, a := range p.All("a.clear") {
		if strings.HasSuffix(a.Text(), text) {
			path, _, _ := strings.Cut(a.Attr["href"], "#")
			return path
		}
	}
	t.Fatalf("no mark %q:\n%s", text, p.Body)
	return ""
}

func TestRowTellsWhoUsesACertificate(t *testing.T) {
	w := start(t)
	pair := w.Generate("office")
	for i := range 2 {
		id := fmt.Sprintf("%032x", i+1)
		if _, err := w.Agent(pair).Sync(t.Context(), &agentv1.SyncRequest{AgentId: id, QueueId: id, Host: &agentv1.Host{Name: "web"}}); err != nil {
			t.Fatal(err)
		}
	}
	row := w.Get(front).Find("tr[data-key=" + keyOf(pair.Fingerprint()) + "]").Text()
	for _, want := range []string{pair.Fingerprint().String(), pki.SerialOf(pair.Leaf()).String(), "CN=office", "2 (2)", "in 1,824 days", "generated"} {
		if !strings.Contains(row, want) {
			t.Errorf("the row does not say %q: %s", want, row)
		}
	}
}

// deleting selects check boxes and clicks Delete.
func deleting(t *testing.T, b *pagetest.Browser, pairs ...*pki.Pair) *pagetest.Page {
	t.Helper()
	p := b.Get(front)
	form := p.Find("form#" + p.Attr("button.danger", "form"))
	marked := make(url.Values)
	for _, pair := range pairs {
		box := p.Find("tr[data-key=" + keyOf(pair.Fingerprint()) + "] input[type=checkbox]").Attr
		if box["form"] != form.Attr["id"] || !strings.Contains(box["aria-label"], pair.Fingerprint().String()) {
			t.Fatalf("check box %v", box)
		}
		marked.Add(box["name"], box["value"])
	}
	return b.Get(form.Attr["action"] + "?" + marked.Encode())
}

func TestSelectedCertificatesAreDeletedAndTheirAgentsCut(t *testing.T) {
	w := start(t)
	w.Validation(true)
	one, two := w.Generate("one"), w.Generate("two")
	if err := w.World.Send(w.Agent(one), 1, "/bin/x"); err != nil {
		t.Fatal(err)
	}
	ask := deleting(t, w.Browser, one, two)
	for _, want := range []string{"Delete 2 certificates", one.Fingerprint().String() + ": 1 connected agent uses", two.Fingerprint().String() + ": 0 connected", "Connections that are cut at once."} {
		if !ask.Contains(want) {
			t.Errorf("the window does not say %q: %s", want, ask.Text())
		}
	}
	if n := len(w.list().Certificates); n != 2 {
		t.Fatalf("asking deleted: %d are left", n)
	}
	done := ask.Submit(nil)
	if !done.Contains("2 certificates deleted") || !done.Contains("1 connection was cut, within") || len(w.list().Certificates) != 0 {
		t.Errorf("deleted: %s", done.Text())
	}
	if err := w.World.Send(w.Agent(one), 2, "/bin/x"); err == nil {
		t.Error("the agent is let in")
	}
	for name, marked := range map[string]url.Values{"none": {}, "rubbish": {"certificate": {"zz"}}, "too many": {"certificate": slices.Repeat([]string{keyOf(one.Fingerprint())}, 501)}} {
		if p := w.Get(front + "/agent/delete?" + marked.Encode()); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d", name, p.Status)
		}
	}
}

// TestWhoeverDeletesWhatAnotherHasDeletedIsToldWhoItWas, also when only some of
// them are gone; then nothing is deleted.
func TestWhoeverDeletesWhatAnotherHasDeletedIsToldWhoItWas(t *testing.T) {
	w := start(t)
	one, two := w.Generate("one"), w.Generate("two")
	ask := deleting(t, w.Browser, one, two)
	other := w.as(acts.Administrator)
	if p := deleting(t, other, one).Submit(nil); !p.Contains("1 certificate deleted") {
		t.Fatal(p.Text())
	}
	p := ask.Submit(nil)
	if p.Status != http.StatusConflict || !p.Contains("administrator") || !p.Contains("agent-certificate delete") || len(w.list().Certificates) != 1 {
		t.Errorf("status %d: %s", p.Status, p.Text())
	}
}

func TestSwitchAsksAndTellsWhomItCut(t *testing.T) {
	w := start(t)
	agent := w.Agent(pkitest.Agent(t, "stranger"))
	if _, err := agent.Sync(t.Context(), &agentv1.SyncRequest{AgentId: admintest.AgentID, QueueId: admintest.QueueID, Host: &agentv1.Host{Name: "stranger-host"}}); err != nil {
		t.Fatal(err)
	}
	p := w.Get(front)
	if b := p.Find("button[role=switch]"); b.Attr["aria-checked"] != "false" || b.Text() != "Validate Endpoint Agent TLS certificates" {
		t.Fatalf("switch %v %q", b.Attr, b.Text())
	}
	ask := p.SubmitTo(front+"/agent/validation", nil)
	if !ask.Contains("Connections that are cut at once") || !ask.Contains("stranger-host") || w.list().Validation {
		t.Fatalf("the window: %s", ask.Text())
	}
	stale := p.SubmitTo(front+"/agent/validation", nil)
	done := ask.Submit(nil)
	if !w.list().Validation || !done.Contains("is on") || !done.Contains("1 connection was cut") || done.Find("button[role=switch]").Attr["aria-checked"] != "true" {
		t.Errorf("turned on: %s", done.Text())
	}
	if p := stale.Submit(nil); p.Status != http.StatusConflict {
		t.Errorf("who saw it off: status %d", p.Status)
	}
	ask = done.SubmitTo(front+"/agent/validation", nil)
	if !ask.Contains("Every agent will be let in") {
		t.Errorf("the window: %s", ask.Text())
	}
	if done = ask.Submit(nil); w.list().Validation || !done.Contains("is off") || !done.Contains("No connection had to be cut.") {
		t.Errorf("turned off: %s", done.Text())
	}
}

// TestRolesSeeWhatTheyMayDo goes to every address as everybody.
func TestRolesSeeWhatTheyMayDo(t *testing.T) {
	w := start(t)
	w.Generate("one")
	all := w.Kit().Routes()
	for _, role := range acts.Roles() {
		t.Run(string(role), func(t *testing.T) {
			b := w.as(role)
			p := b.Get(front)
			views := slices.Contains([]acts.Role{acts.LocalAdministrator, acts.Administrator, acts.SecurityAuditor}, role)
			does := views && role != acts.SecurityAuditor
			if views != (p.Status == http.StatusOK) || !views && p.Status != http.StatusForbidden {
				t.Fatalf("status %d", p.Status)
			}
			if views {
				for _, sel := range []string{"button[role=switch]", "#server-file", "#agent-files", "#agent-password", "input[type=checkbox]"} {
					if p.Has(sel) != does {
						t.Errorf("%s is shown: %v", sel, p.Has(sel))
					}
				}
				if got := strings.Contains(p.Body, ">Generate<"); got != does {
					t.Errorf("Generate is shown: %v", got)
				}
			}
			for _, r := range all {
				if r.Open || !strings.HasPrefix(r.Pattern, front) {
					continue
				}
				path := strings.ReplaceAll(r.Pattern, "{held}", "x")
				got := b.Do(httptest.NewRequestWithContext(t.Context(), r.Method, path, nil)).Status
				may := w.May(acts.Actor{Role: role}, r.Act)
				if may == (got == http.StatusForbidden) && !(r.Method == http.MethodPost && may) {
					t.Errorf("%s %s: status %d, may %v", r.Method, path, got, may)
				}
			}
		})
	}
}

// TestTableIsKeptUpToDate follows the page as its script does.
func TestTableIsKeptUpToDate(t *testing.T) {
	w := start(t)
	server := httptest.NewServer(w.Browser.Handler())
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+front, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	var made pki.Fingerprint
	for lines.Scan() {
		if made.IsZero() {
			made = w.Generate("new").Fingerprint()
		}
		if strings.Contains(lines.Text(), keyOf(made)) {
			return
		}
	}
	t.Fatalf("the new row was never sent: %v", lines.Err())
}

func TestDeleteWithoutAnySelectedLeavesTheTable(t *testing.T) {
	w := start(t)
	w.Generate("office")
	p := w.Get(front+"?sort=-added").SubmitTo(front+"/agent/delete", nil)
	if p.Status != http.StatusUnprocessableEntity || len(keys(p)) != 1 || !p.Has("#agent-delete-error") || !p.Has(`button[aria-describedby=agent-delete-error]`) {
		t.Fatalf("status %d:\n%s", p.Status, p.Body)
	}
	if p = p.Click("Added"); !strings.HasPrefix(p.Path, front+"?sort=") || p.Status != http.StatusOK {
		t.Errorf("sorted then: %d at %s", p.Status, p.Path)
	}
}

func TestLongFilterIsShownByItsBeginning(t *testing.T) {
	w := start(t)
	w.Generate("office")
	long := strings.Repeat("W", 200)
	p := w.Get(front + "?serial=" + long)
	if shown := p.Find("th .count").Text(); shown != long[:24]+"..." {
		t.Errorf("shown %q", shown)
	}
}
