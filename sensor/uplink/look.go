package uplink

import (
	"fmt"
	"time"

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
		look.Lanes = append(look.Lanes, p.look())
		if c := p.shown.Congestion; c != link.BBR && !slow[c] {
			slow[c] = true
			look.Warnings = append(look.Warnings, congestionWarning(c))
		}
	}
	if size := u.ways.size(l.remote); size > 0 {
		look.Warnings = append(look.Warnings, fmt.Sprintf("%s Connections to it use segments of at most %d bytes, which costs some throughput. %s", explain(l.turn.target.Address, errSwallowed).detail, size, nextMTU))
	}
	if l.beside && carries {
		look.Warnings = append(look.Warnings, "Sensor and Central Node are on one server; only the setting unsafe_same_server lets agents through.")
	}
	return look
}

// idleAfter is how long after it last sent a lane's round trip and rate are not
// those of now any more.
const idleAfter = 10 * time.Second

// look is what is shown of a lane, and what the kernel says of it now.
func (p *place) look() acts.Lane {
	shown := p.shown
	if t, ok := p.lane.TCP(); ok {
		inspected(&shown, t)
	}
	return shown
}

func inspected(shown *acts.Lane, t link.TCP) {
	shown.Segments, shown.Retransmitted = t.Segments, t.Retransmitted
	if shown.Idle = t.Idle > idleAfter; !shown.Idle {
		shown.RTT, shown.DeliveryRate = t.RTT, t.DeliveryRate
	}
}

func congestionWarning(inUse string) string {
	if inUse == "" {
		inUse = "an unknown one"
	}
	return fmt.Sprintf("The kernel refused BBR as congestion control and uses %s: with lost packets the link will be far slower. "+
		"Run `modprobe tcp_bbr`, make that permanent in /etc/modules-load.d, and restart the Sensor.", inUse)
}
