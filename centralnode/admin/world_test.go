package admin_test

import (
	"net/http"
	"testing"

	"vedette/centralnode"
	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/proto/agent/v1/agentv1connect"
	"vedette/proto/problem"
)

// local is the administrator at the console.
var local = admintest.Local()

// world is a whole Central Node on port 0, under the short names of this room.
type world struct {
	*admintest.World
	t    *testing.T
	node *centralnode.Node
	dir  string
	logs *admintest.Logs
	stop func()
}

func start(t *testing.T) *world {
	t.Helper()
	return startIn(t, t.TempDir())
}

func startIn(t *testing.T, dir string) *world {
	t.Helper()
	return startWith(t, dir, centralnode.Scan{})
}

func startWith(t *testing.T, dir string, scan centralnode.Scan) *world {
	t.Helper()
	w := admintest.StartIn(t, dir, scan)
	return &world{World: w, t: t, node: w.Node, dir: dir, logs: w.Logs, stop: w.Stop}
}

func (w *world) agent(p *pki.Pair) agentv1connect.AgentServiceClient {
	w.t.Helper()
	return w.Agent(p)
}

func (w *world) agentPinned(p *pki.Pair, pin pki.Fingerprint) agentv1connect.AgentServiceClient {
	return w.AgentPinned(p, pin)
}

const (
	agentID = admintest.AgentID
	queueID = admintest.QueueID
)

func (w *world) send(c agentv1connect.AgentServiceClient, seq uint64, executable string) error {
	return w.Send(c, seq, executable)
}

func (w *world) generate(name string) *pki.Pair {
	w.t.Helper()
	return w.Generate(name)
}

func (w *world) validation(on bool) acts.Withdrawal {
	w.t.Helper()
	return w.Validation(on)
}

// asking is a Sensor whose request waits.
func (w *world) asking(name string) *sensortest.Sensor {
	w.t.Helper()
	return w.AskingSensor(name)
}

// caller is an external system with an ID and a certificate, under the short
// names of this room.
type caller struct {
	*admintest.System
	w    *world
	id   string
	pair *pki.Pair
	http *http.Client
}

func (w *world) known(s *admintest.System) *caller { return &caller{s, w, s.ID, s.Pair, s.HTTP} }

func (w *world) caller(id string, pair *pki.Pair) *caller {
	w.t.Helper()
	return w.known(w.SystemWith(id, pair))
}

// askingSystem is an external system whose request waits.
func (w *world) askingSystem(id, query string) *caller {
	w.t.Helper()
	return w.known(w.AskingSystem(id, query))
}

// accepted is an external system that was let in.
func (w *world) accepted(id string, kind acts.SystemType) *caller {
	w.t.Helper()
	return w.known(w.AcceptedSystem(id, kind))
}

func (c *caller) fingerprint() pki.Fingerprint     { return c.Fingerprint() }
func (c *caller) which() acts.DecideExternalSystem { return c.Which() }

func (c *caller) check(query string) problem.Code {
	c.w.t.Helper()
	return c.Check(query)
}

func (c *caller) submit(name, content string) {
	c.w.t.Helper()
	c.Submit(name, content)
}

// refusedAs fails the test unless err is an acts.Error of the code, with a
// next step.
func refusedAs(t *testing.T, err error, code acts.Code) *acts.Error {
	t.Helper()
	e, ok := err.(*acts.Error)
	if !ok || e.Code != code || e.Text == "" {
		t.Fatalf("error %#v, want code %q", err, code)
	}
	return e
}
