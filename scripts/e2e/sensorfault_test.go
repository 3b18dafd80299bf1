package e2e

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// TestReplacedCertificateOfTheCentralNodeStopsTheSensor replaces it and checks
// that the Sensor says so to everybody, sends nothing, and goes on when its
// administrator has compared the new one.
func TestReplacedCertificateOfTheCentralNodeStopsTheSensor(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	s.join(n)
	before := read[acts.ServerCertificate](n, "certificate", "show").Fingerprint
	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate())
	a.start()
	marked(t, "mark-before")
	arrives(t, n, "mark-before")
	n.must("certificate", "generate", "--yes")
	after := read[acts.ServerCertificate](n, "certificate", "show").Fingerprint
	state := s.becomes(acts.LinkCertificateChanged)
	if state.Expected != before || state.Met != after || !strings.Contains(state.Next, "central-node set") {
		t.Errorf("%+v", state)
	}
	if out := s.must("central-node", "show"); !strings.Contains(out, before.String()) || !strings.Contains(out, after.String()) {
		t.Errorf("expected and met are not shown:\n%s", out)
	}
	marked(t, "mark-during")
	eventually(t, 30*time.Second, "the agent is told", func() bool { return strings.Contains(a.run("status").out, "central_node_changed") })
	s.point(n.address, n)
	s.becomes(acts.LinkAccepted) // it is the same Sensor: nobody has to accept it again
	arrives(t, n, "mark-during")
	a.stop()
	s.stop()
	n.stop()
}

// TestForeignServerOnTheCentralNodesAddressGetsNothing lets another server take
// the address over.
func TestForeignServerOnTheCentralNodesAddressGetsNothing(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	s.join(n)
	n.stop()
	foreign := pkitest.Pair(t, pki.KeyECDSAP256)
	listener, err := net.Listen("tcp", n.address)
	if err != nil {
		t.Fatal(err)
	}
	var got, met atomic.Int64
	var serving sync.WaitGroup
	config := pki.ServerConfig(pki.NewHolder(foreign), link.ALPN)
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				secured := tls.Server(c, config)
				if err := errors.Join(c.SetDeadline(time.Now().Add(5*time.Second)), secured.Handshake()); err != nil {
					met.Add(1)
					return
				}
				n, _ := io.Copy(io.Discard, secured) // it ends when the Sensor goes, or never came
				met.Add(1)
				got.Add(n)
			})
		}
	})
	state := s.becomes(acts.LinkCertificateChanged)
	if state.Met != foreign.Fingerprint() {
		t.Errorf("%+v", state)
	}
	eventually(t, 30*time.Second, "the Sensor has tried twice", func() bool { return met.Load() >= 2 })
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	serving.Wait()
	if got.Load() != 0 {
		t.Errorf("%d bytes were sent to a foreign server", got.Load())
	}
	n.start()
	s.becomes(acts.LinkAccepted)
	s.stop()
	n.stop()
}

// TestCopiedIdentityRaisesAnAlarm runs the same Sensor twice, as a copied disk
// does.
func TestCopiedIdentityRaisesAnAlarm(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	s.join(n)
	s.stop()
	copied := &sensor{prepare(t, "sensor", freePort(t), "", unsafeSameServer)}
	if out, err := exec.Command("cp", "-a", s.state(), copied.state()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.start()
	copied.start()
	if s.centralNode().LinkIdentity != copied.centralNode().LinkIdentity {
		t.Fatal("the copy is another Sensor")
	}
	eventually(t, 90*time.Second, "the Central Node says that two machines use one identity", func() bool {
		return strings.Contains(s.row(n).Problem, "identity") && strings.Contains(strings.Join(read[acts.Status](n, "status").Problems, "\n"), "identity")
	})
	if raw, err := os.ReadFile(n.log); err != nil || !strings.Contains(string(raw), "identity") {
		t.Errorf("the log does not say it, %v", err)
	}
	n.stop()
}

// TestSwallowedLanesAreNoticed lets the line swallow everything while its
// connections stay, as a broken router does.
func TestSwallowedLanesAreNoticed(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	line := newRelay(t, n.address)
	s.point(line.address(), n)
	s.accept(n)
	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+s.address, "--tls=yes", "--pinned-certificate="+s.certificate(), "--timeout=3")
	a.start()
	marked(t, "mark-before-dark")
	arrives(t, n, "mark-before-dark")
	line.dark.Store(true)
	marked(t, "mark-in-the-dark")
	if state := s.becomes(acts.LinkUnreachable); state.Detail == "" {
		t.Errorf("%+v", state)
	}
	eventually(t, 60*time.Second, "the Central Node gave the link up", func() bool { return !s.row(n).Connected })
	line.dark.Store(false)
	line.cutAll()
	s.becomes(acts.LinkAccepted)
	arrives(t, n, "mark-in-the-dark")
	a.stop()
	s.stop()
	n.stop()
}

// TestHostileLinksCostTheCentralNodeLittle floods the link's door: requests of
// many identities, and lanes that never say anything.
func TestHostileLinksCostTheCentralNodeLittle(t *testing.T) {
	n, s := newNode(t, unsafeSameServer), newSensor(t)
	s.join(n)
	state := filepath.Join(n.state(), "state.db")
	size := func() int64 {
		info, err := os.Stat(state)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	served := read[acts.ServerCertificate](n, "certificate", "show")
	knock := func(who *pki.Pair) {
		certificate := who.TLS()
		config := pki.ClientConfig(pki.PinTo(served.Fingerprint), &certificate)
		config.NextProtos = []string{link.ALPN}
		c, err := tls.Dial("tcp", n.address, config)
		if err != nil {
			return // no place for a stranger now: that is an answer too
		}
		l := link.NewDialing(link.Config{})
		if _, err := l.AddLane(t.Context(), c, link.Small); err == nil {
			introduction, err := proto.Marshal(&controlv1.FromSensor{Message: &controlv1.FromSensor_Introduction{Introduction: &controlv1.Introduction{
				Name: "flood", Server: make([]byte, 32), Request: make([]byte, 16),
			}}})
			if err != nil {
				t.Error(err)
			}
			if l.Send(t.Context(), introduction) == nil {
				_, _ = l.Receive(t.Context()) // an answer, or it is shown out
			}
		}
		l.Close(link.CodeShutdown, "")
	}
	flood := func() {
		var knocking sync.WaitGroup
		for range 8 {
			knocking.Go(func() {
				for range 10 {
					pair, err := pki.GenerateAgent(pki.AgentOptions{Name: "flood"})
					if err != nil {
						t.Error(err)
						return
					}
					knock(pair)
				}
			})
		}
		knocking.Wait()
	}
	flood() // takes what places there are for requests
	before := size()
	flood()
	servers := read[acts.SensorServerList](n, "sensor", "list").Servers
	if len(servers) > 10 { // the Sensor, and what one address may ask for
		t.Errorf("%d Sensors are in the table", len(servers))
	}
	if grown := size() - before; grown != 0 {
		t.Errorf("the state file grew by %d bytes", grown)
	}
	if state := s.centralNode(); state.State != acts.LinkAccepted {
		t.Errorf("the accepted Sensor is %s", state.State)
	}
	n.stop()
}
