package agents

import (
	"fmt"
	"net/netip"

	"vedette/internal/foreign"
	agentv1 "vedette/proto/agent/v1"
)

// checkID names the field whose id has another form than agent_id and queue_id.
func checkID(field, id string) error {
	if agentv1.ValidID(id) {
		return nil
	}
	return fmt.Errorf("%s must be 32 lower-case hexadecimal digits", field)
}

// The bounds of what is remembered of a host.
const (
	maxHostText  = 256
	maxAddresses = 64
	maxReasons   = 16
)

// describe takes over a host's own description, bounded. Addresses that do not
// parse are left out.
func (h *entry) describe(d *agentv1.Host) {
	bounded := func(s string) string { return foreign.Bounded(s, maxHostText) }
	h.Name = bounded(d.GetName())
	h.OSFamily, h.OSName, h.OSVersion = bounded(d.GetOsFamily()), bounded(d.GetOsName()), bounded(d.GetOsVersion())
	h.AgentVersion, h.Collector = bounded(d.GetAgentVersion()), bounded(d.GetCollector())
	h.Addresses = nil
	for _, text := range d.GetAddresses() {
		if a, err := netip.ParseAddr(text); err == nil && len(h.Addresses) < maxAddresses {
			h.Addresses = append(h.Addresses, a.Unmap().WithZone("").String())
		}
	}
}

// count takes over what an agent counts.
func (h *entry) count(s *agentv1.AgentState) {
	h.Suppressed = s.GetSuppressed()
	h.Dropped = nil
	for reason, n := range s.GetDropped() {
		if len(h.Dropped) == maxReasons {
			break
		}
		if h.Dropped == nil {
			h.Dropped = make(map[string]uint64)
		}
		h.Dropped[foreign.Bounded(reason, 64)] = n
	}
}
