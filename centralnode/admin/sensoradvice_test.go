package admin

import (
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

func TestTheNextStepAboutASensorServer(t *testing.T) {
	replaced := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		set  func(*acts.SensorServer)
		want string
	}{
		"asks":               {func(s *acts.SensorServer) { s.State = acts.Pending }, "Compare the fingerprint of the link identity with the one that the Sensor itself shows"},
		"rejected":           {func(s *acts.SensorServer) { s.State, s.Connected = acts.Rejected, false }, "It is refused. Accept it"},
		"on the same server": {func(s *acts.SensorServer) { s.Type, s.Problem = acts.TypeSameServer, acts.SameServerRule }, "Delete it, and install the Sensor on a server of its own."},
		"allowed there":      {func(s *acts.SensorServer) { s.Type = acts.TypeSameServer }, "The link is up and carries agents"},
		"down":               {func(s *acts.SensorServer) { s.Connected, s.Problem = false, "x" }, "The link is down."},
		"down since then":    {func(s *acts.SensorServer) { s.Connected, s.LastContact = false, replaced.Add(-time.Second) }, "It has not come back since the server certificate of this Central Node was replaced, on 2026-11-22 12:00 UTC. On the Sensor"},
		"down later":         {func(s *acts.SensorServer) { s.Connected, s.LastContact = false, replaced.Add(time.Second) }, "The link is down."},
		"behind":             {func(s *acts.SensorServer) { s.PolicyBehind, s.Problem = true, "x" }, "Wait a moment"},
		"a problem":          {func(s *acts.SensorServer) { s.Problem = "x" }, "The link is up. The problem needs a person."},
		"beyond a limit": {func(s *acts.SensorServer) {
			s.Quality = &acts.LinkQuality{Verdict: acts.VerdictExceeded, Limits: []acts.Judged{{Limit: acts.LimitLoss, Verdict: acts.VerdictOK}, {Limit: acts.LimitDelay, Verdict: acts.VerdictExceeded}}}
		}, "The link is up, and beyond a documented limit. Look at the way between the two servers"},
		"near a limit": {func(s *acts.SensorServer) { s.Quality = &acts.LinkQuality{Verdict: acts.VerdictWarning} }, "The link is up and carries agents"},
		"no agents":    {func(s *acts.SensorServer) { s.Agents = 0 }, "The link is up. Give the Endpoint Agents behind it"},
		"all is well":  {func(*acts.SensorServer) {}, "The link is up and carries agents: there is nothing to do."},
	} {
		s := acts.SensorServer{State: acts.Accepted, Type: acts.TypeRemote, Connected: true, Agents: 3}
		c.set(&s)
		if got := nextSensorStep(s, replaced); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAnIDThatTwoShareMeansNeither: whoever makes keys until two share one must
// not have the first decision count for the second.
func TestAnIDThatTwoShareMeansNeither(t *testing.T) {
	row := func(last byte) sensorRow {
		f := pki.Fingerprint{1, 2, 3, 31: last}
		var r sensorRow
		r.kept.Fingerprint, r.shown.Fingerprint, r.shown.ID = f, f, "0102030000000000"
		return r
	}
	rows := []sensorRow{row(1), row(2)}
	_, found, err := identified(rows, "0102030000000000")
	if acts.CodeOf(err) != acts.Invalid || found || !strings.Contains(err.Error(), rows[0].kept.Fingerprint.String()) || !strings.Contains(err.Error(), rows[1].kept.Fingerprint.String()) {
		t.Errorf("%v, %v", found, err)
	}
	if r, found, err := identified(rows, rows[1].kept.Fingerprint.String()); err != nil || !found || r.kept.Fingerprint != rows[1].kept.Fingerprint {
		t.Errorf("%+v, %v, %v", r, found, err)
	}
}
