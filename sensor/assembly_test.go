package sensor_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/machine"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor"
	"vedette/sensor/uplink/uplinktest"
)

// becomes waits for a state of the link.
func becomes(t *testing.T, s *sensor.Sensor, want acts.LinkState) (last acts.Link) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := s.Admin().WatchLink(ctx, local, func(l acts.Link) bool {
		last = l
		return l.State != want
	})
	if err != nil || last.State != want {
		t.Fatalf("the link does not become %s: %+v, %v", want, last, err)
	}
	return last
}

// ask sends a request as an agent and returns the answer.
func ask(t *testing.T, s *sensor.Sensor, pin pki.Fingerprint, shown *pki.Pair) *http.Response {
	t.Helper()
	var own *tls.Certificate
	if shown != nil {
		c := shown.TLS()
		own = &c
	}
	conn, err := tls.Dial("tcp", s.Address().String(), pki.ClientConfig(pki.PinTo(pin), own))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: sensor\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Body.Close() })
	return r
}

// carried answers each stream as the Central Node's HTTP server would.
func carried(s *link.Stream) {
	defer s.Close()
	r, err := http.ReadRequest(bufio.NewReader(s))
	if err != nil {
		return
	}
	io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(s, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") // the agent may be gone
}

// TestAgentsAreCarriedUnderThePolicyOfTheCentralNode goes the whole way: a
// Central Node is named, it accepts, its policy decides, and agents' bytes
// travel.
func TestAgentsAreCarriedUnderThePolicyOfTheCentralNode(t *testing.T) {
	shown, listed, stranger := pkitest.Agent(t, "central"), pkitest.Agent(t, "listed"), pkitest.Agent(t, "stranger")
	policy := &controlv1.Policy{StoreID: "s", Revision: 5, Validation: true, Listed: []controlv1.Fingerprint{listed.Fingerprint()}}
	node := uplinktest.Listen(t, uplinktest.Options{
		Certificate: shown, Server: machine.Digest{1}, Serve: carried,
		Answer: func(s *uplinktest.Sensor) { s.Accept(policy) },
	})
	c := config(t, io.Discard)
	s, stop := run(t, c)
	linkIdentity, own := identities(t, s)
	if _, err := s.Admin().SetCentralNode(t.Context(), local, acts.SetCentralNode{Address: node.Addr(), Fingerprint: shown.Fingerprint()}); err != nil {
		t.Fatal(err)
	}
	joined := node.Sensor()
	i := joined.Introduction
	if joined.Identity != linkIdentity || i.GetName() != "branch" || i.GetVersion() != "test" || len(i.GetAddresses()) != 1 || i.GetAddresses()[0] != "127.0.0.1" ||
		string(i.GetServerCertificate()) != string(own[:]) {
		t.Errorf("introduced as %s: %v", joined.Identity, i)
	}
	if taken := joined.Taken(); taken.GetVersion().GetRevision() != 5 {
		t.Errorf("took %v", taken)
	}
	if l := becomes(t, s, acts.LinkAccepted); l.PolicyRevision != 5 || !l.Validation {
		t.Errorf("the link %+v", l)
	}
	if code, body := get(t, s, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz %d %s", code, body)
	}
	if r := ask(t, s, own, listed); r.StatusCode != http.StatusNoContent {
		t.Errorf("a listed agent: %v", r.Status)
	}
	if p, ok := problem.Read(ask(t, s, own, stranger)); !ok || p.Code != problem.CertificateUnknown {
		t.Errorf("a stranger: %+v", p)
	}
	for reported := false; !reported; {
		select {
		case said := <-joined.Said:
			r := said.GetReport()
			reported = r.GetIngressBytes() > 0 && r.GetRefused() == 1
		case <-time.After(patience):
			t.Fatal("nothing is reported of the agents")
		}
	}

	// A new server certificate cuts agents, and the Central Node hears of it.
	after, err := s.Admin().GenerateServerCertificate(t.Context(), local, acts.GenerateServerCertificate{})
	if err != nil {
		t.Fatal(err)
	}
	if i := node.Sensor().Introduction; string(i.GetServerCertificate()) != string(after.Fingerprint[:]) || string(i.GetRequest()) != string(joined.Introduction.GetRequest()) {
		t.Errorf("introduced again as %v", i)
	}
	becomes(t, s, acts.LinkAccepted)

	// A restart finds its way back by itself, with the same identity and request.
	stop()
	s, _ = run(t, c)
	if again := node.Sensor(); again.Identity != linkIdentity || string(again.Introduction.GetRequest()) != string(joined.Introduction.GetRequest()) {
		t.Errorf("after a restart %s: %v", again.Identity, again.Introduction)
	}
	becomes(t, s, acts.LinkAccepted)
	if r := ask(t, s, after.Fingerprint, listed); r.StatusCode != http.StatusNoContent {
		t.Errorf("after a restart: %v", r.Status)
	}
}

// TestARejectedSensorAsksAgainWhenItsAdministratorConfirms is the documented
// way back.
func TestARejectedSensorAsksAgainWhenItsAdministratorConfirms(t *testing.T) {
	shown := pkitest.Agent(t, "central")
	node := uplinktest.Listen(t, uplinktest.Options{
		Certificate: shown, Server: machine.Digest{1},
		Answer: func(s *uplinktest.Sensor) { s.Authorise(controlv1.Authorisation_STATE_REJECTED) },
	})
	s, _ := run(t, config(t, io.Discard))
	_, own := identities(t, s)
	in := acts.SetCentralNode{Address: node.Addr(), Fingerprint: shown.Fingerprint()}
	if _, err := s.Admin().SetCentralNode(t.Context(), local, in); err != nil {
		t.Fatal(err)
	}
	first := node.Sensor()
	becomes(t, s, acts.LinkRejected)
	if p, ok := problem.Read(ask(t, s, own, nil)); !ok || p.Code != problem.SensorRejected {
		t.Errorf("an agent of a rejected Sensor: %+v", p)
	}
	if _, err := s.Admin().SetCentralNode(t.Context(), local, in); err != nil {
		t.Fatal(err)
	}
	if second := node.Sensor(); string(second.Introduction.GetRequest()) == string(first.Introduction.GetRequest()) {
		t.Error("it asks with the request that was rejected")
	}
}
