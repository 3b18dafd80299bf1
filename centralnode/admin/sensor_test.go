package admin_test

import (
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

func TestRequestAndDecisionsAreRecorded(t *testing.T) {
	w := start(t)
	s := w.asking("branch")
	s.Name = "bran\x1b[2Jch\u202e"
	in := acts.DecideSensorServer{Which: s.Identity.Fingerprint().String()}
	row, err := w.SensorServer(t.Context(), local, in.Which)
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range []error{
		second(w.AcceptSensorServer(t.Context(), local, in)),
		second(w.AcceptSensorServer(t.Context(), local, in)), // it is already
		second(w.RejectSensorServer(t.Context(), local, in)),
		second(w.DeleteSensorServer(t.Context(), local, in)),
	} {
		if act != nil && acts.CodeOf(act) != acts.Refused {
			t.Fatal(act)
		}
	}
	records, err := w.Audit(t.Context(), local, acts.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		if strings.HasPrefix(r.Act, "sensor ") && !(r.Act == "sensor request" && len(got) > 1) { // it asks anew once it was deleted
			got = append(got, r.Account+" "+string(r.Face)+" "+r.Act+" "+r.Result)
			if r.Subject[0] != in.Which {
				t.Errorf("subject %v", r.Subject)
			}
		}
	}
	want := []string{row.ID + " link sensor request done", "local command sensor accept done", "local command sensor accept refused", "local command sensor reject done", "local command sensor delete done"}
	if !slices.Equal(got, want) {
		t.Errorf("records\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	asked := slices.IndexFunc(records, func(r acts.AuditRecord) bool { return r.Act == "sensor request" })
	if from := records[asked].From; from != "127.0.0.1" {
		t.Errorf("the request came from %q", from)
	}
}

func TestWhatASensorSaysMovesNoScreen(t *testing.T) {
	w := start(t)
	s := w.asking("branch")
	s.Name = "bran\x1b[2Jch\u202e\r\n"
	if err := s.Connect(); err != nil {
		t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_PENDING)
	list, err := w.SensorServers(t.Context(), local)
	if err != nil || len(list.Servers) != 1 || list.Servers[0].Name != `bran\u{1b}[2Jch\u{202e}` {
		t.Fatalf("%+v, %v", list, err)
	}
	p, err := w.PreviewAcceptSensorServer(t.Context(), local, acts.DecideSensorServer{Which: list.Servers[0].ID})
	if err != nil || strings.ContainsAny(strings.Join(p.Lines, ""), "\x1b\r\n") {
		t.Errorf("%+v, %v", p, err)
	}
	// Those who may not see the table do not see it in the status.
	for _, role := range acts.Roles() {
		status, err := w.Status(t.Context(), acts.Actor{Role: role})
		sees := slices.Contains(status.Problems, "1 Sensor server waits for Accept or Reject.")
		if err != nil || sees == (role == acts.SeniorSecurityOfficer || role == acts.SecurityOfficer) || status.Sensors.Pending != 1 {
			t.Errorf("%s: %+v, %v", role, status, err)
		}
	}
}
