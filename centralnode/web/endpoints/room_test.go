package endpoints_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/centralnode/web/endpoints"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// evil is what a host calls itself, and everything else.
const evil = `<script>alert(1)</script>"' onmouseover=x <b>`

type world struct {
	*admintest.World
	*pagetest.Browser
}

// start starts a Central Node with hosts, with which a browser of a role works.
func start(t testing.TB, role acts.Role, hosts ...store.Host) *world {
	t.Helper()
	w := &world{World: admintest.StartWithHosts(t, hosts)}
	browser := pagetest.New(t, func(k *page.Kit) error { return endpoints.Register(k, w.World) }, pagetest.With(func(c *page.Config) {
		c.May, c.Permit = w.World.May, w.World.Permit
	}), pagetest.Table(w.Node.Sessions()))
	w.Browser = browser.SignedIn(role)
	return w
}

// host is one with a number, which was heard of a while ago.
func host(n int, silent time.Duration) store.Host {
	last := time.Now().Add(-silent)
	return store.Host{
		V: 1, AgentID: id(n), Name: fmt.Sprintf("host-%03d", n), Addresses: []string{fmt.Sprintf("192.0.2.%d", n%250), "2001:db8::1"}, OSFamily: "linux", OSName: "Debian", OSVersion: "12",
		AgentVersion: "1." + fmt.Sprint(n%3), Collector: "proc", Way: trust.Direct, Remote: "192.0.2.1", First: last.AddDate(0, -1, 0), Last: last,
	}
}

func id(n int) string { return fmt.Sprintf("%032x", n) }

// many are hosts from 1 on.
func many(n int) (out []store.Host) {
	for i := 1; i <= n; i++ {
		out = append(out, host(i, time.Duration(i)*time.Hour))
	}
	return out
}

// names are the hosts of a page.
func names(p *pagetest.Page) string {
	var out []string
	for _, row := range p.All("#hosts tbody tr[data-key]") {
		out = append(out, row.All("th a")[0].Text())
	}
	return strings.Join(out, " ")
}

func TestAnEmptyTableSaysWhatToDo(t *testing.T) {
	w := start(t, acts.SecurityOfficer)
	if p := w.Get("/endpoint-agents"); p.Status != 200 || !p.Contains("No Endpoint Agent has connected yet") || p.Has("table") {
		t.Errorf("%d\n%s", p.Status, p.Text())
	}
}

func TestTheTableIsShownInPartsSortedAndCounted(t *testing.T) {
	w := start(t, acts.SecurityAuditor, many(120)...)
	p := w.Get("/endpoint-agents")
	if got := len(p.All("#hosts tbody tr")); got != 50 || !p.Contains("1 to 50 of 120") {
		t.Fatalf("%d rows\n%s", got, p.Text())
	}
	var titles []string
	for _, th := range p.All("#hosts thead th") {
		titles = append(titles, strings.Fields(th.Text())[0])
	}
	if want := []string{"Host", "IP", "OS", "Version", "Activity", "Last", "Server", "Certificate"}; !slices.Equal(titles, want) {
		t.Errorf("columns %q, want %q", titles, want)
	}
	if p = p.Click("Last"); !strings.HasPrefix(names(p), "host-101 ") || len(p.All("#hosts tbody tr")) != 20 {
		t.Errorf("the last part: %s", names(p))
	}
	if p = p.Click("Last connection"); !strings.HasPrefix(names(p), "host-120 host-119 ") || p.Attr("#hosts th[aria-sort]", "aria-sort") != "ascending" {
		t.Errorf("by last connection: %s", names(p))
	}
	if p = p.Click("Last connection"); !strings.HasPrefix(names(p), "host-001 host-002 ") || p.Attr("#hosts th[aria-sort]", "aria-sort") != "descending" {
		t.Errorf("the other way round: %s", names(p))
	}
	// 7 days are 168 hours: all are normal. The counts lead to those they count.
	if p = p.Click("Normal activity 120"); len(p.All("#hosts tbody tr")) != 50 || !p.Has("a.clear") {
		t.Errorf("those of normal activity: %s", p.Text())
	}
	if p = p.Click("Warning 0"); !p.Contains("No host matches") {
		t.Errorf("those of warning: %s", p.Text())
	}
	// Whoever is behind the end, because fewer match now, sees the last part.
	if p = w.Get("/endpoint-agents?from=5000&q=host-12"); names(p) != "host-120" {
		t.Errorf("behind the end: %s", names(p))
	}
}

