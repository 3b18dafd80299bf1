package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// sameServerSentence is the source document's (section "Configuring traffic
// redirection from Endpoint Agent to the Sensor server").
const sameServerSentence = "You can only use the Sensor component as a proxy server if the Sensor and Central Node components are located on different servers."

// TestSetUpSensorWithoutValidation follows "Configuring the connection with the
// Sensor server without validating the TLS certificate of Endpoint Agent" of
// the source document, step for step.
func TestSetUpSensorWithoutValidation(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t, `name = "branch-1"`)
	served := read[acts.ServerCertificate](n, "certificate", "show")
	if before := s.centralNode(); before.State != acts.LinkUnconfigured {
		t.Fatalf("a new Sensor is %s", before.State)
	}
	// 1. Enable traffic redirection: the address, then the certificate to compare.
	if o := s.run("central-node", "set", n.address, "--dry-run"); o.code != 0 || !strings.Contains(o.out, served.Fingerprint.String()) || !strings.Contains(o.out, served.Subject) {
		t.Fatalf("what was met: exit %d\n%s%s", o.code, o.out, o.err)
	}
	if o := s.run("central-node", "set", n.address, "--yes"); o.code != 2 {
		t.Errorf("blind trust: exit %d, %s", o.code, o.err)
	}
	wrong := strings.Repeat("AB:", 31) + "AB"
	if o := s.run("central-node", "set", n.address, "--fingerprint", wrong, "--yes"); o.code != 4 || !strings.Contains(o.err, served.Fingerprint.String()) {
		t.Errorf("another certificate than confirmed: exit %d, %s", o.code, o.err)
	}
	if s.centralNode().State != acts.LinkUnconfigured {
		t.Fatal("something was configured without a confirmation")
	}
	s.point(n.address, n)
	waits := s.becomes(acts.LinkPending)
	// While it waits, agents are told so and nothing is forwarded.
	a := newAgent(t, `package_period = "200ms"`)
	// 2. Authorise the Sensor on the Central Node.
	row := s.row(n)
	if row.State != acts.Pending || row.Name != "branch-1" || row.Fingerprint != waits.LinkIdentity || row.Type != acts.TypeSameServer {
		t.Errorf("the request in the table: %+v", row)
	}
	// 3. Generate a certificate for the Sensor. 4. Download it.
	before := read[acts.ServerCertificate](s, "certificate", "show")
	s.must("certificate", "generate", "--yes")
	if after := read[acts.ServerCertificate](s, "certificate", "show"); after.Fingerprint == before.Fingerprint {
		t.Fatal("generate changed nothing")
	}
	// 5. Upload it to the agent; its address is the Sensor's.
	a.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate())
	a.start()
	eventually(t, 30*time.Second, "the agent says that the Sensor waits", func() bool { return strings.Contains(a.run("status").out, "sensor_pending") })
	if o := a.run("doctor"); o.code != 1 || !strings.Contains(o.out, "sensor_pending") {
		t.Errorf("doctor while the Sensor waits: exit %d\n%s", o.code, o.out)
	}
	if hosts := read[[]acts.Host](n, "host", "list"); len(hosts) != 0 {
		t.Errorf("%d hosts are known through a Sensor that nobody accepted", len(hosts))
	}
	marked(t, "mark-while-pending")
	if o := n.run("sensor", "accept", waits.LinkIdentity.String()); o.code != 4 {
		t.Errorf("accept without --yes: exit %d", o.code)
	}
	s.accept(n)
	e := arrives(t, n, "mark-while-pending")
	if e.Vedette.Way != s.id(n) || e.Vedette.Certificate != "" {
		t.Errorf("event %+v", e)
	}
	eventually(t, 30*time.Second, "the host is connected through the Sensor", func() bool {
		hosts := read[[]acts.Host](n, "host", "list")
		return len(hosts) == 1 && hosts[0].Connected && hosts[0].Way == s.id(n)
	})
	// One lane is enough to carry an event; the others come when they come.
	var l acts.Link
	eventually(t, 30*time.Second, "all lanes are there", func() bool {
		row, l = s.row(n), read[acts.Link](s, "link", "status")
		return row.Lanes == 4 && len(l.Lanes) == 4
	})
	if row.State != acts.Accepted || !row.Connected || row.Agents < 1 || row.ServerCertificate != read[acts.ServerCertificate](s, "certificate", "show").Fingerprint {
		t.Errorf("the Sensor in the table: %+v", row)
	}
	if l.Ingress.Agents < 1 || l.Ingress.Bytes == 0 || l.State != acts.LinkAccepted {
		t.Errorf("the link: %+v", l)
	}
	if o := a.run("doctor"); o.code != 0 {
		t.Errorf("doctor: exit %d\n%s%s", o.code, o.out, o.err)
	}
	// The mistake that everybody makes: the Central Node's certificate at the
	// Sensor's address, and the reverse.
	b := newAgent(t)
	b.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+n.certificate())
	if o := b.run("doctor"); o.code != 1 || !strings.Contains(o.out, "Sensor") || !strings.Contains(o.out, "kata.crt") {
		t.Errorf("doctor with the Central Node's pin at the Sensor: exit %d\n%s", o.code, o.out)
	}
	b.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+s.certificate())
	if o := b.run("doctor"); o.code != 1 || !strings.Contains(o.out, "Sensor") || !strings.Contains(o.out, "Central Node") {
		t.Errorf("doctor with the Sensor's pin at the Central Node: exit %d\n%s", o.code, o.out)
	}
	a.stop()
	s.stop()
	n.stop()
}

