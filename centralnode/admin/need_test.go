package admin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/store"
	"vedette/internal/acts"
)

// needed are the needs about one thing, as "level: text".
func needed(t *testing.T, w *admintest.World, role acts.Role, about acts.NeedAbout) (out []string) {
	t.Helper()
	s, err := w.Status(t.Context(), acts.Actor{Account: "x", Role: role, Face: acts.FaceWeb, From: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	order := []acts.NeedLevel{acts.NeedProblem, acts.NeedDecision, acts.NeedNote}
	if !slices.IsSortedFunc(s.Needs, func(a, b acts.Need) int { return slices.Index(order, a.Level) - slices.Index(order, b.Level) }) {
		t.Errorf("order: %+v", s.Needs)
	}
	for _, n := range s.Needs {
		if n.Text == "" || n.Next == "" {
			t.Errorf("no sentence or no next step: %+v", n)
		}
		if n.About == about {
			out = append(out, string(n.Level)+": "+n.Text)
		}
	}
	return out
}

func TestNeedsAreToldToThoseWhoMaySeeWhatTheyAreAbout(t *testing.T) {
	w := admintest.Start(t)
	if got := needed(t, w, acts.LocalAdministrator, acts.AboutSensors); len(got) != 0 {
		t.Error(got)
	}
	w.AskingSensor("sensor-1")
	w.AskingSystem("mail", "")
	for _, role := range acts.Roles() {
		sees := role != acts.SecurityOfficer && role != acts.SeniorSecurityOfficer
		for about, want := range map[acts.NeedAbout]string{
			acts.AboutSensors: "decision: 1 Sensor server waits for Accept or Reject.", acts.AboutSystems: "decision: 1 external system waits for Accept or Reject.",
		} {
			if got := needed(t, w, role, about); slices.Contains(got, want) != sees {
				t.Errorf("%s, %s: %q", role, about, got)
			}
		}
	}
	const off = "note: Validate Endpoint Agent TLS certificates is off"
	if got := needed(t, w, acts.SecurityOfficer, acts.AboutAgentCertificates); len(got) != 1 || !strings.HasPrefix(got[0], off) {
		t.Error(got)
	}
	w.Validation(true)
	if got := needed(t, w, acts.SecurityOfficer, acts.AboutAgentCertificates); len(got) != 0 {
		t.Error(got)
	}
}

func TestSilentHostsNeedAPerson(t *testing.T) {
	now := time.Now()
	var hosts []store.Host
	for i, days := range []int{0, 8, 9, 40} {
		hosts = append(hosts, store.Host{AgentID: strings.Repeat("0", 31) + string(rune('a'+i)), Name: "host", First: now.AddDate(0, 0, -50), Last: now.AddDate(0, 0, -days)})
	}
	w := admintest.StartWithHosts(t, hosts)
	want := []string{"problem: Critical inactivity: 1 host has been silent for 30 days or longer.", "problem: Warning: 2 hosts have been silent for 7 days or longer."}
	if got := needed(t, w, acts.SecurityOfficer, acts.AboutHosts); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if _, err := w.SetActivity(t.Context(), admintest.Local(), acts.SetActivity{Warning: 20, Critical: 60}); err != nil {
		t.Fatal(err)
	}
	if got := needed(t, w, acts.SecurityOfficer, acts.AboutHosts); !slices.Equal(got, []string{"problem: Warning: 1 host has been silent for 20 days or longer."}) {
		t.Errorf("%q", got)
	}
}

func TestTrendsAreForEverybodyAndByTheirNames(t *testing.T) {
	w := admintest.Start(t)
	for _, role := range acts.Roles() {
		list, err := w.Trends(t.Context(), acts.Actor{Account: "x", Role: role}, acts.TrendFilter{Trends: []acts.Trend{acts.TrendAgents}})
		if err != nil || len(list.Series) != 1 || list.Step != 5*time.Minute {
			t.Errorf("%s: %+v, %v", role, list, err)
		}
	}
	_, err := w.Trends(t.Context(), admintest.Local(), acts.TrendFilter{Period: "year"})
	refusedAs(t, err, acts.Invalid)
	_, err = w.Trends(t.Context(), admintest.Local(), acts.TrendFilter{Trends: []acts.Trend{"x"}})
	refusedAs(t, err, acts.Invalid)
	_, err = w.Trends(t.Context(), acts.Actor{Account: "x", Role: "nobody"}, acts.TrendFilter{})
	refusedAs(t, err, acts.NotAllowed)
}

// The dashboard asks for the status every two seconds.
func BenchmarkStatusOf15000Hosts(b *testing.B) {
	now := time.Now()
	hosts := make([]store.Host, 15_000)
	for i := range hosts {
		id := strings.Repeat("0", 27) + string([]byte{byte('a' + i/4096%16), byte('a' + i/256%16), byte('a' + i/16%16), byte('a' + i%16), '0'})
		hosts[i] = store.Host{AgentID: id, Name: "host-" + id, First: now, Last: now.AddDate(0, 0, -i%20), Addresses: []string{"192.0.2.1", "2001:db8::1"}}
	}
	w := admintest.StartWithHosts(b, hosts)
	for b.Loop() {
		if _, err := w.Status(b.Context(), admintest.Local()); err != nil {
			b.Fatal(err)
		}
	}
}
