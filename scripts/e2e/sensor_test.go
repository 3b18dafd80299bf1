package e2e

import (
	"testing"
	"time"

	"vedette/internal/acts"
)

// sensor is a Sensor.
type sensor struct{ *daemon }

// The tests have both daemons on one server, where a Sensor is a proxy only
// when it is told that this is meant.
const unsafeSameServer = "unsafe_same_server = true"

// newSensor configures a Sensor in a folder of its own and starts it.
func newSensor(t testing.TB, lines ...string) *sensor {
	t.Helper()
	s := &sensor{prepare(t, "sensor", freePort(t), freePort(t), append([]string{unsafeSameServer}, lines...)...)}
	s.start()
	return s
}

// point tells the Sensor its Central Node at an address, and which certificate
// it must show there, as a script does.
func (s *sensor) point(address string, n *node) {
	s.t.Helper()
	served := read[acts.ServerCertificate](n, "certificate", "show")
	s.must("central-node", "set", address, "--fingerprint", served.Fingerprint.String(), "--yes")
}

func (s *sensor) centralNode() acts.CentralNode {
	s.t.Helper()
	return read[acts.CentralNode](s, "central-node", "show")
}

// becomes waits until the link has a state.
func (s *sensor) becomes(state acts.LinkState) acts.CentralNode {
	s.t.Helper()
	var last acts.CentralNode
	eventually(s.t, 60*time.Second, "the Sensor is "+string(state), func() bool {
		last = s.centralNode()
		return last.State == state
	})
	return last
}

// accept lets the Sensor's request in, by the fingerprint that the Sensor
// shows, and waits until it works.
func (s *sensor) accept(n *node) {
	s.t.Helper()
	waits := s.becomes(acts.LinkPending)
	n.must("sensor", "accept", waits.LinkIdentity.String(), "--yes")
	s.becomes(acts.LinkAccepted)
}

// join sets a Sensor up from the beginning.
func (s *sensor) join(n *node) {
	s.t.Helper()
	s.point(n.address, n)
	s.accept(n)
}

// id is what the Central Node calls the Sensor.
func (s *sensor) id(n *node) string {
	s.t.Helper()
	return s.row(n).ID
}

// row is the Sensor in the Central Node's table.
func (s *sensor) row(n *node) acts.SensorServer {
	s.t.Helper()
	identity := s.centralNode().LinkIdentity
	for _, server := range read[acts.SensorServerList](n, "sensor", "list").Servers {
		if server.Fingerprint == identity {
			return server
		}
	}
	s.t.Fatalf("the Sensor %s is not in the table:\n%s", identity, n.must("sensor", "list"))
	return acts.SensorServer{}
}