// TestSetUpSensorWithValidation follows "... with validation of the TLS
// certificate of Endpoint Agent", with Sensor and Central Node on servers
// (network namespaces) of their own and the documented ports.
func TestSetUpSensorWithValidation(t *testing.T) {
	at := newSite(t)
	n := &node{prepare(t, "centralnode", siteNode+":443", "")}
	n.inside = in(at.node)
	n.start()
	s := &sensor{prepare(t, "sensor", siteSensor+":443", "")}
	s.inside = in(at.sensor)
	s.start()
	// The port is the documented one, so the address is enough.
	s.point(siteNode, n)
	s.accept(n)
	if row := s.row(n); row.Type != acts.TypeRemote || !strings.HasPrefix(row.Address, "10.92.2.1") {
		t.Errorf("the Sensor in the table: %+v", row)
	}
	n.must("agent-certificate", "validation", "on", "--yes")
	a := newAgent(t, `package_period = "200ms"`)
	enable := []string{"--message-broker=enable", "--type=kata", "--servers=" + siteSensor, "--tls=yes", "--pinned-certificate=" + s.certificate()}
	a.must(enable...)
	a.start()
	eventually(t, 30*time.Second, "the agent without a certificate is refused with the reason", func() bool { return strings.Contains(a.run("status").out, "no_certificate") })
	a.must(append(enable, "--client-certificate="+n.pfx("host-1"))...)
	marked(t, "mark-in-a-branch")
	e := arrives(t, n, "mark-in-a-branch")
	list := read[acts.AgentCertificateList](n, "agent-certificate", "list")
	if e.Vedette.Way != s.id(n) || e.Vedette.Remote != "10.92.1.1" || len(list.Certificates) != 1 || e.Vedette.Certificate != list.Certificates[0].Fingerprint.String() {
		t.Errorf("event %+v", e.Vedette)
	}
	eventually(t, 30*time.Second, "the certificate is in use", func() bool {
		return read[acts.AgentCertificateList](n, "agent-certificate", "list").Certificates[0].Connected == 1
	})
	done := read[acts.Withdrawal](n, "agent-certificate", "delete", e.Vedette.Certificate, "--yes")
	if done.Cut != 1 || done.Sensors != 1 || len(done.Late) != 0 {
		t.Errorf("withdrawal %+v", done)
	}
	marked(t, "mark-after-withdrawal")
	eventually(t, 30*time.Second, "the agent reads that it was withdrawn", func() bool { return strings.Contains(a.run("status").out, "withdrawn") })
	for _, e := range read[[]acts.Event](n, "event", "list") {
		if e.Vedette.PolicyRevision >= done.Revision {
			t.Errorf("taken under revision %d, withdrawn at %d", e.Vedette.PolicyRevision, done.Revision)
		}
	}
	// The refusal came from the Sensor: the Central Node heard nothing of it.
	if raw, err := os.ReadFile(n.log); err != nil || strings.Contains(string(raw), `"caller refused"`) {
		t.Errorf("the Central Node was troubled by refused agents, %v", err)
	}
	a.must(append(enable, "--client-certificate="+n.pfx("host-1-again"))...)
	arrives(t, n, "mark-after-withdrawal")
	a.stop()
	s.stop()
	n.stop()
}

func TestSensorOnTheSameServerIsNoProxy(t *testing.T) {
	for name, lines := range map[string]struct{ node, sensor []string }{
		"neither allows it":          {nil, nil},
		"only the Sensor does":       {nil, []string{unsafeSameServer}},
		"only the Central Node does": {[]string{unsafeSameServer}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, lines.node...)
			s := &sensor{prepare(t, "sensor", freePort(t), "", lines.sensor...)}
			s.start()
			s.point(n.address, n)
			identity := s.centralNode().LinkIdentity
			eventually(t, 30*time.Second, "the request is there", func() bool {
				return len(read[acts.SensorServerList](n, "sensor", "list").Servers) == 1
			})
			n.must("sensor", "accept", identity.String(), "--yes")
			if state := s.becomes(acts.LinkSameServer); !strings.Contains(state.Detail, sameServerSentence) {
				t.Errorf("the reason is %q", state.Detail)
			}
			a := newAgent(t)
			a.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate())
			if o := a.run("doctor"); o.code != 1 || !strings.Contains(o.out, "same_server") {
				t.Errorf("doctor: exit %d\n%s", o.code, o.out)
			}
			if hosts := read[[]acts.Host](n, "host", "list"); len(hosts) != 0 {
				t.Errorf("%d hosts are known", len(hosts))
			}
			s.stop()
			n.stop()
		})
	}
}

