package sensorservers_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/centralnode/web/sensorservers"
	"vedette/internal/acts"
	"vedette/pki"
)

// table is a Backend with Sensors in states that are seldom met.
type table struct {
	sensorservers.Backend // what is not asked for here
	servers               []acts.SensorServer
	minutes               []acts.QualityMinute // of every Sensor
}

func (b table) May(acts.Actor, string) bool { return true }

func (b table) SensorServerPage(_ context.Context, _ acts.Actor, f acts.ServerFilter) (acts.SensorServerPage, error) {
	p := acts.SensorServerPage{Counts: acts.SensorCounts{Accepted: len(b.servers)}, Matching: len(b.servers), Offset: f.Offset}
	p.PolicyRevision, p.Servers = 9, b.servers[f.Offset:min(len(b.servers), f.Offset+f.Limit)]
	return p, nil
}

func (b table) SensorServerByID(_ context.Context, _ acts.Actor, id string) (acts.SensorServer, error) {
	for _, s := range b.servers {
		if pathOf(s.Fingerprint) == "/sensor-servers/"+id {
			return s, nil
		}
	}
	return acts.SensorServer{}, &acts.Error{Code: acts.NotFound, Text: "unknown", Hint: "look"}
}

func (b table) SensorHistory(_ context.Context, _ acts.Actor, _ string, v acts.ViewHistory) (out []acts.QualityMinute, _ error) {
	for _, m := range b.minutes {
		if !m.Start.Before(v.From) && m.Start.Before(v.To) {
			out = append(out, m)
		}
	}
	return out, nil
}

func (b table) AcceptSensorServer(_ context.Context, _ acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	s, err := b.SensorServerByID(context.Background(), acts.Actor{}, strings.TrimPrefix(pathOf(in.Fingerprint), "/sensor-servers/"))
	return acts.SensorServerDecision{Server: s}, err
}

func (b table) RejectSensorServer(ctx context.Context, a acts.Actor, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	d, err := b.AcceptSensorServer(ctx, a, in)
	d.Cut = 41
	return d, err
}

func (b table) browser(t testing.TB) *pagetest.Browser {
	return pagetest.New(t, func(k *page.Kit) error { return sensorservers.Register(k, b, func() time.Time { return now }) },
		pagetest.Now(func() time.Time { return now })).SignedIn(acts.LocalAdministrator)
}

var now = time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)

func sensor(n int) acts.SensorServer {
	var f pki.Fingerprint
	binary.BigEndian.PutUint32(f[:], uint32(n+1))
	return acts.SensorServer{
		ID: fmt.Sprintf("%016x", uint64(n+1)<<32), Fingerprint: f, Name: fmt.Sprint("branch-", n), Address: "192.0.2.7", Type: acts.TypeRemote,
		State: acts.Accepted, NextStep: "Do this.", Requested: now.Add(-time.Hour), LastContact: now.Add(-3 * time.Hour), Revision: 7,
	}
}

func TestALongListIsTurnedOverByItsAddress(t *testing.T) {
	var b table
	for n := range 250 {
		b.servers = append(b.servers, sensor(n))
	}
	p := b.browser(t).Get("/sensor-servers?text=branch")
	if n := len(p.All("tbody tr")); n != 100 || !p.Contains("1 to 100 of 250") {
		t.Errorf("%d rows", n)
	}
	p = p.Click("Last")
	if n := len(p.All("tbody tr")); n != 50 || !p.Contains("201 to 250 of 250") || !strings.Contains(p.Path, "text=branch") {
		t.Errorf("%s: %d rows", p.Path, n)
	}
}

func TestHowALinkDoesIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		set        func(*acts.SensorServer)
		list, page []string
	}{
		"down":     {func(*acts.SensorServer) {}, []string{"None last contact 3 hours ago"}, []string{"none; last contact 2026-11-22 10:00:00 UTC (3 hours ago)", "Ingress -"}},
		"never up": {func(s *acts.SensorServer) { s.LastContact = time.Time{} }, []string{"None"}, []string{"no contact yet"}},
		"in force": {func(s *acts.SensorServer) {
			s.Connected, s.Lanes, s.RTT, s.Agents, s.IngressBytes = true, 4, 12_345*time.Microsecond, 1234, 7_000_000
		}, []string{"Connected 4 lanes - - 12 ms by ping", "1,234", "7 MB"}, []string{"Round trip 12 ms", "Policy in force", "Agents 1,234"}},
		"behind": {func(s *acts.SensorServer) {
			s.Connected, s.Lanes, s.RTT, s.PolicyBehind, s.PolicyRevision = true, 1, 2500*time.Microsecond, true, 8
		}, []string{"1 lane, policy behind: has revision 8, not yet 9 - - 2.5 ms"}, []string{"Policy behind"}},
		"a problem":  {func(s *acts.SensorServer) { s.Problem = acts.SameServerRule }, []string{acts.SameServerRule}, []string{"Problem " + acts.SameServerRule}},
		"pins":       {func(s *acts.SensorServer) { s.ServerCertificate = pki.Fingerprint{0xAB} }, nil, []string{"Server certificate AB:00:"}},
		"no address": {func(s *acts.SensorServer) { s.Address, s.Name = "", "" }, []string{sensor(0).ID}, []string{"Sensor server " + sensor(0).ID}},
	} {
		s := sensor(0)
		c.set(&s)
		b := table{servers: []acts.SensorServer{s}}.browser(t)
		list, one := b.Get("/sensor-servers"), b.Get(pathOf(s.Fingerprint))
		for _, want := range c.list {
			if !strings.Contains(list.Find("tbody tr").Text(), want) {
				t.Errorf("%s: the row lacks %q: %s", name, want, list.Find("tbody tr").Text())
			}
		}
		for _, want := range c.page {
			if !one.Contains(want) {
				t.Errorf("%s: the page lacks %q: %s", name, want, one.Text())
			}
		}
	}
}

func TestANoticeSaysWhatHappensNext(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*acts.SensorServer)
		to   string
		kind string
		want string
	}{
		"connected":       {func(s *acts.SensorServer) { s.Connected = true }, "/accept", "done", "The Sensor is a proxy server from now on."},
		"not connected":   {func(*acts.SensorServer) {}, "/accept", "done", "The Sensor is a proxy server as soon as it connects"},
		"the same server": {func(s *acts.SensorServer) { s.Problem = acts.SameServerRule }, "/accept", "caution", acts.SameServerRule},
		"cut":             {func(*acts.SensorServer) {}, "/reject", "done", "41 agents' connections through it were cut."},
	} {
		s := sensor(0)
		s.State = acts.Pending
		c.set(&s)
		p := table{servers: []acts.SensorServer{s}}.browser(t).Get(pathOf(s.Fingerprint)).SubmitTo(pathOf(s.Fingerprint)+c.to, nil)
		if n := p.Find(".notice"); p.Status != http.StatusOK || !strings.Contains(n.Attr["class"], c.kind) || !strings.Contains(n.Text(), c.want) {
			t.Errorf("%s: %s", name, n.Text())
		}
	}
}

// TestTheSameStateIsTheSamePage: what is shown again every two seconds is sent
// only when it became different.
func TestTheSameStateIsTheSamePage(t *testing.T) {
	s := sensor(0)
	s.State = acts.Pending
	b := table{servers: []acts.SensorServer{s, measured(1)}, minutes: aDay()}.browser(t)
	for _, path := range []string{"/sensor-servers", pathOf(s.Fingerprint), pathOf(sensor(1).Fingerprint)} {
		first, again := b.Get(path).All("[data-live]"), b.Get(path).All("[data-live]")
		if len(first) < 2 {
			t.Fatalf("%s has %d live regions", path, len(first))
		}
		for i := range first {
			if h := first[i].Attr["data-hash"]; h == "" || h != again[i].Attr["data-hash"] {
				t.Errorf("%s: region %s differs", path, first[i].Attr["id"])
			}
		}
	}
}
