package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// listTitle and systemTitle are the windows of the walk.
const (
	listTitle   = "┌─ External systems ─"
	systemTitle = "┌─ External system ─"
)

// TestExternalSystemsByTheDocumentedWords goes through External systems as the
// documentation tells it, while a system calls with curl: nobody has to press a
// key to see what it does. Screens are kept in testdata/screens.
func TestExternalSystemsByTheDocumentedWords(t *testing.T) {
	t.Parallel()
	n, k := nodeOnHost(t)
	p := k.comesIn()
	p.settings("External systems", "External systems")
	empty := p.sees(listTitle, "no external system and no request", "Maximum scan priority: off")
	if f := fingerprintShown(t, empty, "Certificate fingerprint"); f != n.served() {
		t.Errorf("the window shows %s, the Central Node %s", f, n.served())
	}
	s := newSystem(t, n, "gate")
	p.lets(s)
	p.withdraws(s)

	// A system that was deleted asks anew. The certificate accepted before goes on
	// working while the new one waits.
	s.refusedWith("pending")
	p.sees(listTitle, "1 pending", "127.0.0.1")
	p.does("external-system accept gate --type other, by another administrator")
	s.accept("--type", "other")
	p.sees(listTitle, "1 accepted", "other system")
	fresh := newSystem(t, n, "gate")
	fresh.refusedWith("certificate_changed", "--interface", "127.0.0.2")
	p.sees(listTitle, "1 pending, 1 accepted", "A new certificate: this ID was known with another one.")
	p.opensRow("127.0.0.2")
	p.sees(systemTitle, "Pending, with a new certificate", "This ID is accepted with another certificate")
	if code, _ := s.curl(s.scanner("scans/filters")); code != http.StatusOK {
		t.Errorf("the certificate accepted before: %d", code)
	}
	p.back(listTitle)
	p.keeps("external-systems-changed")

	p.chooses("Priority on/off")
	p.sees("┌─ Confirmation ─", "Turn on: Maximum scan priority?")
	p.chooses("Yes")
	p.sees(listTitle, "Maximum scan priority: on", "Maximum scan priority is on; revision")
	if !read[acts.ExternalSystemList](n, "external-system", "list").MaximumScanPriority {
		t.Error("the switch is not on")
	}
	p.keeps("external-systems-priority")
	n.must("audit", "verify")
	p.hangUp()
	n.stop()
}

// nodeOnHost is a Central Node with an SSH door on a host whose name never
// changes, so that its screens do not either.
func nodeOnHost(t *testing.T) (*node, *desk) {
	t.Helper()
	n := prepareNode(t)
	n.inside = onHost("central-node")
	return n, openDoor(n.daemon)
}

// refusedWith makes a call that is refused with a code.
func (s *system) refusedWith(code string, more ...string) {
	s.t.Helper()
	claims := "?sensorType=mail&sensorName=" + url.QueryEscape("mail gateway")
	status, body := s.curl(append(more, s.scanner("connection")+claims)...)
	if status != http.StatusUnauthorized || !strings.Contains(body, `"code":"`+code+`"`) {
		s.t.Fatalf("%d %s, want %s", status, body, code)
	}
}

// lets is Accept: the fingerprints are compared, the type is confirmed, and the
// system's object is taken.
func (p *person) lets(s *system) {
	p.t.Helper()
	s.refusedWith("pending")
	p.sees(listTitle, "1 pending", "mail sensor", "gate")
	p.opensRow("127.0.0.1")
	asks := p.sees(systemTitle, "waits for Accept or Reject", "mail sensor, as it says", "mail gateway")
	if f := fingerprintShown(p.t, asks, "Fingerprint"); f.String() != s.fingerprint {
		p.t.Errorf("the request shows %s, the system %s", f, s.fingerprint)
	}
	p.chooses("Accept")
	p.sees("┌─ Type of the external system ─", "< mail sensor >")
	p.chooses("Ok")
	p.sees("┌─ Confirmation ─", "Accept this external system?", "treated as a mail sensor")
	s.refusedWith("pending") // nothing happens before Yes
	p.chooses("Yes")
	p.sees(systemTitle, "Accepted: gate, mail sensor.", "No call has come since that was decided")
	if code, body := s.submit(s.write("object", "an object"), "1"); code != http.StatusOK || body != "OK" {
		p.t.Fatalf("the first object: %d %s", code, body)
	}
	p.sees(systemTitle, "1 object taken", "0 connections; 0 objects without a verdict", "The connection works")
	p.keeps("external-systems-accept")
}

// withdraws is Reject during an upload, which is cut, and Delete.
func (p *person) withdraws(s *system) {
	p.t.Helper()
	large := s.write("large", strings.Repeat("0123456789abcdef", 1<<18))
	upload := spawn(p.t, s.file("upload.log"), "curl", append(s.flags(), "--limit-rate", "100k", s.scanner("scans"), "-F", "content=@"+large, "-F", "scanId=2")...)
	p.sees(systemTitle, "1 connection; 0 objects without a verdict")
	p.chooses("Reject")
	p.sees("┌─ Confirmation ─", "Reject this external system?")
	p.chooses("Yes")
	p.expect(systemTitle, "Rejected: gate, mail sensor.", "1 connection cut", "0 connections")
	select {
	case <-upload.done:
	case <-time.After(busy * 10 * time.Second):
		p.t.Fatal("the upload goes on after Reject")
	}
	if text := tail(upload.log); upload.err == nil || strings.Contains(text, "OK") {
		p.t.Errorf("the upload ended with %v: %s", upload.err, text)
	}
	if shown := s.shown(); shown.Submitted != 1 || shown.State != acts.Rejected {
		p.t.Errorf("after Reject: %+v", shown)
	}
	p.chooses("Delete")
	p.sees("┌─ Confirmation ─", "Delete this external system?")
	p.chooses("Yes")
	p.sees(listTitle, "Deleted: gate, mail sensor.", "no external system and no request")
	p.keeps("external-systems-reject-delete")
}

