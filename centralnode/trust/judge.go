package trust

import "vedette/proto/problem"

// Door is what a caller asks for. Paths that lead to no door are nobody's.
type Door string

// The doors of :443.
const (
	// AgentService is Sync and SendEvents.
	AgentService Door = "agent service"
	// SensorLink is carrying agents' connections.
	SensorLink Door = "sensor link"
	// ExternalSystem is the REST API. Who may enter depends on the ID in the path:
	// JudgeSystem says.
	ExternalSystem Door = "external system"
	// Description is the description of the REST API: for anybody who came
	// directly.
	Description Door = "description"
)

// Verdict is the answer of the judge. Code is empty when Allowed.
type Verdict struct {
	Allowed bool
	Code    problem.Code
	// Revision is the state of trust that was asked.
	Revision uint64
}

// Judge says whether c may enter door under s. Doors it does not know, and
// ExternalSystem without an ID, are closed to everybody.
func (s *Snapshot) Judge(door Door, c Caller) Verdict {
	switch door {
	case AgentService:
		if !c.Sensor.IsZero() && s.Sensor(c.Sensor) != Accepted {
			return s.refuse(problem.WrongDoor)
		}
		return s.judgeAgent(c)
	case SensorLink:
		return s.judgeSensor(c)
	case Description:
		if c.Sensor.IsZero() {
			return s.allow()
		}
		return s.refuse(problem.WrongDoor)
	default:
		return s.refuse(problem.WrongDoor)
	}
}

// judgeAgent applies the documented switch Validate Endpoint Agent TLS
// certificates: off, nobody is refused for a certificate; on, exactly the
// listed leaves come in.
func (s *Snapshot) judgeAgent(c Caller) Verdict {
	if !s.Validation {
		return s.allow()
	}
	if !c.HasLeaf() {
		return s.refuse(problem.NoCertificate)
	}
	if s.Listed(c.Leaf) {
		return s.allow()
	}
	if s.Withdrawn(c.Leaf) {
		return s.refuse(problem.Withdrawn)
	}
	return s.refuse(problem.CertificateUnknown)
}

// judgeSensor lets exactly the link identities in that an administrator
// accepted, and only those who come themselves.
func (s *Snapshot) judgeSensor(c Caller) Verdict {
	if !c.Sensor.IsZero() {
		return s.refuse(problem.WrongDoor)
	}
	if !c.HasLeaf() {
		return s.refuse(problem.NoCertificate)
	}
	switch s.Sensor(c.Leaf) {
	case Accepted:
		return s.allow()
	case Pending:
		return s.refuse(problem.Pending)
	case Rejected:
		return s.refuse(problem.Rejected)
	default:
		return s.refuse(problem.CertificateUnknown)
	}
}

func (s *Snapshot) allow() Verdict { return Verdict{Allowed: true, Revision: s.Revision} }

func (s *Snapshot) refuse(code problem.Code) Verdict {
	return Verdict{Code: code, Revision: s.Revision}
}
