package uplink

import (
	"fmt"

	"vedette/internal/acts"
	"vedette/proto/link"
)

// Look is the present link from close by. Without a link it is empty.
type Look struct {
	Lanes    []acts.Lane
	Warnings []string // sentences for a person
	Stats    link.Stats
	// PolicyRevision and Validation are of the policy that this link brought.
	PolicyRevision uint64
	Validation     bool
}

// Look is safe to call at any time.
func (u *Uplink) Look() Look {
	u.mu.Lock()
	l, carries, back := u.life, u.carrier != nil, u.past.warning()
	u.mu.Unlock()
	if l == nil {
		return Look{}
	}
	look := Look{Stats: l.link.Stats()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.policy != nil {
		look.PolicyRevision, look.Validation = l.policy.Revision, l.policy.Validation
	}
	if back != "" {
		look.Warnings = append(look.Warnings, back)
	}
	slow := make(map[string]bool)
	for i, p := range l.places {
		if p.lane == nil {
			if carries && p.err != nil {
				look.Warnings = append(look.Warnings, fmt.Sprintf("A %s lane is missing. %s", classOf(i), explain(l.turn.target.Address, p.err).detail))
			}
			continue
		}
		look.Lanes = append(look.Lanes, p.shown)
		if c := p.shown.Congestion; c != link.BBR && !slow[c] {
			slow[c] = true
			look.Warnings = append(look.Warnings, congestionWarning(c))
		}
	}
	if l.beside && carries {
		look.Warnings = append(look.Warnings, "Sensor and Central Node are on one server; only the setting unsafe_same_server lets agents through.")
	}
	return look
}

func congestionWarning(inUse string) string {
	if inUse == "" {
		inUse = "an unknown one"
	}
	return fmt.Sprintf("The kernel refused BBR as congestion control and uses %s: with lost packets the link will be far slower. "+
		"Run `modprobe tcp_bbr`, make that permanent in /etc/modules-load.d, and restart the Sensor.", inUse)
}
