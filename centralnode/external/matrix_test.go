package external_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/proto/problem"
)

// role is somebody who comes to every door.
type role struct {
	name   string
	pair   *pki.Pair // nil: no certificate
	id     string    // what it calls itself, as an external system
	sensor bool      // through a Sensor
	// What it reads at each door; nothing: it is let in. The agent door is asked
	// with validation on and off.
	agent, agentOff, system, description problem.Code
}

// TestEveryRoleAtEveryRouteReadsItsCode is threats A6. The routes are those
// that the gateway serves, so one without a rule fails.
func TestEveryRoleAtEveryRouteReadsItsCode(t *testing.T) {
	w := open(t)
	agent, sensor := pkitest.Agent(t, "agent"), pkitest.Agent(t, "sensor")
	pending, accepted, rejected, changed := pkitest.Agent(t, "pending"), pkitest.Agent(t, "accepted"), pkitest.Agent(t, "rejected"), pkitest.Agent(t, "changed")
	w.accepted("accepted", accepted, acts.OtherSystem)
	w.check(w.client(pending), "pending")
	w.check(w.client(rejected), "rejected")
	w.decide(trust.System{ID: "rejected", Leaf: rejected.Fingerprint()}, trust.Rejected, "")
	w.check(w.client(changed), "accepted")
	carry := w.behind(sensor.Fingerprint())

	const (
		in      = problem.Code("")
		none    = problem.NoCertificate
		unknown = problem.CertificateUnknown
		wrong   = problem.WrongDoor
	)
	roles := []role{
		{name: "no certificate", id: "nobody", agent: none, system: none},
		{name: "no certificate, accepted ID", id: "accepted", agent: none, system: none},
		{name: "unknown certificate", pair: pkitest.Agent(t, "u"), id: "unknown", agent: unknown, system: problem.Pending},
		{name: "unknown certificate, accepted ID", pair: pkitest.Agent(t, "u"), id: "accepted", agent: unknown, system: problem.CertificateChanged},
		{name: "Pending external system", pair: pending, id: "pending", agent: unknown, system: problem.Pending},
		{name: "Pending external system, changed", pair: changed, id: "accepted", agent: unknown, system: problem.CertificateChanged},
		{name: "Accepted external system", pair: accepted, id: "accepted", agent: unknown},
		{name: "Accepted external system, another ID", pair: accepted, id: "Accepted", agent: unknown, system: problem.Pending},
		{name: "Rejected external system", pair: rejected, id: "rejected", agent: unknown, system: problem.Rejected},
		{name: "agent with a listed certificate", pair: agent, id: "agent", system: problem.Pending},
		{name: "agent with a listed certificate, accepted ID", pair: agent, id: "accepted", system: problem.CertificateChanged},
		{name: "Sensor identity", pair: sensor, id: "sensor", agent: unknown, system: problem.Pending},
		{name: "through a Sensor: agent", pair: agent, id: "agent", sensor: true, system: wrong, description: wrong},
		{name: "through a Sensor: Accepted external system", pair: accepted, id: "accepted", sensor: true, agent: unknown, system: wrong, description: wrong},
		{name: "through a Sensor: no certificate", id: "accepted", sensor: true, agent: none, system: wrong, description: wrong},
	}
	routes := w.gateway.Routes()
	if len(routes) < 4 {
		t.Fatalf("only the routes %v: this test looks at too little", routes)
	}
	edit := func(edit func(*trust.Snapshot) *trust.Snapshot) {
		t.Helper()
		if _, err := w.gateway.Change(t.Context(), trust.Scope{Everybody: true}, func() (*trust.Snapshot, error) { return edit(w.gateway.Trust()), nil }); err != nil {
			t.Fatal(err)
		}
	}
	edit(func(s *trust.Snapshot) *trust.Snapshot {
		return s.With([]pki.Fingerprint{agent.Fingerprint()}).WithSensor(sensor.Fingerprint(), trust.Accepted)
	})
	for _, validation := range []bool{true, false} {
		edit(func(s *trust.Snapshot) *trust.Snapshot { return s.WithValidation(validation) })
		for _, x := range roles {
			for _, route := range routes {
				method, path := methodAndPath(route.Pattern, x.id)
				want := map[trust.Door]problem.Code{trust.AgentService: x.agent, trust.ExternalSystem: x.system, trust.Description: x.description}
				if !validation {
					want[trust.AgentService] = x.agentOff
				}
				code, ok := want[route.Door]
				if !ok {
					t.Fatalf("no rule for the door %q of %q", route.Door, route.Pattern)
				}
				p, err := w.ask(x, carry, method, path)
				if err != nil || p.Code != code || code != in && p.Status != http.StatusUnauthorized {
					t.Errorf("%s, validation %v, at %s %s: %+v, %v; want %q", x.name, validation, method, path, p, err, code)
				}
				// Another method of external systems is judged like the right one.
				if route.Door == trust.ExternalSystem {
					want, status := code, http.StatusUnauthorized
					if code == in {
						want, status = problem.BadRequest, http.StatusMethodNotAllowed
					}
					if p, err := w.ask(x, carry, http.MethodPatch, path); err != nil || p.Code != want || p.Status != status {
						t.Errorf("%s at PATCH %s: %+v, %v; want %d %s", x.name, path, p, err, status, want)
					}
				}
				// A path beside it is nobody's, whoever asks.
				for _, other := range []struct{ method, path string }{{method, path + "/"}, {method, strings.ToUpper(path)}} {
					if p, err := w.ask(x, carry, other.method, other.path); err != nil || p.Code != problem.NotFound {
						t.Errorf("%s at %s %s: %+v, %v; want 404", x.name, other.method, other.path, p, err)
					}
				}
			}
		}
	}
	// Nobody has become more than what was decided.
	kept, _, err := w.store.ExternalSystems(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range kept {
		if (v.State == store.Accepted) != (v.ID == "accepted" && v.Fingerprint == accepted.Fingerprint()) {
			t.Errorf("%s with %s is %s", v.ID, v.Fingerprint, v.State)
		}
		if v.Fingerprint == pending.Fingerprint() && v.ID != "pending" {
			t.Errorf("a call through a Sensor made the request %+v", v)
		}
	}
}

// methodAndPath finds a method that a pattern has, and a path that it matches.
func methodAndPath(pattern, id string) (method, path string) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = http.MethodGet, pattern
	}
	if _, scans, _ := strings.Cut(scansPattern, " "); path == scans {
		method = http.MethodPost
	}
	return method, strings.ReplaceAll(path, "{system}", id)
}

