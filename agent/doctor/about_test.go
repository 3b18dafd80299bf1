package doctor_test

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/agent/agenttest"
	"vedette/agent/doctor"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/about"
	"vedette/proto/problem"
)

func TestPinOfTheOtherServerIsRecognised(t *testing.T) {
	other := pkitest.PairFor(t, pkitest.ECDSAKey(t))
	for name, c := range map[string]struct {
		role, pin string
		want      []string
	}{
		"Central Node's pin, a Sensor": {about.RoleSensor, about.PinCentralNode, []string{"the pin is the Central Node's, the server is a Sensor",
			"sensor certificate download", "scp admin@127.0.0.1:ssl/kata.crt .", "compare its fingerprint"}},
		"a Sensor's pin, Central Node": {about.RoleCentralNode, about.PinSensor, []string{"the pin is a Sensor's, the server is the Central Node",
			"that Sensor's address", "centralnode certificate download", "compare its fingerprint"}},
		"unknown pin, a Sensor":       {about.RoleSensor, about.PinUnknown, []string{"it is a Sensor, whose own certificate", "somebody intercepts"}},
		"unknown pin, a Central Node": {about.RoleCentralNode, about.PinUnknown, []string{"somebody intercepts"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := agenttest.Start(t)
			n.Set(func(r *agenttest.Rules) {
				r.About = agenttest.Says(c.role, map[pki.Fingerprint]string{other.Fingerprint(): c.pin, n.Pair.Fingerprint(): about.PinOwn})
			})
			checks, ok := look(t, time.Now(), to(n.Address, other))
			k := checks[doctor.Pin]
			if ok || k.Outcome != doctor.Failed || k.Code != "wrong-pin" || !strings.Contains(k.Text, other.Fingerprint().String()) || !strings.Contains(k.Text, n.Pair.Fingerprint().String()) {
				t.Fatalf("%+v", k)
			}
			for _, part := range c.want {
				if !strings.Contains(k.Fix, part) {
					t.Errorf("%q is not in %q", part, k.Fix)
				}
			}
			if n.Requests(pki.Fingerprint{}) != 0 {
				t.Error("a server with the wrong certificate got a request")
			}
		})
	}
}

func TestHealthyAgentSeesWhetherItsServerIsASensor(t *testing.T) {
	for role, sensor := range map[string]bool{about.RoleSensor: true, about.RoleCentralNode: false} {
		n := agenttest.Start(t)
		n.Set(func(r *agenttest.Rules) { r.About = agenttest.Says(role, nil) })
		checks, ok := look(t, time.Now(), to(n.Address, n.Pair))
		pin, authorised := checks[doctor.Pin], checks[doctor.Authorised]
		if !ok || strings.HasSuffix(pin.Text, "; the server is a Sensor") != sensor || strings.HasSuffix(authorised.Text, ", through this Sensor") != sensor ||
			!strings.HasPrefix(authorised.Text, "the Central Node takes this agent's events") {
			t.Errorf("%s: %+v, %+v", role, pin, authorised)
		}
	}
}

func TestServerThatDoesNotSayWhoItIsGivesNoHint(t *testing.T) {
	other := pkitest.PairFor(t, pkitest.ECDSAKey(t))
	ended := make(chan struct{})
	defer close(ended)
	for name, f := range map[string]func(net.Conn){
		"does not know how": nil,
		"closes":            func(net.Conn) {},
		"garbage":           func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"half an answer":    func(c net.Conn) { _, _ = io.WriteString(c, "VAA\x01\x02") },
		"nonsense":          func(c net.Conn) { _, _ = io.WriteString(c, "VAA\x01\x02\x03") },
		"hangs":             func(net.Conn) { <-ended },
	} {
		t.Run(name, func(t *testing.T) {
			n := agenttest.Start(t)
			n.Set(func(r *agenttest.Rules) { r.About = f })
			to := to
			if name == "hangs" {
				to = hasty
			}
			checks, ok := look(t, time.Now(), to(n.Address, n.Pair))
			if pin := checks[doctor.Pin]; !ok || pin.Outcome != doctor.OK || strings.Contains(pin.Text, "Sensor") {
				t.Errorf("%+v", pin)
			}
			began := time.Now()
			checks, _ = look(t, time.Now(), to(n.Address, other))
			if pin := checks[doctor.Pin]; pin.Code != "wrong-pin" || !strings.Contains(pin.Fix, "if the server's certificate was replaced") || strings.Contains(pin.Fix, "it says") {
				t.Errorf("%+v", pin)
			}
			if d := time.Since(began); d > 4*time.Second {
				t.Errorf("it took %s", d)
			}
		})
	}
}

// TestAnswerOfAnotherServerIsNoHint: what is told comes from who showed the
// certificate in the report.
func TestAnswerOfAnotherServerIsNoHint(t *testing.T) {
	key := pkitest.ECDSAKey(t)
	first, second, pinned := pkitest.PairFor(t, key), pkitest.PairFor(t, key), pkitest.PairFor(t, key)
	config := pki.ServerConfig(pki.NewHolder(first), "http/1.1")
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(h.SupportedProtos, about.ALPN) {
			return pki.ServerConfig(pki.NewHolder(second), about.ALPN), nil
		}
		return config, nil
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				agenttest.Says(about.RoleSensor, map[pki.Fingerprint]string{pinned.Fingerprint(): about.PinCentralNode})(c)
				_ = c.Close()
			})
		}
	})
	defer func() { _ = l.Close(); serving.Wait() }()
	checks, _ := look(t, time.Now(), to(l.Addr().String(), pinned))
	if k := checks[doctor.Pin]; k.Code != "wrong-pin" || !strings.Contains(k.Text, first.Fingerprint().String()) || strings.Contains(k.Fix, "Sensor") {
		t.Fatalf("%+v", k)
	}
}

func TestSensorThatCarriesNobodySaysWhyAndThatTheAgentIsRight(t *testing.T) {
	n := agenttest.Start(t)
	n.Set(func(r *agenttest.Rules) { r.About = agenttest.Says(about.RoleSensor, nil) })
	for _, code := range []problem.Code{problem.SensorUnconfigured, problem.SensorPending, problem.SensorRejected, problem.SameServer, problem.CentralNodeChanged, problem.LinkDown} {
		n.Set(func(r *agenttest.Rules) {
			r.Refuse = &problem.Problem{Title: "x", Status: 503, Code: code, RetryAfter: 5 * time.Second}
		})
		checks, ok := look(t, time.Now(), to(n.Address, n.Pair))
		if k := checks[doctor.Authorised]; ok || k.Code != string(code) || !strings.Contains(k.Text, "the Sensor at "+n.Address) || !strings.HasPrefix(k.Fix, "nothing to do on this host") {
			t.Errorf("%+v", k)
		}
		if pin := checks[doctor.Pin]; pin.Outcome != doctor.OK || !strings.HasSuffix(pin.Text, "; the server is a Sensor") {
			t.Errorf("%+v", pin)
		}
	}
}
