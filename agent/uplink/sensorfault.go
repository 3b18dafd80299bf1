package uplink

import (
	"fmt"

	"vedette/proto/problem"
)

// rightHere begins the next step of faults that no change on this host mends.
const rightHere = "nothing to do on this host, it is set up right and keeps its events; "

// ofSensor explains why a Sensor carries nobody; nil when the code is none of these. Nothing of it is the agent's fault,
// and every one of them ends without the agent: it asks again by itself.
func ofSensor(server string, code problem.Code) *Fault {
	var text, next string
	switch code {
	case problem.SensorUnconfigured:
		text = "the Sensor at %s has no Central Node yet"
		next = "the Sensor's administrator names its Central Node under Configure Central Node, or with: central-node set ADDRESS"
	case problem.SensorPending:
		text = "the Sensor at %s waits until an administrator of the Central Node accepts it"
		next = "an administrator of the Central Node compares its fingerprint and accepts it under Sensor servers, or with: sensor accept"
	case problem.SensorRejected:
		text = "an administrator of the Central Node rejected the Sensor at %s"
		next = "if that was a mistake, the Sensor's administrator asks again with central-node set, and an administrator of the Central Node accepts it"
	case problem.SameServer:
		text = "the Sensor at %s is on one server with its Central Node, where a Sensor carries no agents"
		next = "the administrator moves the Sensor to a server of its own, or gives the agents the Central Node's address and certificate"
	case problem.CentralNodeChanged:
		text = "the Sensor at %s met another certificate at its Central Node's address than the one that it trusts, and sends it nothing"
		next = "if the Central Node's certificate was replaced, the Sensor's administrator compares the fingerprint and confirms it with central-node set; if it was not, somebody intercepts their connection"
	case problem.LinkDown:
		text = "the Sensor at %s has no connection to its Central Node"
		next = "if it does not pass, the Sensor's administrator sees why with: link status"
	default:
		return nil
	}
	return &Fault{Text: fmt.Sprintf(text, server), Next: rightHere + next, ThisSensor: true}
}