// ask makes one call on a connection of its own.
func (w *world) ask(x role, carry func(meta link.Meta) net.Conn, method, path string) (problem.Problem, error) {
	if !x.sensor {
		c := w.client(x.pair)
		defer c.CloseIdleConnections()
		p, _, err := w.do(c, method, path, nil)
		return p, err
	}
	meta := link.Meta{Address: netip.MustParseAddrPort("192.0.2.7:4711")}
	if x.pair != nil {
		meta.Leaf = x.pair.Leaf().Raw
	}
	stream := carry(meta)
	defer stream.Close()
	if _, err := fmt.Fprintf(stream, "%s %s HTTP/1.1\r\nHost: cn\r\nContent-Length: 0\r\n\r\n", method, path); err != nil {
		return problem.Problem{}, err
	}
	r, err := http.ReadResponse(bufio.NewReader(stream), nil)
	if err != nil {
		return problem.Problem{}, err
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); ok {
		return *p, nil
	}
	_, err = io.Copy(io.Discard, r.Body)
	return problem.Problem{}, err
}

// behind carries streams as the Sensor of an identity does.
func (w *world) behind(id pki.Fingerprint) (carry func(link.Meta) net.Conn) {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		w.t.Fatal(err)
	}
	dialing, accepting := link.NewDialing(link.Config{}), link.NewAccepting(link.Config{}, nil)
	var carrying sync.WaitGroup
	carrying.Go(func() {
		lane, err := accepting.Join(context.Background(), far, id.String())
		if err != nil {
			w.t.Error(err)
			return
		}
		for {
			stream, err := lane.Link().Accept(context.Background())
			if err != nil {
				return
			}
			c := trust.Caller{Way: trust.SensorID(id), Sensor: id, Remote: stream.Meta().Address}
			if leaf := stream.Meta().Leaf; len(leaf) > 0 {
				c.Leaf = pki.FingerprintOf(leaf)
			}
			w.gateway.Carry(stream, c, controlv1.CodeWithdrawn)
		}
	})
	if _, err := dialing.AddLane(w.t.Context(), near, link.Small); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		dialing.Close(link.CodeShutdown, "")
		accepting.Close(link.CodeShutdown, "")
		carrying.Wait()
	})
	return func(meta link.Meta) net.Conn {
		stream, err := dialing.Open(context.Background(), meta)
		if err != nil {
			w.t.Fatal(err)
		}
		return stream
	}
}
