package alerts_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/alerts"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
)

// fake has a table of n alerts, all of which match.
type fake struct {
	n     int
	text  string // that every field of each has
	asked acts.AlertFilter
}

func (f *fake) alert(id int64) acts.Alert {
	return acts.Alert{
		ID: id, State: acts.AlertNew, StateBy: f.text, StateAt: time.Unix(1e9, 0), Importance: "medium", Technology: "yara", Source: "external",
		Created: time.Unix(1e9, 0), ObjectName: f.text, ObjectType: f.text, ObjectSize: 12_345_678, MD5: strings.Repeat("0a", 16), SHA256: strings.Repeat("b1", 32),
		Detections: []string{f.text, f.text, f.text, f.text, f.text}, Engine: f.text, RuleSet: f.text, System: f.text, SystemName: f.text,
		Fingerprint: pki.FingerprintOf([]byte("x")), Instance: f.text, ScanID: f.text, Remote: f.text, Revision: uint64(1000 + id),
	}
}

func (f *fake) Alerts(_ context.Context, _ acts.Actor, asked acts.AlertFilter) (acts.AlertList, error) {
	f.asked = asked
	list := acts.AlertList{Total: 2 * f.n, Matching: f.n}
	for i := asked.Offset; i < min(f.n, asked.Offset+asked.Limit); i++ {
		list.Alerts = append(list.Alerts, f.alert(int64(f.n-i)))
	}
	return list, nil
}

func (f *fake) Alert(_ context.Context, _ acts.Actor, id int64) (acts.Alert, error) {
	return f.alert(id), nil
}

func (f *fake) SetAlertState(_ context.Context, _ acts.Actor, in acts.SetAlertState) (acts.Alert, error) {
	a := f.alert(in.ID)
	a.State = in.State
	return a, nil
}

func (f *fake) open(t testing.TB) *pagetest.Browser {
	t.Helper()
	return pagetest.New(t, func(k *page.Kit) error { return alerts.Register(k, f) }).SignedIn(acts.SecurityOfficer)
}

func TestHostileTextsAreShownAndDoNothing(t *testing.T) {
	for _, text := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.Token}}`, `javascript:alert(1)`, `' onclick='x`, strings.Repeat("x", 500)} {
		f := &fake{n: 3, text: text}
		b := f.open(t)
		for _, path := range []string{"/alerts?system=" + url.QueryEscape(text) + "&text=" + url.QueryEscape(text), "/alerts/2"} {
			p := b.Get(path)
			if p.Status != 200 || p.Has("main script") || p.Has("img") || p.Has("[onclick]") || p.Has("[onerror]") {
				t.Errorf("%s: %d %s", path, p.Status, p.Body)
			}
			for _, a := range p.All("a") {
				if !strings.HasPrefix(a.Attr["href"], "/") && !strings.HasPrefix(a.Attr["href"], "#") {
					t.Errorf("%s: a link to %q", path, a.Attr["href"])
				}
			}
		}
		if p := b.Get("/alerts/2"); !strings.Contains(p.Text(), text) {
			t.Errorf("%q is not shown: %s", text, p.Text())
		}
		if f.asked.System != text || f.asked.Text != text {
			t.Errorf("%+v", f.asked)
		}
	}
}

func TestTableIsPagedAndKeepsItsFilters(t *testing.T) {
	f := &fake{n: 120, text: "x"}
	b := f.open(t)
	p := b.Get("/alerts?state=in-process&importance=high&technology=am&sort=-importance&since=2026-11-22T10:00&until=2026-11-22T11:30:05")
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	want := acts.AlertFilter{
		State: acts.AlertInProcess, Importance: "high", Technology: "am", Sort: "-importance", Since: at, Until: at.Add(90*time.Minute + 5*time.Second), Limit: 50,
	}
	if f.asked != want {
		t.Errorf("%+v", f.asked)
	}
	if n := len(p.All("tbody tr")); n != 50 || !p.Contains("1 to 50 of 120 (240 in all)") {
		t.Error(n, p.Text())
	}
	p = p.Click("Next").Click("Next")
	want.Offset = 100
	if f.asked != want || len(p.All("tbody tr")) != 20 {
		t.Errorf("%+v", f.asked)
	}
	// Sorting another way begins at the first page, with the same filters.
	p.Click("ID")
	want.Offset, want.Sort = 0, "id"
	if f.asked != want {
		t.Errorf("%+v", f.asked)
	}
	// Who stands behind the end of a table that became shorter sees its end.
	if p := b.Get("/alerts?from=500"); f.asked.Offset != 100 || len(p.All("tbody tr")) != 20 {
		t.Errorf("%+v", f.asked)
	}
	if f.n = 0; !b.Get("/alerts?from=50").Contains("Nothing was detected yet") || !b.Get("/alerts?text=x").Contains("No alert matches") {
		t.Error("an empty table says nothing")
	}
}

func TestWhatNobodyCanMeanIsAFaultAtItsField(t *testing.T) {
	b := (&fake{n: 1}).open(t)
	for query, field := range map[string]string{
		"state=gone": "state", "importance=x": "importance", "technology=sb": "technology", "since=yesterday": "since", "until=2026-13-01": "until", "since=2026-01-02&until=2026-01-01": "until",
	} {
		p := b.Get("/alerts?" + query)
		if p.Status != 422 || len(p.All(".error")) != 1 || p.Has("tbody") {
			t.Errorf("%s: %d %s", query, p.Status, p.Text())
		}
		if errors := p.All("#" + field + "-error"); strings.HasPrefix(field, "s") && field != "state" && len(errors) != 1 {
			t.Errorf("%s: the fault is not at its field", query)
		}
	}
	for _, id := range []string{"0", "-1", "x", "1e3", "99999999999999999999"} {
		if p := b.Get("/alerts/" + id); p.Status != 404 {
			t.Error(id, p.Status)
		}
	}
}

func TestFormLeadsBackToTheTableAndNowhereElse(t *testing.T) {
	b := (&fake{n: 3}).open(t)
	for back, want := range map[string]string{
		"": "/alerts", "state=New&from=50": "/alerts?from=50&state=New", "https://evil.test/": "/alerts", "/../evil?x=1": "/alerts", "%zz": "/alerts", "notice=x&text=a": "/alerts?text=a",
	} {
		fields := b.Get("/alerts").Values("/alerts/state")
		fields.Set("back", back)
		fields.Set("alert", "1-1001")
		p := b.Send("/alerts/state", fields)
		path, _, _ := strings.Cut(strings.Replace(p.Path, "?notice", "&notice", 1), "&notice=")
		if path != want || !p.Contains("1 alert is now In process") {
			t.Errorf("%q leads to %s: %s", back, p.Path, p.Text())
		}
	}
}

func TestRowsAreNamedAndSeenAsTheyWere(t *testing.T) {
	p := (&fake{n: 3}).open(t).Get("/alerts")
	for i, row := range p.All("tbody tr") {
		box := row.All("input[type=checkbox]")[0]
		if id := 3 - i; row.Attr["data-key"] != fmt.Sprint(id) || box.Attr["value"] != fmt.Sprintf("%d-%d", id, 1000+id) || box.Attr["form"] != "states" {
			t.Errorf("%+v %+v", row.Attr, box.Attr)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	browser := (&fake{n: 20_000, text: "invoice of a company.pdf.exe"}).open(b)
	b.ReportMetric(float64(len(browser.Get("/alerts").Body)), "bytes")
	for b.Loop() {
		browser.Get("/alerts")
	}
}
