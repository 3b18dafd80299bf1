package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/pki"
)

// someHosts are five hosts whose every column differs.
func someHosts() []store.Host {
	now := time.Now()
	sensor := strings.Repeat("0a", 8)
	host := func(n int, name, address, os, version, way string, silent time.Duration) store.Host {
		return store.Host{
			V: 1, AgentID: fmt.Sprintf("%032x", n), Name: name, Addresses: []string{address, "2001:db8::1"}, OSFamily: "linux", OSName: "Debian", OSVersion: os, AgentVersion: version,
			Way: way, Remote: address, Leaf: pki.FingerprintOf([]byte(name)), First: now.AddDate(0, -6, 0), Last: now.Add(-silent), Dropped: map[string]uint64{"queue-full\x1b": 3},
		}
	}
	const day = 24 * time.Hour
	return []store.Host{
		host(1, "alpha", "192.0.2.10", "12", "1.9", trust.Direct, 0),
		host(2, "Beta\x1b]0;x\a", "192.0.2.9", "9", "1.10", sensor, 6*day),
		host(3, "gamma", "10.0.0.1", "11", "1.2", trust.Direct, 7*day+time.Minute),
		host(4, "delta", "198.51.100.1", "10", "2.0", sensor, 30*day+time.Minute),
		host(5, "alpha", "203.0.113.5", "13", "1.1", trust.Direct, 100*day),
	}
}

// numbers are the ends of the hosts' agent ids.
func numbers(hosts []acts.Host) string {
	var b strings.Builder
	for _, h := range hosts {
		b.WriteString(h.AgentID[31:])
	}
	return b.String()
}

func TestHostsAreFilteredSortedAndShownInParts(t *testing.T) {
	w := admintest.StartWithHosts(t, someHosts())
	sensor := strings.Repeat("0a", 8)
	for _, tt := range []struct {
		filter acts.HostFilter
		want   string // as found, by name
	}{
		{acts.HostFilter{}, "21543"},
		{acts.HostFilter{Text: "ALPHA"}, "15"},
		{acts.HostFilter{Text: "192.0.2"}, "21"},
		{acts.HostFilter{Text: fmt.Sprintf("%032x", 3)}, "3"},
		{acts.HostFilter{Name: "TA"}, "24"},
		{acts.HostFilter{Name: "192"}, ""},
		{acts.HostFilter{Address: "2001:DB8"}, "21543"},
		{acts.HostFilter{Address: "198.51"}, "4"},
		{acts.HostFilter{OS: "debian 1"}, "1543"},
		{acts.HostFilter{OS: "LINUX"}, "21543"},
		{acts.HostFilter{Version: "1.1"}, "25"},
		{acts.HostFilter{Activity: acts.NormalActivity}, "21"},
		{acts.HostFilter{Activity: acts.WarningActivity}, "3"},
		{acts.HostFilter{Activity: acts.CriticalInactivity}, "54"},
		{acts.HostFilter{Way: trust.Direct}, "153"},
		{acts.HostFilter{Way: sensor, Activity: acts.CriticalInactivity}, "4"},
		{acts.HostFilter{Text: "alpha", Version: "1.9", Name: "alp"}, "1"},
		{acts.HostFilter{Sort: "-" + acts.HostsByName}, "34512"},
		{acts.HostFilter{Sort: acts.HostsByAddress}, "32145"},
		{acts.HostFilter{Sort: acts.HostsByOS}, "24315"},
		{acts.HostFilter{Sort: acts.HostsByVersion}, "53124"},
		{acts.HostFilter{Sort: "-" + acts.HostsByVersion}, "42135"},
		{acts.HostFilter{Sort: acts.HostsByActivity}, "12345"},
		{acts.HostFilter{Sort: acts.HostsByLastContact}, "54321"},
		{acts.HostFilter{Sort: acts.HostsByWay}, "15324"},
		{acts.HostFilter{Sort: acts.HostsByVersion, Offset: 1, Limit: 2}, "31"},
		{acts.HostFilter{Offset: 99}, ""},
	} {
		list, err := w.Hosts(t.Context(), local, tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if got := numbers(list.Hosts); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.filter, got, tt.want)
		}
		if list.Total != 5 || tt.filter.Limit+tt.filter.Offset == 0 && list.Matching != len(tt.want) {
			t.Errorf("%+v: %d of %d", tt.filter, list.Matching, list.Total)
		}
		if n := list.ByActivity; n[acts.NormalActivity] != 2 || n[acts.WarningActivity] != 1 || n[acts.CriticalInactivity] != 2 {
			t.Errorf("%+v: %v", tt.filter, n)
		}
		if !slices.Equal(list.Ways, []acts.HostWay{{Way: trust.Direct, Hosts: 3}, {Way: sensor, Hosts: 2}}) {
			t.Errorf("%+v: ways %+v", tt.filter, list.Ways)
		}
	}
	for _, f := range []acts.HostFilter{{Sort: "color"}, {Sort: "--name"}, {Activity: "asleep"}, {Offset: -1}, {Limit: -1}} {
		_, err := w.Hosts(t.Context(), local, f)
		refusedAs(t, err, acts.Invalid)
	}
}