func TestFiltersCombineStayInTheAddressAndAreClearedOneByOne(t *testing.T) {
	hosts := many(9)
	hosts[4].Way, hosts[4].OSVersion, hosts[4].Last = strings.Repeat("0b", 8), "13", time.Now().AddDate(0, -2, 0)
	w := start(t, acts.SecurityOfficer, hosts...)
	p := w.Get("/endpoint-agents?sort=-name")
	p = p.Submit(map[string]string{"q": "HOST-00"})
	p = p.Submit(map[string]string{"host": "00"})
	p = p.Submit(map[string]string{"ip": "192.0.2.5"})
	p = p.Submit(map[string]string{"os": "debian 13"})
	p = p.Submit(map[string]string{"version": "1."})
	p = p.Submit(map[string]string{"activity": "critical"})
	p = p.Submit(map[string]string{"server": strings.Repeat("0b", 8)})
	if names(p) != "host-005" || len(p.All("#hosts a.clear")) != 7 {
		t.Fatalf("%s: %s", p.Path, p.Text())
	}
	u, err := url.Parse(p.Path)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"q": "HOST-00", "host": "00", "ip": "192.0.2.5", "os": "debian 13", "version": "1.", "activity": "critical", "sort": "-name"} {
		if got := u.Query().Get(name); got != value {
			t.Errorf("the address says %s=%q, want %q", name, got, value)
		}
	}
	if all := p.Click("Clear all filters"); all.Path != "/endpoint-agents?sort=-name" || len(all.All("#hosts tbody tr")) != 9 {
		t.Errorf("without filters: %s", all.Path)
	}
	for left := 6; left >= 0; left-- {
		p = w.Get(p.All("#hosts a.clear")[0].Attr["href"])
		if got := len(p.All("#hosts a.clear")); got != left || !strings.Contains(names(p), "host-005") {
			t.Fatalf("%d filters left, want %d: %s", got, left, p.Path)
		}
	}
	if p = w.Get("/endpoint-agents?activity=asleep"); p.Status != 422 {
		t.Errorf("an activity that is none: %d", p.Status)
	}
}

func TestOneHostIsShownWithItsEvents(t *testing.T) {
	h := host(1, 8*24*time.Hour)
	h.Leaf = pki.FingerprintOf([]byte("leaf"))
	h.ClockSkew = -90 * time.Second
	h.Dropped = map[string]uint64{"queue-full": 1234, "something new": 2}
	h.Suppressed = 5678
	h.AgentID = admintest.AgentID
	w := start(t, acts.SecurityAuditor, h)
	p := w.Get("/endpoint-agents")
	if code := p.Find("#hosts tbody code"); !strings.HasPrefix(h.Leaf.String(), strings.TrimSuffix(code.Text(), "...")) || code.Attr["title"] != h.Leaf.String() {
		t.Errorf("the row's certificate is %q", code.Text())
	}
	p = p.Click("host-001")
	for _, text := range []string{
		"Warning", "2001:db8::1", "Debian 12", "proc", "Direct", "1m30s behind", "1,234", "the agent's queue was full", "something new", "5,678", "The log holds no event of this host",
	} {
		if !strings.Contains(strings.ToLower(p.Text()), strings.ToLower(text)) {
			t.Errorf("the page does not say %q:\n%s", text, p.Text())
		}
	}
	if want := "/settings/certificates?fingerprint=" + url.QueryEscape(h.Leaf.String()); !p.Has("a[href='" + want + "']") {
		t.Errorf("no link to %s", want)
	}
	agent := w.Agent(nil)
	for seq := uint64(1); seq <= 60; seq++ {
		if err := w.World.Send(agent, seq, fmt.Sprintf("/bin/tool-%d", seq)); err != nil {
			t.Fatal(err)
		}
	}
	p = w.Get("/endpoint-agents/" + admintest.AgentID)
	rows := p.All("#recent tbody tr")
	if len(rows) != 50 || !strings.Contains(rows[0].Text(), "/bin/tool-60 -v") || !strings.Contains(rows[49].Text(), "/bin/tool-11 ") {
		t.Errorf("%d rows: %s", len(rows), p.Find("#recent").Text())
	}
	if !p.Has("a[href=/events?host=" + admintest.AgentID + "]") {
		t.Error("no link to the host's events")
	}
	if p := w.Get("/endpoint-agents/" + id(7)); p.Status != 404 {
		t.Errorf("a host that is not known: %d", p.Status)
	}
}

