package e2e

import (
	"testing"

	"vedette/internal/acts"
)

// TestWebSensorServers walks "Authorizing the Sensor component on a Central Node
// server": a Sensor that asks is selected by its address and accepted, and
// carries an agent; another is rejected; the first is deleted, and cut.
func TestWebSensorServers(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, s scripting) {
		w := newWeb(t, unsafeSameServer)
		p := w.administrator(t, s)
		p.section("Sensor servers")
		p.sees("No Sensor server and no request.")
		sensor := newSensor(t, `name = "branch-1"`)
		sensor.point(w.address, w.node)
		waits := sensor.becomes(acts.LinkPending)
		p.soon("1 request waits", waits.LinkIdentity.String(), "branch-1")
		// Both are on one server here, which the documented column says.
		if rows := p.rows("Server list", 1); rows[0]["State"] != "Pending" || rows[0]["Type"] != "Central Node" {
			t.Errorf("the request's row: %v", rows[0])
		}
		p.row("branch-1").follows("127.0.0.1")
		p.sees("Do not accept the request when this fingerprint differs", waits.LinkIdentity.String())
		p.presses("Accept")
		p.sees("Accepted: branch-1", "Accepted")
		sensor.becomes(acts.LinkAccepted)
		// The proxy is on: an agent that knows the Sensor only delivers through it.
		a := newAgent(t, `package_period = "200ms"`)
		a.must("--message-broker=enable", "--type=kata", "--servers="+sensor.address, "--tls=yes", "--pinned-certificate="+sensor.certificate())
		a.start()
		if e := w.delivers(t); e.Vedette.Way == "direct" {
			t.Errorf("the event did not come through the Sensor: %+v", e.Vedette)
		}
		p.soon("Agents 1 connected")
		// What the Sensor measures of the link stands beside it; its first verdicts
		// take half a minute.
		p.soon("Documented limits, judged by the last minute", "at most 100.0 ms", "Incoming traffic")

		other := newSensor(t, `name = "branch-2"`)
		other.point(w.address, w.node)
		other.becomes(acts.LinkPending)
		p.section("Sensor servers")
		p.soon("1 request waits")
		p.row("branch-2").follows("127.0.0.1")
		p.presses("Reject")
		p.sees("Rejected: branch-2")
		other.becomes(acts.LinkRejected)

		p.section("Sensor servers")
		p.row("branch-1").follows("127.0.0.1")
		p.presses("Delete")
		p.sees("Delete the Sensor server branch-1")
		p.presses("Cancel")
		if sensor.centralNode().State != acts.LinkAccepted {
			t.Error("Cancel deleted the Sensor")
		}
		p.presses("Delete")
		p.presses("Yes")
		p.sees("Deleted: branch-1")
		sensor.becomes(acts.LinkPending)
		for _, row := range read[acts.SensorServerList](w, "sensor", "list").Servers {
			if row.State == acts.Accepted {
				t.Errorf("a Sensor is still accepted: %+v", row)
			}
		}
		a.stop()
		sensor.stop()
		other.stop()
		w.stop()
	})
}
