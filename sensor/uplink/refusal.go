package uplink

import (
	"net/http"
	"time"

	"vedette/internal/acts"
	"vedette/proto/problem"
)

// How long agents wait before they ask again: soon when it may heal by itself
// or somebody is about to press Accept, later when a person has to find out
// something first. Whoever mends it then is waiting for the agents, so it is no
// longer than what a thousand refused handshakes in that time cost.
const (
	retrySoon  = 5 * time.Second
	retryLater = 15 * time.Second
)

// Refusal is nil while agents are carried; else it is the answer to them, with
// status 503. It names no address: whoever connects may read it.
func (u *Uplink) Refusal() *problem.Problem {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.carrier != nil {
		return nil
	}
	return u.state.refusal()
}

func (s State) refusal() *problem.Problem {
	p := &problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: retryLater}
	switch s.Link {
	case acts.LinkUnconfigured:
		p.Code, p.Title = problem.SensorUnconfigured, "Sensor without a Central Node"
		p.Detail = "No Central Node is configured on this Sensor yet. Ask its administrator."
	case acts.LinkPending:
		p.Code, p.Title, p.RetryAfter = problem.SensorPending, "Sensor not accepted yet", retrySoon
		p.Detail = "This Sensor waits for an administrator of the Central Node to accept it."
	case acts.LinkRejected:
		p.Code, p.Title = problem.SensorRejected, "Sensor rejected"
		p.Detail = "An administrator of the Central Node rejected this Sensor. Ask them."
	case acts.LinkSameServer:
		p.Code, p.Title = problem.SameServer, "Sensor is no proxy here"
		p.Detail = acts.SameServerRule
	case acts.LinkCertificateChanged:
		p.Code, p.Title = problem.CentralNodeChanged, "Central Node not recognised"
		p.Detail = "The Central Node shows another certificate than this Sensor expects. Ask the administrator of the Sensor."
	default:
		p.Code, p.Title, p.RetryAfter = problem.LinkDown, "Central Node not reachable", retrySoon
		p.Detail = "This Sensor has no link to its Central Node now. Ask again later."
	}
	return p
}