func TestOneHostIsShownCleaned(t *testing.T) {
	w := admintest.StartWithHosts(t, someHosts())
	h, err := w.Host(t.Context(), local, fmt.Sprintf("%032x", 2))
	if err != nil || strings.ContainsAny(h.Name, "\x1b\a") || !strings.Contains(h.Name, "Beta") || h.Activity != acts.NormalActivity {
		t.Fatalf("%+v, %v", h, err)
	}
	for reason, n := range h.Dropped {
		if strings.Contains(reason, "\x1b") || n != 3 {
			t.Errorf("dropped %q: %d", reason, n)
		}
	}
	_, err = w.Host(t.Context(), local, "nobody\x1b")
	if e := refusedAs(t, err, acts.NotFound); strings.Contains(e.Text, "\x1b") {
		t.Errorf("%q", e.Text)
	}
}

func TestThresholdsOfActivityAreSetOnceAndRecorded(t *testing.T) {
	w := admintest.StartWithHosts(t, someHosts())
	ctx := t.Context()
	first, err := w.Activity(ctx, local)
	if err != nil || first.Warning != 7 || first.Critical != 30 || first.Revision == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	p, err := w.PreviewSetActivity(ctx, local, acts.SetActivity{Warning: 5, Critical: 31})
	if err != nil || !slices.Equal(p.Lines, []string{"Normal activity: 1 hosts (now: 2).", "Warning: 3 hosts (now: 1).", "Critical inactivity: 1 hosts (now: 2)."}) {
		t.Fatalf("%+v, %v", p, err)
	}
	set, err := w.SetActivity(ctx, local, acts.SetActivity{Warning: 5, Critical: 31, Revision: p.Revision})
	if err != nil || set.Warning != 5 || set.Critical != 31 || set.Revision <= p.Revision {
		t.Fatalf("%+v, %v", set, err)
	}
	list, err := w.Hosts(ctx, local, acts.HostFilter{Activity: acts.WarningActivity})
	if err != nil || list.Matching != 3 || list.Thresholds.Warning != 5 || list.Thresholds.Critical != 31 {
		t.Fatalf("%+v, %v", list, err)
	}
	// Whoever saw them before that is told, also where none had been set by then.
	_, err = w.SetActivity(ctx, local, acts.SetActivity{Warning: 2, Critical: 3, Revision: first.Revision})
	refusedAs(t, err, acts.Stale)
	// What was set meanwhile makes an older page stale.
	_, err = w.SetActivity(ctx, local, acts.SetActivity{Warning: 2, Critical: 3, Revision: p.Revision})
	refusedAs(t, err, acts.Stale)
	// Setting the same again is no act.
	again, err := w.SetActivity(ctx, local, acts.SetActivity{Warning: 5, Critical: 31})
	if err != nil || again != set {
		t.Fatalf("%+v, %v", again, err)
	}
	for _, in := range []acts.SetActivity{{Warning: 0, Critical: 3}, {Warning: 3, Critical: 3}, {Warning: 4, Critical: 3}, {Warning: 1, Critical: 3651}, {Warning: -1, Critical: 5}} {
		_, err := w.SetActivity(ctx, local, in)
		refusedAs(t, err, acts.Invalid)
		_, err = w.PreviewSetActivity(ctx, local, in)
		refusedAs(t, err, acts.Invalid)
	}
	records, err := w.Audit(ctx, local, acts.AuditFilter{Act: acts.ActSetActivity})
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, r := range records {
		if r.Result == "done" {
			done++
			if !slices.Equal(r.Subject, []string{"warning 5 days, critical 31 days"}) || r.Detail != "before: warning 7 days, critical 30 days" {
				t.Errorf("record %+v", r)
			}
		}
	}
	if done != 1 {
		t.Errorf("%d records of acts that were done, want 1", done)
	}
}

// BenchmarkHosts measures what a page of 50 out of 15,000 hosts costs.
func BenchmarkHosts(b *testing.B) {
	hosts := make([]store.Host, 15_000)
	now := time.Now()
	for i := range hosts {
		hosts[i] = store.Host{
			V: 1, AgentID: fmt.Sprintf("%032x", i), Name: fmt.Sprintf("host-%05d.example.org", i*7919%15_000), Addresses: []string{fmt.Sprintf("10.%d.%d.1", i/256, i%256), "fe80::1"},
			OSFamily: "linux", OSName: "Debian GNU/Linux", OSVersion: "12", AgentVersion: fmt.Sprintf("1.%d", i%20), Way: trust.Direct, Remote: "192.0.2.1", First: now, Last: now.Add(-time.Duration(i) * time.Minute),
			Dropped: map[string]uint64{"queue-full": 1},
		}
	}
	w := admintest.StartWithHosts(b, hosts)
	for name, f := range map[string]acts.HostFilter{
		"by-name": {}, "text": {Text: "host-0"}, "by-address": {Sort: acts.HostsByAddress, Offset: 7000}, "by-os": {Sort: acts.HostsByOS}, "by-version": {Sort: "-" + acts.HostsByVersion},
		"filters": {Name: "host", Address: "10.", OS: "debian", Version: "1", Activity: acts.NormalActivity, Sort: acts.HostsByLastContact},
	} {
		b.Run(name, func(b *testing.B) {
			f.Limit = 50
			b.ReportAllocs()
			for b.Loop() {
				if list, err := w.Hosts(b.Context(), local, f); err != nil || len(list.Hosts) != 50 {
					b.Fatal(len(list.Hosts), err)
				}
			}
		})
	}
}
