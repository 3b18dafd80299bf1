package admin_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// has fails the test unless some line contains each text.
func has(t *testing.T, lines []string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) }) {
			t.Errorf("no line has %q:\n%s", text, strings.Join(lines, "\n"))
		}
	}
}

func TestAcceptingIsPreviewedWithWhatItMeans(t *testing.T) {
	w := start(t)
	first := w.accepted("gate", acts.MailSensor)
	c := w.askingSystem("gate", "sensorType=mail&sensorName=Gate%1b")
	p, err := w.PreviewAcceptExternalSystem(t.Context(), local, c.which())
	if err != nil || !p.Asks || p.Fingerprint != c.fingerprint() || p.Revision == 0 || len(p.Consequences) != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	has(t, p.Lines, "External system: gate, which calls from 127.0.0.1.", `Gate\u{1b}`, "Certificate fingerprint: "+c.fingerprint().String(),
		"State: Pending. Type: mail sensor, as it said itself when it asked.",
		"It will be treated as a mail sensor: its objects are scanned before those of all other systems while Maximum scan priority is on. The switch is off now.",
		"This ID is accepted already with another certificate, "+first.fingerprint().String()+", which stays accepted until you delete it.",
		"Accept it only if they are equal.")

	// Another type than the claimed one.
	in := c.which()
	in.Type = acts.OtherSystem
	p, err = w.PreviewAcceptExternalSystem(t.Context(), local, in)
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "It will be treated as one of the other systems: its objects are scanned after those of mail sensors")

	// What it says now is told, and is not what is accepted.
	if code := c.check("sensorType=other"); code != problem.CertificateChanged {
		t.Fatalf("code %q", code)
	}
	p, err = w.PreviewAcceptExternalSystem(t.Context(), local, c.which())
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "Now it says that it is one of the other systems.", "It will be treated as a mail sensor")
	done, err := w.AcceptExternalSystem(t.Context(), local, c.which())
	if err != nil || done.System.Type != acts.MailSensor || done.System.State != acts.Accepted {
		t.Errorf("%+v, %v", done, err)
	}
	if first.check("") != "" || c.check("") != "" {
		t.Error("both certificates are accepted, and not both get in")
	}

	// Further certificates of the ID, and what was decided about them.
	if _, err := w.RejectExternalSystem(t.Context(), local, first.which()); err != nil {
		t.Fatal(err)
	}
	waiting, last := w.askingSystem("gate", ""), w.askingSystem("gate", "")
	p, err = w.PreviewAcceptExternalSystem(t.Context(), local, last.which())
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "This ID was rejected with another certificate, "+first.fingerprint().String(), "This ID asks with another certificate as well, "+waiting.fingerprint().String())
	for _, gone := range []*caller{first, c, waiting} {
		if _, err := w.DeleteExternalSystem(t.Context(), local, gone.which()); err != nil {
			t.Fatal(err)
		}
	}
	p, err = w.PreviewAcceptExternalSystem(t.Context(), local, last.which())
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "This ID was known with another certificate when it asked.")
}

