package dashboard_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/dashboard"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
)

// fake says what it is told to.
type fake struct {
	status acts.Status
	asked  acts.TrendPeriod
	may    func(act string) bool
}

func (f *fake) Status(context.Context, acts.Actor) (acts.Status, error) { return f.status, nil }

func (f *fake) Trends(_ context.Context, _ acts.Actor, asked acts.TrendFilter) (acts.TrendList, error) {
	f.asked = asked.Period
	to := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	list := acts.TrendList{From: to.Add(-24 * time.Hour), To: to, Step: 5 * time.Minute}
	for _, t := range acts.Trends() {
		list.Series = append(list.Series, acts.TrendSeries{Trend: t, Points: []acts.TrendPoint{{At: to.Add(-5 * time.Minute), Value: 3}, {At: to, Value: 41}}})
	}
	return list, nil
}

func (f *fake) May(_ acts.Actor, act string) bool { return f.may == nil || f.may(act) }

func (f *fake) open(t *testing.T) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, func(k *page.Kit) error { return dashboard.Register(k, f) }).SignedIn(acts.LocalAdministrator)
}

func TestEveryNeedLeadsToWhereItIsSettled(t *testing.T) {
	hostile := `<script>alert(1)</script>`
	f := &fake{}
	for _, c := range []struct {
		about   acts.NeedAbout
		subject string
		path    string
	}{
		{acts.AboutServer, "", ""}, {acts.AboutEvents, "", "/events"}, {acts.AboutScan, "", "#scanning"},
		{acts.AboutSensors, "", "/sensor-servers"}, {acts.AboutSensors, "0123/x", "/sensor-servers/0123%2Fx#quality"}, {acts.AboutSystems, "", "/external-systems"},
		{acts.AboutServerCertificate, "", "/settings/certificates#server-certificate"}, {acts.AboutAgentCertificates, "", "/settings/certificates#agent-certificates"},
		{acts.AboutHosts, string(acts.CriticalInactivity), "/endpoint-agents?activity=Critical+inactivity"},
		{acts.AboutHosts, "0123/../x", "/endpoint-agents/0123%2F..%2Fx"}, {acts.AboutHosts, "", "/endpoint-agents"},
		{acts.AboutAlerts, "", "/alerts?state=New"},
	} {
		f.status = acts.Status{Needs: []acts.Need{{Level: acts.NeedProblem, About: c.about, Subject: c.subject, Text: "It is " + hostile, Next: "Do " + hostile}}}
		p := f.open(t).Get("/")
		links := p.All("#needs a")
		switch {
		case !p.Contains("Problem It is "+hostile+" Do "+hostile) || p.Has("#needs script"):
			t.Errorf("%s: %s", c.about, p.Text())
		case c.path == "" && len(links) != 0, c.path != "" && (len(links) != 1 || links[0].Attr["href"] != c.path):
			t.Errorf("%s %s: %+v, want %s", c.about, c.subject, links, c.path)
		}
	}
	// Who may not see the place is told, and not sent there.
	f.may = func(act string) bool { return act != acts.ActViewAlerts }
	if p := f.open(t).Get("/"); p.Has("#needs a") || !p.Contains("Problem It is") {
		t.Error(p.Text())
	}
}

// One fact is told by one word, wherever the page tells it.
func TestTheStateOfScanningIsOneWord(t *testing.T) {
	const trouble = "It finds nothing."
	need := acts.Need{Level: acts.NeedProblem, About: acts.AboutScan, Text: "Scanning engine b: " + trouble, Next: "Repair it."}
	for name, c := range map[string]struct {
		needs   []acts.Need
		trouble string
		box     string
		engines []string
	}{
		"fine":               {nil, "", "OK", []string{"OK", "OK"}},
		"one is broken":      {[]acts.Need{need}, trouble, "Problem", []string{"OK", "Problem It finds nothing."}},
		"nobody asks for it": {nil, trouble, "OK", []string{"OK", "Note It finds nothing."}},
	} {
		f := &fake{status: acts.Status{Needs: c.needs, Scan: acts.ScanStatus{Engines: []acts.ScanEngine{{Name: "a", Technology: "am"}, {Name: "b", Technology: "yara", Trouble: c.trouble}}}}}
		p := f.open(t).Get("/")
		rows := p.All("#scanning tbody tr")
		if len(rows) != 2 {
			t.Fatal(p.Text())
		}
		for i, row := range rows {
			if want := []string{"a " + c.engines[0] + " Anti-Malware", "b " + c.engines[1] + " YARA"}[i]; !strings.HasPrefix(row.Text(), want) {
				t.Errorf("%s: %q, want %q", name, row.Text(), want)
			}
		}
		if !strings.Contains(p.Find("#numbers").Text(), "Scanning State "+c.box+" Waiting") {
			t.Errorf("%s: %s", name, p.Find("#numbers").Text())
		}
	}
}

func TestNothingNeedsAnybody(t *testing.T) {
	f := &fake{}
	if p := f.open(t).Get("/"); !p.Contains("Nothing needs you.") || p.Has("#needs table") {
		t.Error(p.Text())
	}
}

func TestPeriodIsInTheAddress(t *testing.T) {
	f := &fake{}
	b := f.open(t)
	p := b.Get("/")
	if f.asked != acts.TrendDay || len(p.All("figure svg[role=img]")) != 6 || !p.Contains("Connections 41") {
		t.Error(f.asked, p.Text())
	}
	if p = p.Click("30 days"); f.asked != acts.TrendMonth || !strings.Contains(p.Path, "period=month") {
		t.Error(f.asked, p.Path)
	}
	if p.Click("24 hours"); f.asked != acts.TrendDay {
		t.Error(f.asked)
	}
	b.Get("/?period=%3Cb%3E")
	if f.asked != acts.TrendDay {
		t.Error(f.asked)
	}
}

// The page is asked for every two seconds as long as somebody looks at it.
func TestThePageIsTheSameUntilSomethingChanges(t *testing.T) {
	f := &fake{status: acts.Status{Needs: []acts.Need{{Level: acts.NeedNote, About: acts.AboutAlerts, Text: "One."}}}}
	b := f.open(t)
	first, second := b.Get("/"), b.Get("/")
	for _, id := range []string{"needs", "numbers", "scanning", "trends"} {
		if !first.Has("[data-live]#"+id) || fmt.Sprint(first.Find("#"+id).Text()) != second.Find("#"+id).Text() {
			t.Errorf("region %s changes by itself", id)
		}
	}
	if first.Attr("#needs tr[data-key]", "data-key") != second.Attr("#needs tr[data-key]", "data-key") {
		t.Error("a row changes its name")
	}
}
