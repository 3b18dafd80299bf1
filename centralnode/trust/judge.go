package trust

import "vedette/proto/problem"

// Door is what a caller asks for. Paths that lead to no door are nobody's.
type Door string

// The doors of :443.
const (
	// AgentService is Sync and SendEvents.
	AgentService Door = "agent service"
)

// Verdict is the answer of the judge. Code is empty when Allowed.
type Verdict struct {
	Allowed bool
	Code    problem.Code
	// Revision is the state of trust that was asked.
	Revision uint64
}

// Judge says whether c may enter door under s. Doors it does not know are
// closed to everybody.
func (s *Snapshot) Judge(door Door, c Caller) Verdict {
	switch door {
	case AgentService:
		return s.judgeAgent(c)
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

func (s *Snapshot) allow() Verdict { return Verdict{Allowed: true, Revision: s.Revision} }

func (s *Snapshot) refuse(code problem.Code) Verdict {
	return Verdict{Code: code, Revision: s.Revision}
}