func TestRejectedAndDeletedSensorsAreCutAndMayAskAgain(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	s.join(n)
	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate())
	a.start()
	marked(t, "mark-accepted")
	arrives(t, n, "mark-accepted")
	id := s.id(n)

	rejected := read[acts.SensorServerDecision](n, "sensor", "reject", id, "--yes")
	if rejected.Cut < 1 {
		t.Errorf("rejection %+v", rejected)
	}
	s.becomes(acts.LinkRejected)
	marked(t, "mark-rejected")
	eventually(t, 30*time.Second, "the agent is told", func() bool { return strings.Contains(a.run("status").out, "sensor_rejected") })
	// It stays rejected over restarts of both, and does not ask again by itself.
	s.stop()
	n.stop()
	n.start()
	s.start()
	s.becomes(acts.LinkRejected)
	if row := s.row(n); row.State != acts.Rejected {
		t.Errorf("after the restart: %+v", row)
	}
	// Its administrator confirms the Central Node again: that asks again.
	s.point(n.address, n)
	s.accept(n)
	arrives(t, n, "mark-rejected")

	deleted := read[acts.SensorServerDecision](n, "sensor", "delete", id, "--yes")
	if deleted.Cut < 1 {
		t.Errorf("deletion %+v", deleted)
	}
	marked(t, "mark-deleted")
	s.accept(n) // it is a new request
	arrives(t, n, "mark-deleted")
	for line := range strings.Lines(n.must("event", "list", "--output", "jsonl")) {
		var e acts.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		for _, d := range []acts.SensorServerDecision{rejected, deleted} {
			if e.Vedette.PolicyRevision == d.Revision {
				t.Errorf("an event was taken under revision %d, which refuses its Sensor", d.Revision)
			}
		}
	}
	a.stop()
	s.stop()
	n.stop()
}

// TestSensorAndCentralNodeComeBackInAnyOrder restarts both, each alone and
// together, in both orders.
func TestSensorAndCentralNodeComeBackInAnyOrder(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	s.join(n)
	identity, served := s.centralNode().LinkIdentity, s.certificate()
	pem, err := os.ReadFile(served)
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+served)
	a.start()
	type act string
	const stop, kill, start act = "stop", "kill", "start"
	type step struct {
		*daemon
		act
	}
	steps := map[string][]step{
		"the Sensor":                     {{s.daemon, stop}, {s.daemon, start}},
		"the Central Node":               {{n.daemon, stop}, {n.daemon, start}},
		"both, the Sensor first":         {{s.daemon, stop}, {n.daemon, stop}, {s.daemon, start}, {n.daemon, start}},
		"both, the Central Node first":   {{n.daemon, stop}, {s.daemon, stop}, {n.daemon, start}, {s.daemon, start}},
		"killed, the Sensor":             {{s.daemon, kill}, {s.daemon, start}},
		"killed, the Central Node":       {{n.daemon, kill}, {n.daemon, start}},
		"killed, both, the Sensor first": {{s.daemon, kill}, {n.daemon, kill}, {s.daemon, start}, {n.daemon, start}},
	}
	for what, do := range steps {
		for _, step := range do {
			switch step.act {
			case stop:
				step.stop()
			case kill:
				step.kill()
			case start:
				step.start()
			}
		}
		s.becomes(acts.LinkAccepted)
		mark := "mark-" + strings.NewReplacer(" ", "-", ",", "").Replace(what)
		marked(t, mark)
		arrives(t, n, mark)
	}
	if s.centralNode().LinkIdentity != identity {
		t.Error("the link identity changed")
	}
	if now, err := os.ReadFile(s.certificate()); err != nil || string(now) != string(pem) {
		t.Errorf("the Sensor's server certificate changed, %v", err)
	}
	// While its Central Node is away the Sensor says so to agents and people.
	n.stop()
	if state := s.becomes(acts.LinkUnreachable); state.Detail == "" || state.Next == "" {
		t.Errorf("unreachable: %+v", state)
	}
	eventually(t, 30*time.Second, "the agent is told", func() bool { return strings.Contains(a.run("status").out, "link_down") })
	if o := command(t, "curl", "-sS", "--cacert", filepath.Join(s.dir, "sensor.crt"), "-i", "https://"+s.address+"/"); !strings.Contains(o.out, "503") || !strings.Contains(o.out, "Retry-After") || !strings.Contains(o.out, "link_down") {
		t.Errorf("curl: %s%s", o.out, o.err)
	}
	a.stop()
	s.stop()
}
