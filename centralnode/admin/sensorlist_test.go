package admin_test

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

func (w *world) accept(s *sensortest.Sensor) {
	w.t.Helper()
	if _, err := w.AcceptSensorServer(w.t.Context(), local, acts.DecideSensorServer{Which: s.Identity.Fingerprint().String()}); err != nil {
		w.t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_ACCEPTED)
}

// names are those of the rows of a page, in order.
func (w *world) names(f acts.ServerFilter) ([]string, acts.SensorServerPage) {
	w.t.Helper()
	p, err := w.SensorServerPage(w.t.Context(), local, f)
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, s := range p.Servers {
		names = append(names, s.Name)
	}
	return names, p
}

func TestSensorServersAreChosenByStateAndTextAndWhoWaitsComesFirst(t *testing.T) {
	w := start(t)
	first, refused := w.asking("alpha"), w.asking("beta")
	w.accept(first)
	if _, err := w.RejectSensorServer(t.Context(), local, acts.DecideSensorServer{Which: "beta"}); err != nil {
		t.Fatal(err)
	}
	last := w.asking("Gamma")
	f := refused.Identity.Fingerprint()
	for name, c := range map[string]struct {
		filter acts.ServerFilter
		want   []string
	}{
		"all":                      {acts.ServerFilter{}, []string{"Gamma", "alpha", "beta"}},
		"by state":                 {acts.ServerFilter{State: acts.Rejected}, []string{"beta"}},
		"by name, whatever case":   {acts.ServerFilter{Text: "gAMM"}, []string{"Gamma"}},
		"by address":               {acts.ServerFilter{Text: "127.0.0."}, []string{"Gamma", "alpha", "beta"}},
		"by what it says":          {acts.ServerFilter{Text: "192.0.2.10", State: acts.Accepted}, []string{"alpha"}},
		"by fingerprint":           {acts.ServerFilter{Text: strings.ToLower(f.String()[9:30])}, []string{"beta"}},
		"by fingerprint, no marks": {acts.ServerFilter{Text: hex.EncodeToString(f[3:12])}, []string{"beta"}},
		"none":                     {acts.ServerFilter{Text: "delta"}, nil},
		"a part":                   {acts.ServerFilter{Offset: 1, Limit: 1}, []string{"alpha"}},
		"past the end":             {acts.ServerFilter{Offset: 9, Limit: 2}, []string{"beta"}},
		"before the beginning":     {acts.ServerFilter{Offset: -4, Limit: 2}, []string{"Gamma", "alpha"}},
	} {
		names, p := w.names(c.filter)
		if !slices.Equal(names, c.want) {
			t.Errorf("%s: %q, want %q", name, names, c.want)
		}
		if p.Counts != (acts.SensorCounts{Pending: 1, Accepted: 1, Rejected: 1, Connected: 1}) || p.Revision == 0 {
			t.Errorf("%s: %+v", name, p.Counts)
		}
	}
	if _, p := w.names(acts.ServerFilter{Limit: 2, Offset: 7}); p.Matching != 3 || p.Offset != 2 {
		t.Errorf("matching %d from %d", p.Matching, p.Offset)
	}
	_, err := w.SensorServerPage(t.Context(), local, acts.ServerFilter{State: "perhaps"})
	refusedAs(t, err, acts.Invalid)
	last.Close()
}

func TestAnIDMeansOneSensorWhateverSensorsCallThemselves(t *testing.T) {
	w := start(t)
	s := w.asking("branch")
	f := s.Identity.Fingerprint()
	id := hex.EncodeToString(f[:8])
	impostor := w.asking(id) // calls itself as the other is identified
	for _, key := range []string{id, strings.ToUpper(id), f.String(), hex.EncodeToString(f[:])} {
		if found, err := w.SensorServerByID(t.Context(), local, key); err != nil || found.Fingerprint != f {
			t.Errorf("%q: %+v, %v", key, found, err)
		}
	}
	s.Close()
	if _, err := w.DeleteSensorServer(t.Context(), local, acts.DecideSensorServer{Which: f.String()}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{id, f.String(), "branch", ""} {
		_, err := w.SensorServerByID(t.Context(), local, key)
		refusedAs(t, err, acts.NotFound)
	}
	if found, err := w.SensorServer(t.Context(), local, id); err != nil || found.Fingerprint != impostor.Identity.Fingerprint() {
		t.Errorf("by name: %+v, %v", found, err)
	}
}

// TestARowsRevisionIsOfItsOwnDecisions: others' do not make it stale.
func TestARowsRevisionIsOfItsOwnDecisions(t *testing.T) {
	w := start(t)
	one, two := w.asking("one"), w.asking("two")
	find := func(s *sensortest.Sensor) acts.SensorServer {
		t.Helper()
		found, err := w.SensorServerByID(t.Context(), local, s.Identity.Fingerprint().String())
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	seen := find(one)
	w.accept(two)
	if again := find(one); again.Revision != seen.Revision || again.Revision == 0 {
		t.Errorf("revision %d, before %d", again.Revision, seen.Revision)
	}
	in := acts.DecideSensorServer{Which: seen.ID, Fingerprint: seen.Fingerprint, Revision: seen.Revision}
	done, err := w.AcceptSensorServer(t.Context(), local, in)
	if err != nil || done.Server.Revision != done.Revision || find(one).Revision != done.Revision {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = w.RejectSensorServer(t.Context(), local, in)
	refusedAs(t, err, acts.Stale)
}

func TestServerListsAndTheirRowsAreForThoseWhoMaySeeThem(t *testing.T) {
	w := start(t)
	s, c := w.asking("branch"), w.askingSystem("gate", "")
	for _, role := range acts.Roles() {
		who := acts.Actor{Account: string(role), Role: role, Face: acts.FaceWeb, From: "192.0.2.1"}
		may := role == acts.LocalAdministrator || role == acts.Administrator || role == acts.SecurityAuditor
		for name, err := range map[string]error{
			"Sensor servers":   second(w.SensorServerPage(t.Context(), who, acts.ServerFilter{})),
			"Sensor server":    second(w.SensorServerByID(t.Context(), who, s.Identity.Fingerprint().String())),
			"External systems": second(w.ExternalSystemPage(t.Context(), who, acts.ServerFilter{})),
			"External system":  second(w.ExternalSystemDetail(t.Context(), who, c.id, c.fingerprint())),
		} {
			if may && err != nil || !may && acts.CodeOf(err) != acts.NotAllowed {
				t.Errorf("%s, %s: %v", role, name, err)
			}
		}
	}
}
