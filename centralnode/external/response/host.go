package response

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/agents"
	"vedette/internal/foreign"
	"vedette/proto/problem"

	agentv1 "vedette/proto/agent/v1"
)

// sensor is a host with an Endpoint Agent, as documented.
type sensor struct {
	SensorID            string    `json:"sensorId"`
	HostIP              string    `json:"hostIp,omitempty"`
	Host                string    `json:"host,omitempty"` // what the parameter host compares
	LastAccessTimestamp time.Time `json:"lastAccessTimestamp"`
	Version             string    `json:"version,omitempty"` // of the agent
	// SelfDefenseState is false: the agent has no defence of its own.
	SelfDefenseState bool   `json:"selfDefenseState"`
	OSFamily         string `json:"osFamily,omitempty"`
	OSName           string `json:"osName,omitempty"`
	// Capabilities name what the agent can do for this API.
	Capabilities []string `json:"capabilities"`
}

// sensorList is the answer of sensors.
type sensorList struct {
	Server  serverVersion `json:"server"`
	Sensors []sensor      `json:"sensors"`
}

type serverVersion struct {
	Version string `json:"version"`
}

// sensors lists the hosts that match all that is given.
func (a *API) sensors(w http.ResponseWriter, r *http.Request, q query) *problem.Problem {
	name, bad := q.one("host")
	if bad != nil {
		return bad
	}
	id, bad := q.one("sensor_id")
	if bad != nil {
		return bad
	}
	text, bad := q.one("ip")
	if bad != nil {
		return bad
	}
	var ip netip.Addr
	if text != "" {
		var err error
		if ip, err = netip.ParseAddr(text); err != nil {
			return badRequest("ip must be one IP address.")
		}
		ip = ip.Unmap()
	}
	hosts, bad := a.hosts(r.Context())
	if bad != nil {
		return bad
	}
	list := sensorList{Server: serverVersion{a.c.Version}, Sensors: []sensor{}}
	for _, h := range hosts {
		if (name == "" || h.Name == name) && (id == "" || h.AgentID == agentID(id)) && (text == "" || hasAddress(h, ip)) {
			list.Sensors = append(list.Sensors, describe(h))
		}
	}
	return answer(w, list)
}

// hosts copies the table.
func (a *API) hosts(ctx context.Context) ([]agents.Host, *problem.Problem) {
	if a.lookups.Enter(ctx) != nil {
		return nil, unavailable() // which nobody reads: the caller has gone
	}
	defer a.lookups.Leave()
	return a.c.Hosts.Hosts(), nil
}

// known reports whether there is a host with an ID.
func (a *API) known(ctx context.Context, id string) *problem.Problem {
	hosts, bad := a.hosts(ctx)
	if bad != nil {
		return bad
	}
	id = agentID(id)
	if !slices.ContainsFunc(hosts, func(h agents.Host) bool { return h.AgentID == id }) {
		return notFound("No such host", "No host with this sensor_id is known. The answer of sensors lists those that are.")
	}
	return nil
}

// agentID is the agent's id that a caller means: its 32 digits, or the same as
// a UUID. What is neither comes back as it is and is nobody's.
func agentID(s string) string {
	digits := s
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		digits = s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	}
	if digits = strings.ToLower(digits); agentv1.ValidID(digits) {
		return digits
	}
	return s
}

// hasAddress reports whether a host has an address: one that it told, or the one
// that it was seen from.
func hasAddress(h agents.Host, ip netip.Addr) bool {
	is := func(text string) bool {
		a, err := netip.ParseAddr(text)
		return err == nil && a.Unmap().WithZone("") == ip.WithZone("")
	}
	return is(h.Remote) || slices.ContainsFunc(h.Addresses, is)
}

// describe gives a host its documented form.
func describe(h agents.Host) sensor {
	return sensor{
		SensorID: h.AgentID, HostIP: address(h), Host: foreign.Line(h.Name), LastAccessTimestamp: h.Last.UTC().Truncate(time.Second),
		Version: foreign.Line(h.AgentVersion), OSFamily: foreign.Line(h.OSFamily), OSName: foreign.Line(h.OSName), Capabilities: []string{},
	}
}

// address is the one to show: that which the host is seen from, unless what it
// tells of itself says that this is somebody between.
func address(h agents.Host) string {
	if slices.Contains(h.Addresses, h.Remote) {
		return h.Remote
	}
	for _, text := range h.Addresses {
		if a, err := netip.ParseAddr(text); err == nil && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			return text
		}
	}
	return h.Remote
}