func TestActivityIsSetByThoseWhoMay(t *testing.T) {
	w := start(t, acts.Administrator, host(1, 0), host(2, 3*24*time.Hour))
	p := w.Get("/endpoint-agents").Click("Activity indicators")
	old := w.Get("/endpoint-agents/activity")
	for _, tt := range []struct{ warning, critical, fault, field string }{
		{"", "5", "whole number", "warning"}, {"2", "x", "whole number", "critical"}, {"0", "5", "too early", "warning"}, {"5", "5", "does not come before", "critical"}, {"1", "99999", "too late", "critical"},
	} {
		p = p.Submit(map[string]string{"warning": tt.warning, "critical": tt.critical})
		if p.Status != 422 || !strings.Contains(p.Find("#"+tt.field+"-error").Text(), tt.fault) || p.Attr("#warning", "value") != tt.warning || p.Attr("#critical", "value") != tt.critical || p.Attr("#"+tt.field, "aria-invalid") != "true" {
			t.Errorf("%+v: %d\n%s", tt, p.Status, p.Body)
		}
	}
	p = p.Submit(map[string]string{"warning": "2", "critical": "40"})
	if p.Status != 200 || !p.Contains("Warning after 2 days without contact, Critical inactivity after 40 days.") || !p.Contains("Warning 1") {
		t.Fatalf("%d\n%s", p.Status, p.Text())
	}
	if p = old.Submit(map[string]string{"warning": "3", "critical": "4"}); p.Status != 409 {
		t.Errorf("from a page of before: %d\n%s", p.Status, p.Text())
	}
	officer := w.Browser.SignedIn(acts.SecurityOfficer)
	if officer.Get("/endpoint-agents").Has("a[href=/endpoint-agents/activity]") || officer.Get("/endpoint-agents/activity").Status != 403 {
		t.Error("an officer is led to the thresholds")
	}
}

func TestHostileNamesStayText(t *testing.T) {
	h := host(1, 0)
	h.Name, h.OSName, h.OSVersion, h.OSFamily, h.AgentVersion, h.Collector, h.Remote, h.Way = evil, evil, evil, evil, evil, evil, evil, evil
	h.Dropped = map[string]uint64{evil: 1}
	w := start(t, acts.LocalAdministrator, h)
	for _, path := range []string{
		"/endpoint-agents", "/endpoint-agents/" + id(1), "/endpoint-agents?" + url.Values{"q": {"script"}, "host": {evil}, "os": {evil}, "version": {evil}, "server": {evil}, "sort": {evil}}.Encode(),
		"/endpoint-agents/" + url.PathEscape(evil),
	} {
		p := w.Get(path)
		if len(p.All("script")) != 1 || strings.Contains(p.Body, "<b>") {
			t.Errorf("%s: markup of a host came through:\n%s", path, p.Body)
		}
		for _, e := range p.All("*") {
			if _, ok := e.Attr["onmouseover"]; ok {
				t.Errorf("%s: an attribute of a host came through", path)
			}
		}
	}
}

func BenchmarkTable(b *testing.B) {
	w := start(b, acts.SecurityOfficer, many(15_000)...)
	for _, path := range []string{"/endpoint-agents", "/endpoint-agents?sort=-last-contact&from=7000", "/endpoint-agents?q=host-1&os=debian&activity=normal"} {
		b.Run(path, func(b *testing.B) {
			var took []time.Duration
			size := 0
			for b.Loop() {
				began := time.Now()
				p := w.Get(path)
				took = append(took, time.Since(began))
				if size = len(p.Body); p.Status != 200 {
					b.Fatal(p.Status)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*95/100])/1e6, "p95-ms")
			b.ReportMetric(float64(size), "bytes")
		})
	}
}