// TestStaleDecisionsOnExternalSystemsAreRefused has an administrator stand in
// the confirmation while another one decides by a command.
func TestStaleDecisionsOnExternalSystemsAreRefused(t *testing.T) {
	t.Parallel()
	n, k := nodeWithDoor(t)
	s := newSystem(t, n, "gate")
	if code, _ := s.curl(s.scanner("connection")); code != http.StatusUnauthorized {
		t.Fatalf("before Accept: %d", code)
	}
	p := k.comesIn()
	p.settings("External systems", "External systems")
	p.opensRow("127.0.0.1")
	for _, c := range []struct{ word, question, faster, shows string }{
		{"Accept", "Accept this external system?", "reject", "Rejected"},
		{"Delete", "Delete this external system?", "accept", "Accepted"},
		{"Reject", "Reject this external system?", "accept --type mail", "mail sensor"},
	} {
		p.chooses(c.word)
		if c.word == "Accept" {
			p.expect("┌─ Type of the external system ─")
			p.chooses("Ok")
		}
		p.expect("┌─ Confirmation ─", c.question)
		if o := k.command("external-system " + c.faster + " gate --yes --fingerprint " + s.fingerprint); o.code != 0 {
			t.Fatalf("%s: exit %d, %s", c.faster, o.code, o.err)
		}
		before := s.shown()
		p.chooses("Yes")
		refused := p.expect("┌─ Error ─", "Nothing was changed.", "what you saw has changed since")
		if !strings.Contains(refused, "external-system "+strings.Fields(c.faster)[0]) || !strings.Contains(refused, "admin") {
			t.Errorf("%s: the refusal does not say what changed, and who did it:\n%s", c.word, refused)
		}
		if after := s.shown(); after.State != before.State || !after.Decided.Equal(before.Decided) {
			t.Errorf("%s: it is %+v, was %+v", c.word, after, before)
		}
		p.back(systemTitle, c.shows)
	}
	n.must("audit", "verify")
	p.hangUp()
	n.stop()
}

// TestSystemsStayAcceptedThroughANewServerCertificate replaces the Central
// Node's certificate in the menu, which names the systems that have to be given
// the new one. Nobody has to be accepted again.
func TestSystemsStayAcceptedThroughANewServerCertificate(t *testing.T) {
	t.Parallel()
	n, k := nodeOnHost(t)
	systems := []*system{acceptedSystem(t, n, "files"), acceptedSystem(t, n, "gate", "--type", "mail")}
	newSystem(t, n, "stranger").refusedWith("pending")
	decided := systems[0].shown().Decided
	p := k.comesIn().atCertificates()
	chain := generateChain()
	p.reaches(chain, 2)
	p.sees("┌─ Confirmation ─", "Mail sensors and other external systems stay accepted", "2) gate (gate of a test), files (files of a test)")
	p.keeps("external-systems-certificate")
	// An upload of before is cut as every connection is, and taken as a whole later.
	large := systems[0].write("large", strings.Repeat("0123456789abcdef", 1<<18))
	upload := spawn(t, systems[0].file("upload.log"), "curl", append(systems[0].flags(), "--limit-rate", "100k", systems[0].scanner("scans"), "-F", "content=@"+large, "-F", "scanId=large")...)
	eventually(t, 20*time.Second, "the upload runs", func() bool { return systems[0].shown().Connections == 1 })
	p.goes(chain[2])
	for _, w := range chain[3:] {
		p.expect(append([]string{"┌─ " + w.title + " ─"}, w.shows...)...)
		p.goes(w)
	}
	p.expect(inUseNow)
	k.must("scp", "admin@HOST:ssl/kata.crt", ".")
	for _, s := range systems {
		if o := command(t, "curl", append(s.flags(), s.scanner("scans/filters"))...); o.code != 60 && o.code != 35 {
			t.Errorf("%s with the certificate of before: exit %d %s%s", s.id, o.code, o.out, o.err)
		}
		s.write("kata.crt", k.read("kata.crt"))
		if code, body := s.curl(s.scanner("connection")); code != http.StatusOK || !strings.Contains(body, n.served().String()) {
			t.Errorf("%s with the new one: %d %s", s.id, code, body)
		}
	}
	upload.ended(10 * time.Second)
	if text := tail(upload.log); upload.err == nil || strings.Contains(text, "OK") {
		t.Errorf("the upload that was running: %v, %s", upload.err, text)
	}
	if states := systems[0].states(); len(states) != 0 {
		t.Errorf("half an object was taken: %v", states)
	}
	if code, body := systems[0].submit(large, "large"); code != http.StatusOK {
		t.Errorf("the same call again: %d %s", code, body)
	}
	if shown := systems[0].shown(); !shown.Decided.Equal(decided) || shown.Changed {
		t.Errorf("it was decided anew: %+v", shown)
	}
	p.hangUp()
	n.stop()
}