func TestWithdrawalIsInForceWhenTheActReturns(t *testing.T) {
	w := start(t)
	before, err := w.SensorServers(t.Context(), local)
	if err != nil {
		t.Fatal(err)
	}
	rejected, deleted, other := w.accepted("a", ""), w.accepted("b", ""), w.accepted("c", "")
	p, err := w.PreviewRejectExternalSystem(t.Context(), local, rejected.which())
	if err != nil || len(p.Consequences) != 2 || p.Consequences[0].Count != 1 || !p.Consequences[0].InUse || !p.Asks || !p.Fingerprint.IsZero() {
		t.Fatalf("%+v, %v", p, err)
	}
	has(t, p.Lines, "Delete it to let it ask anew.")
	p, err = w.PreviewDeleteExternalSystem(t.Context(), local, deleted.which())
	if err != nil || len(p.Consequences) != 2 || p.Consequences[0].Count != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	has(t, p.Lines, "If it calls again it makes a new request; to keep it away, reject it.")

	done, err := w.RejectExternalSystem(t.Context(), local, rejected.which())
	if err != nil || done.Cut != 1 || done.System.State != acts.Rejected || done.System.Connections != 0 || done.Revision == 0 || done.System.DecidedBy != "local" {
		t.Errorf("%+v, %v", done, err)
	}
	if code := rejected.check(""); code != problem.Rejected {
		t.Errorf("rejected, it is answered %q", code)
	}
	done, err = w.DeleteExternalSystem(t.Context(), local, deleted.which())
	if err != nil || done.Cut != 1 || done.System.ID != "b" {
		t.Errorf("%+v, %v", done, err)
	}
	_, err = w.ExternalSystem(t.Context(), local, "b")
	refusedAs(t, err, acts.NotFound)
	if code := deleted.check(""); code != problem.Pending {
		t.Errorf("deleted, it is answered %q", code)
	}
	if s := w.shownSystem(other); s.Connections != 1 || other.check("") != "" {
		t.Errorf("another system is cut as well: %+v", s)
	}
	// The Sensors' copy of the agents' policy is not touched by any of it.
	after, err := w.SensorServers(t.Context(), local)
	if err != nil || after.PolicyRevision != before.PolicyRevision {
		t.Errorf("policy %d, before %d, %v", after.PolicyRevision, before.PolicyRevision, err)
	}
	// Rejected, it can still be accepted.
	if _, err := w.AcceptExternalSystem(t.Context(), local, rejected.which()); err != nil {
		t.Fatal(err)
	}
	if code := rejected.check(""); code != "" {
		t.Errorf("accepted again, it is answered %q", code)
	}
}

func TestWhatIsDecidedAlreadyIsRefusedButATypeCanBeCorrected(t *testing.T) {
	w := start(t)
	c := w.accepted("gate", acts.OtherSystem)
	in := c.which()
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Refused)
	in.Type = acts.OtherSystem
	refusedAs(t, second(w.PreviewAcceptExternalSystem(t.Context(), local, in)), acts.Refused)
	in.Type = "sandbox"
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Invalid)
	in.Type = acts.MailSensor
	p, err := w.PreviewAcceptExternalSystem(t.Context(), local, in)
	if err != nil {
		t.Fatal(err)
	}
	has(t, p.Lines, "State: Accepted. Type: other system.", "It is accepted already: only its type is corrected.")
	done, err := w.AcceptExternalSystem(t.Context(), local, in)
	if err != nil || done.System.Type != acts.MailSensor || done.Cut != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if s := w.shownSystem(c); s.Type != acts.MailSensor || s.Connections != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := w.RejectExternalSystem(t.Context(), local, c.which()); err != nil {
		t.Fatal(err)
	}
	refusedAs(t, second(w.RejectExternalSystem(t.Context(), local, c.which())), acts.Refused)
}

