package externalsystems_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/externalsystems"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/internal/acts"
	"vedette/pki"
)

// table is a Backend with systems in states that are seldom met.
type table struct {
	externalsystems.Backend // what is not asked for here
	systems                 []acts.ExternalSystem
}

var now = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

func (b table) May(_ acts.Actor, act string) bool { return act != acts.ActSetScanPriority }

func (b table) ExternalSystemPage(_ context.Context, _ acts.Actor, f acts.ServerFilter) (acts.ExternalSystemPage, error) {
	p := acts.ExternalSystemPage{Counts: acts.SystemCounts{Accepted: len(b.systems)}, Matching: len(b.systems), Offset: f.Offset}
	p.MaximumScanPriority, p.Systems = true, b.systems[f.Offset:min(len(b.systems), f.Offset+f.Limit)]
	return p, nil
}

func (b table) ExternalSystemDetail(_ context.Context, _ acts.Actor, id string, f pki.Fingerprint) (acts.ExternalSystemDetail, error) {
	for _, s := range b.systems {
		if s.ID == id && s.Fingerprint == f {
			return acts.ExternalSystemDetail{ExternalSystem: s, Address: ":443"}, nil
		}
	}
	return acts.ExternalSystemDetail{}, &acts.Error{Code: acts.NotFound, Text: "unknown", Hint: "look"}
}

func (b table) browser(t *testing.T) *pagetest.Browser {
	return pagetest.New(t, func(k *page.Kit) error { return externalsystems.Register(k, b) },
		pagetest.Now(func() time.Time { return now })).SignedIn(acts.LocalAdministrator)
}

func pathOf(s acts.ExternalSystem) string {
	return list + "/" + hex.EncodeToString(s.Fingerprint[:]) + "/" + s.ID
}

func system(n int) acts.ExternalSystem {
	var f pki.Fingerprint
	binary.BigEndian.PutUint32(f[:], uint32(n+1))
	return acts.ExternalSystem{
		ID: fmt.Sprint("gate-", n), Fingerprint: f, Sensor: "192.0.2.7", Type: acts.OtherSystem, Name: "Store", State: acts.Accepted, NextStep: "Do this.", Revision: 7,
		Requested: now.Add(-time.Hour), Decided: now.Add(-time.Minute), DecidedBy: "eve", Addresses: []string{"192.0.2.7", "192.0.2.8"}, LastCall: now.Add(-3 * time.Minute),
		NotAfter: now.Add(20*24*time.Hour + time.Hour), Calls: 12_345,
	}
}

func TestALongListIsTurnedOverByItsAddress(t *testing.T) {
	var b table
	for n := range 250 {
		b.systems = append(b.systems, system(n))
	}
	p := b.browser(t).Get(list + "?text=gate")
	if n := len(p.All("tbody tr")); n != 100 || !p.Contains("1 to 100 of 250") {
		t.Errorf("%d rows", n)
	}
	p = p.Click("Next").Click("Next")
	if n := len(p.All("tbody tr")); n != 50 || !p.Contains("201 to 250 of 250") || !strings.Contains(p.Path, "text=gate") {
		t.Errorf("%s: %d rows", p.Path, n)
	}
	if !p.Contains("Objects of mail sensors are scanned before all others.") || !p.Contains("Only a Local administrator or an Administrator can change it.") {
		t.Error("who may not set the switch is not told where it stands")
	}
}

func TestHowACallEndedIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		set        func(*acts.ExternalSystem)
		list, page []string
	}{
		"works":   {func(*acts.ExternalSystem) {}, []string{"3 min ago 12,345 calls, 0 objects"}, []string{"Last call 2026-11-22 12:57:00 UTC (3 min ago)", "From 192.0.2.7, before that 192.0.2.8", "OK its call was taken", "in 20 days", "Decided 2026-11-22 12:59:00 UTC by eve"}},
		"silent":  {func(s *acts.ExternalSystem) { s.LastCall, s.Addresses = time.Time{}, nil }, []string{"- 12,345 calls"}, []string{"Last call none", "From -", "Result -"}},
		"refused": {func(s *acts.ExternalSystem) { s.LastErrorAt, s.LastError = s.LastCall, "429 busy: too much waits" }, []string{"3 min ago: 429 busy"}, []string{"Result Error 429 busy: too much waits"}},
		"refused once": {func(s *acts.ExternalSystem) {
			s.LastErrorAt, s.LastError = s.LastCall.Add(-time.Hour), "429 busy: too much waits"
		}, nil, []string{"OK its call was taken", "Last error 2026-11-22 11:57:00 UTC: 429 busy: too much waits"}},
		"of several certificates": {func(s *acts.ExternalSystem) { s.Changed, s.Others = true, []pki.Fingerprint{{0xCC}} }, []string{"a new certificate: this ID was known with another one"}, []string{"Other certificates of this ID CC:00:", "its request"}},
		"a mail sensor":           {func(s *acts.ExternalSystem) { s.Type = acts.MailSensor }, []string{"mail sensor - gate-0"}, []string{"Name Store"}},
		"rejected":                {func(s *acts.ExternalSystem) { s.State = acts.Rejected }, []string{"Rejected Delete"}, []string{"State Rejected", "Accept Delete"}},
	} {
		s := system(0)
		c.set(&s)
		b := table{systems: []acts.ExternalSystem{s}}.browser(t)
		row, one := b.Get(list).Find("tbody tr").Text(), b.Get(pathOf(s))
		for _, want := range c.list {
			if !strings.Contains(row, want) {
				t.Errorf("%s: the row lacks %q: %s", name, want, row)
			}
		}
		for _, want := range c.page {
			if !one.Contains(want) {
				t.Errorf("%s: the page lacks %q: %s", name, want, one.Text())
			}
		}
	}
}

// TestTheSameStateIsTheSamePage: what is shown again every two seconds is sent
// only when it became different.
func TestTheSameStateIsTheSamePage(t *testing.T) {
	b := table{systems: []acts.ExternalSystem{system(0)}}.browser(t)
	for _, path := range []string{list, pathOf(system(0))} {
		first, again := b.Get(path).All("[data-live]"), b.Get(path).All("[data-live]")
		if len(first) < 3 {
			t.Fatalf("%s has %d live regions", path, len(first))
		}
		for i := range first {
			if h := first[i].Attr["data-hash"]; h == "" || h != again[i].Attr["data-hash"] {
				t.Errorf("%s: region %s differs", path, first[i].Attr["id"])
			}
		}
	}
}
