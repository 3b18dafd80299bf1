package sensors_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"

	"vedette/internal/acts"
	"vedette/internal/machine"
	"vedette/pki"
	"vedette/proto/about"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

func TestSensorCarriesAgentsOnceItIsAccepted(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.validation(true)
	listed := w.generate("listed")
	s := w.sensor("branch-1")
	s.ServerCertificate = pki.Fingerprint{7}
	w.connect(s)
	s.AwaitState(pending)
	row := w.row(s)
	if row.State != acts.Pending || row.Name != "branch-1" || row.Address != "127.0.0.1" || row.Type != acts.TypeRemote || !row.Connected || row.Lanes != 1 ||
		row.ServerCertificate != s.ServerCertificate || row.Fingerprint != s.Identity.Fingerprint() || len(row.Addresses) != 1 {
		t.Fatalf("row %+v", row)
	}
	// Nothing of it is read before.
	early, err := s.Open(listed.Leaf().Raw)
	if err != nil {
		t.Fatal(err)
	}
	resetBy(t, early, controlv1.CodeNotAccepted)
	if _, err := s.AddLane(link.Bulk); err == nil {
		eventually(t, "a second lane is not kept", func() bool { return s.Link().Stats().Lanes == 1 })
	}

	preview, err := w.Admin().PreviewAcceptSensorServer(t.Context(), local, acts.DecideSensorServer{Which: "branch-1"})
	if err != nil || preview.Fingerprint != s.Identity.Fingerprint() || !preview.Asks || !strings.Contains(strings.Join(preview.Lines, "\n"), s.Identity.Fingerprint().String()) {
		t.Fatalf("preview %+v, %v", preview, err)
	}
	decision, err := w.Admin().AcceptSensorServer(t.Context(), local, acts.DecideSensorServer{Which: preview.Fingerprint.String(), Revision: preview.Revision})
	if err != nil || decision.Server.State != acts.Accepted || decision.Server.DecidedBy != "local" {
		t.Fatalf("decision %+v, %v", decision, err)
	}
	s.AwaitState(accepted)
	policy := s.AwaitPolicy(1)
	if !policy.Validation || len(policy.Listed) != 1 || policy.Listed[0] != listed.Fingerprint() {
		t.Fatalf("policy %+v", policy)
	}
	if _, err := s.AddLane(link.Bulk); err != nil {
		t.Fatal(err)
	}
	a := behind(s, listed, 1)
	for range 3 {
		if err := a.send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := behind(s, nil, 2).send(t.Context()); !refused(err) {
		t.Fatalf("an agent without certificate: %v", err)
	}
	events := w.events()
	if len(events) != 3 || events[0].Vedette.Way != row.ID || events[0].Vedette.Sensor != "branch-1" || events[0].Vedette.Remote != "192.0.2.7" {
		t.Fatalf("events %+v", events)
	}
	eventually(t, "the policy is taken, the refused agent gone", func() bool { row := w.row(s); return row.PolicyRevision == policy.Revision && row.Agents == 1 })
	if row := w.row(s); row.Lanes != 2 || row.Type != acts.TypeRemote {
		t.Fatalf("row %+v", row)
	}
	list, err := w.Admin().Hosts(t.Context(), local, acts.HostFilter{})
	if err != nil || len(list.Hosts) != 1 || list.Hosts[0].Sensor != "branch-1" || !list.Hosts[0].Connected {
		t.Fatalf("hosts %+v, %v", list, err)
	}
	status, err := w.Admin().Status(t.Context(), local)
	if err != nil || status.Sensors != (acts.SensorCounts{Accepted: 1, Connected: 1}) || status.Agents.Connections != 1 {
		t.Fatalf("status %+v, %v", status, err)
	}
}

func TestSensorOnTheSameServerIsNoProxy(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.sensor("here")
	here, err := machine.Here()
	if err != nil {
		t.Fatal(err)
	}
	s.Server = here
	w.connect(s)
	s.AwaitState(pending)
	const sentence = "You can only use the Sensor component as a proxy server if the Sensor and Central Node components are located on different servers."
	preview, err := w.Admin().PreviewAcceptSensorServer(t.Context(), local, in(s))
	if err != nil || !slices.Contains(preview.Lines, sentence) || w.row(s).Problem != sentence {
		t.Errorf("while it waits: %+v, %v; row %+v", preview, err, w.row(s))
	}
	w.accept(s)
	s.AwaitState(same)
	stream, err := s.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	resetBy(t, stream, controlv1.CodeNotAccepted)
	row := w.row(s)
	if row.Type != acts.TypeSameServer || !strings.Contains(row.Problem, "located on different servers") || s.Policy() != nil {
		t.Fatalf("row %+v, policy %v", row, s.Policy())
	}
}

func TestUnsafeSameServerIsSaidAndWorks(t *testing.T) {
	t.Parallel()
	w := start(t, unsafe)
	s := w.sensor("here")
	s.Server, _ = machine.Here()
	w.connect(s)
	s.AwaitState(pending)
	w.accept(s)
	s.AwaitState(accepted)
	s.AwaitPolicy(0)
	if err := behind(s, nil, 1).send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row := w.row(s); row.Type != acts.TypeSameServer || !w.logs.has("unsafe_same_server") {
		t.Fatalf("row %+v", row)
	}
}

func TestRestartKeepsDecisionsAndContacts(t *testing.T) {
	t.Parallel()
	w := start(t)
	yes, no := w.joined("yes"), w.sensor("no")
	w.connect(no)
	no.AwaitState(pending)
	w.reject(no)
	no.AwaitState(rejected)
	before := w.row(no)
	w.stop()
	w = startWith(t, w.config, w.logs)
	if rows := w.rows(); len(rows) != 2 || rows[0].Name != "yes" || rows[0].Connected || rows[0].State != acts.Accepted || rows[1].LastContact.Before(before.LastContact) {
		t.Fatalf("rows %+v", rows)
	}
	revision := w.revision()
	moveTo(w, yes, no)
	w.connect(yes)
	w.connect(no)
	yes.AwaitState(accepted)
	yes.AwaitPolicy(0)
	no.AwaitState(rejected)
	if err := behind(yes, nil, 1).send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := w.rows(); len(rows) != 2 || w.row(no).State != acts.Rejected {
		t.Fatalf("rows %+v", rows)
	}
	if now := w.revision(); now > revision+2 { // the host and its queue
		t.Errorf("reconnecting wrote: revision %d, before %d", now, revision)
	}
}

func TestLaneNeedsTLS13AndACertificateOfAnAllowedKind(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, edit := range map[string]func(*tls.Config){
		"TLS 1.2":        func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"no certificate": func(c *tls.Config) { c.Certificates, c.GetClientCertificate = nil, nil },
		"a weak key": func(c *tls.Config) {
			p := weak(t)
			c.Certificates, c.GetClientCertificate = nil, func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &p, nil }
		},
	} {
		p := w.sensor(name).Identity.TLS()
		config := pki.ClientConfig(pki.PinTo(w.pin), &p)
		config.NextProtos = []string{link.ALPN}
		edit(config)
		conn, err := tls.Dial("tcp", w.Address().String(), config)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l := link.NewDialing(link.Config{})
		if _, err := l.AddLane(t.Context(), conn, link.Small); err == nil {
			l.Close(link.CodeShutdown, "")
			t.Errorf("%s: the lane was taken", name)
		}
	}
	if rows := w.rows(); len(rows) != 0 || !w.logs.has("lane refused") {
		t.Fatalf("rows %+v", rows)
	}
}

func TestServerTellsWhatItIs(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.sensor("branch")
	s.ServerCertificate = pki.Fingerprint{9}
	w.connect(s)
	s.AwaitState(pending)
	ask := func(pin pki.Fingerprint) about.Answer {
		t.Helper()
		config := pki.ClientConfig(pki.PinTo(w.pin), nil)
		config.NextProtos = []string{about.ALPN}
		conn, err := tls.Dial("tcp", w.Address().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		a, err := about.Ask(t.Context(), conn, pin)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := ask(w.pin); a != (about.Answer{Role: about.RoleCentralNode, Pin: about.PinOwn}) {
		t.Errorf("%+v", a)
	}
	if a := ask(s.ServerCertificate); a.Pin != about.PinUnknown {
		t.Errorf("of a pending Sensor it says %+v", a)
	}
	w.accept(s)
	if a := ask(s.ServerCertificate); a.Pin != about.PinSensor {
		t.Errorf("of an accepted Sensor it says %+v", a)
	}
}