func TestDecisionsAboutExternalSystemsAreRecordedWithTheType(t *testing.T) {
	w := start(t)
	c := w.askingSystem("gate", "sensorType=mail")
	in := c.which()
	in.Type = acts.OtherSystem
	for _, err := range []error{
		second(w.AcceptExternalSystem(t.Context(), local, in)),
		second(w.RejectExternalSystem(t.Context(), local, c.which())),
		second(w.DeleteExternalSystem(t.Context(), local, c.which())),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.NotFound)
	records, err := w.Audit(t.Context(), local, acts.AuditFilter{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		if strings.HasPrefix(r.Act, "external-system ") {
			got = append(got, string(r.Face)+" "+r.Act+" "+r.Result+": "+r.Detail)
			if r.Result == "done" && (len(r.Subject) < 2 || r.Subject[0] != c.fingerprint().String() || r.Subject[1] != "gate") {
				t.Errorf("subject %v", r.Subject)
			}
		}
	}
	want := []string{
		"api external-system request done: ",
		"command external-system accept done: other system, before: mail sensor",
		"command external-system reject done: other system",
		"command external-system delete done: other system",
		`command external-system accept refused: no external system "gate" is known`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("records\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestADecisionAboutAnExternalSystemOnAStaleScreenIsToldWhatChanged(t *testing.T) {
	w := start(t)
	c := w.askingSystem("gate", "")
	p, err := w.PreviewAcceptExternalSystem(t.Context(), local, c.which())
	if err == nil {
		_, err = w.RejectExternalSystem(t.Context(), bob, c.which())
	}
	if err != nil {
		t.Fatal(err)
	}
	in := c.which()
	in.Revision = p.Revision
	staleBy(t, second(w.AcceptExternalSystem(t.Context(), local, in)), "external-system reject")
	staleBy(t, second(w.DeleteExternalSystem(t.Context(), local, in)), "external-system reject")
	staleBy(t, second(w.PreviewRejectExternalSystem(t.Context(), local, in)), "external-system reject")

	w.askingSystem("gate", "") // somebody else takes the ID meanwhile
	if _, err := w.DeleteExternalSystem(t.Context(), bob, c.which()); err != nil {
		t.Fatal(err)
	}
	staleBy(t, second(w.AcceptExternalSystem(t.Context(), local, in)), "external-system delete")
}

func TestExternalSystemsStandInTheStatusForThoseWhoMaySeeThem(t *testing.T) {
	w := start(t)
	w.accepted("a", acts.MailSensor)
	w.askingSystem("b", "")
	want := "1 external system waits for Accept or Reject."
	for _, role := range acts.Roles() {
		s, err := w.Status(t.Context(), acts.Actor{Role: role})
		sees := slices.Contains(s.Problems, want)
		if err != nil || sees == (role == acts.SeniorSecurityOfficer || role == acts.SecurityOfficer) || s.Systems != (acts.SystemCounts{Pending: 1, Accepted: 1}) || s.Agents.Connections != 0 {
			t.Errorf("%s: %+v, %v", role, s, err)
		}
	}
	w.askingSystem("c", "")
	old := w.caller("old", pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) { c.NotAfter = time.Now().Add(36 * time.Hour) }))
	old.check("")
	_, accepted := w.AcceptExternalSystem(t.Context(), local, old.which())
	_, rejected := w.RejectExternalSystem(t.Context(), local, w.askingSystem("d", "").which())
	s, err := w.Status(t.Context(), local)
	if err := errors.Join(err, accepted, rejected); err != nil || s.Systems != (acts.SystemCounts{Pending: 2, Accepted: 2, Rejected: 1}) {
		t.Errorf("%+v, %v", s.Systems, err)
	}
	has(t, s.Problems, "2 external systems wait for Accept or Reject.", "External system old: The certificate expires on ")
}

func TestReplacementIsPreviewedForExternalSystems(t *testing.T) {
	w := start(t)
	w.accepted("files", acts.OtherSystem)
	w.accepted("zmail", acts.MailSensor)
	w.askingSystem("waiting", "")
	p, err := w.PreviewGenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Consequences, func(c acts.Consequence) bool {
		return strings.HasPrefix(c.Text, "Mail sensors and other external systems stay accepted")
	})
	if i < 0 {
		t.Fatalf("%+v", p.Consequences)
	}
	if c := p.Consequences[i]; !c.InUse || c.Count != 2 || !slices.Equal(c.Who, []string{"zmail", "files"}) {
		t.Errorf("%+v", c)
	}
}

// TestAReplacedServerCertificateLeavesExternalSystemsAccepted: they are known by
// their own certificates, and each has only to be given the new one.
func TestAReplacedServerCertificateLeavesExternalSystemsAccepted(t *testing.T) {
	w := start(t)
	c := w.accepted("gate", acts.MailSensor)
	if _, err := w.GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.http.Get("https://" + w.node.Address().String() + "/kata/scanner/v1/sensors/gate/connection"); err == nil {
		t.Error("a connection of before goes on, or the old certificate is shown")
	}
	if code := w.caller("gate", c.pair).check(""); code != "" {
		t.Errorf("with the new certificate it is answered %q", code)
	}
}
