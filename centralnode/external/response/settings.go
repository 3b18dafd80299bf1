package response

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"

	"vedette/proto/problem"
)

// capability is something that an agent can do for this API.
type capability string

// The capabilities, by the words of the documented parameters.
const (
	networkIsolation capability = "network_isolation"
	prevention       capability = "prevention"
	runProcess       capability = "run_process"
)

// allHosts is the sensor_id that means every host.
const allHosts = "all"

// Isolation ends by itself after 1 to 9,999 hours, given in seconds.
const (
	leastIsolation = 3600
	mostIsolation  = 9999 * 3600
)

// notSupported is the answer to what no host can do yet.
func notSupported(c capability) *problem.Problem {
	return &problem.Problem{
		Title: "The Endpoint Agent cannot do this", Status: http.StatusBadRequest, Code: problem.NotSupported,
		Detail: fmt.Sprintf("The request is well-formed, but the capability %s is missing: Endpoint Agents do not have it yet. In the answer of sensors, capabilities lists what each has.", c),
	}
}

// about reads whom and what settings are about.
func (q query) about() (id string, what capability, bad *problem.Problem) {
	text, bad := q.required("settings_type")
	if bad != nil {
		return "", "", bad
	}
	switch text {
	case "network_isolation", "network_izolation": // some documented pages spell it so
		what = networkIsolation
	case "prevention":
		what = prevention
	default:
		return "", "", badRequest("settings_type must be network_isolation or prevention.")
	}
	if id, bad = q.required("sensor_id"); bad == nil && id == allHosts && what != prevention {
		bad = badRequest("Network isolation is for one host: sensor_id may be all for prevention only.")
	}
	return id, what, bad
}

// readSettings reads or deletes settings, of which there are none.
func (a *API) readSettings(_ http.ResponseWriter, r *http.Request, q query) *problem.Problem {
	id, what, bad := q.about()
	if bad == nil && id != allHosts {
		bad = a.known(r.Context(), id)
	}
	if bad == nil {
		bad = notFound("No such settings", fmt.Sprintf("There are no settings of %s.", what))
	}
	return bad
}

// setSettings checks settings that no agent can follow yet.
func (a *API) setSettings(_ http.ResponseWriter, r *http.Request, q query) *problem.Problem {
	id, what, bad := q.about()
	if bad != nil {
		return bad
	}
	if what == networkIsolation {
		bad = checkBody[isolationBody](r.Body, maxBody)
	} else {
		bad = checkBody[preventionBody](r.Body, maxPreventionBody)
	}
	if bad == nil && id != allHosts {
		bad = a.known(r.Context(), id)
	}
	if bad == nil {
		bad = notSupported(what)
	}
	return bad
}

// isolationBody isolates a host from the network.
type isolationBody struct {
	Settings *struct {
		AutoTurnoffTimeoutInSec *int64          `json:"autoTurnoffTimeoutInSec"`
		ExcludedRules           []exclusionBody `json:"excludedRules"`
	} `json:"settings"`
}

func (b isolationBody) check() string {
	switch s := b.Settings; {
	case s == nil:
		return "settings is missing"
	case s.AutoTurnoffTimeoutInSec == nil:
		return "settings.autoTurnoffTimeoutInSec is missing"
	case *s.AutoTurnoffTimeoutInSec < leastIsolation || *s.AutoTurnoffTimeoutInSec > mostIsolation:
		return fmt.Sprintf("settings.autoTurnoffTimeoutInSec must be 1 to 9999 hours, in seconds: %d to %d", leastIsolation, mostIsolation)
	default:
		for i, e := range s.ExcludedRules {
			if what := e.check(); what != "" {
				return fmt.Sprintf("settings.excludedRules[%d].%s", i, what)
			}
		}
	}
	return ""
}

// exclusionBody is traffic that isolation leaves alone.
type exclusionBody struct {
	Direction         string     `json:"direction"`
	Protocol          *int64     `json:"protocol"`
	RemoteIPv4Address string     `json:"remoteIpv4Address"`
	RemoteIPv6Address string     `json:"remoteIpv6Address"`
	RemotePortRange   *portsBody `json:"remotePortRange"`
	LocalPortRange    *portsBody `json:"localPortRange"`
}

func (b exclusionBody) check() string {
	switch b.Direction {
	case "", "inbound", "outbound", "both": // both is the default
	default:
		return "direction must be inbound, outbound or both"
	}
	if b.Protocol != nil && (*b.Protocol < 0 || *b.Protocol > 255) {
		return "protocol must be the number of an IP protocol, 0 to 255"
	}
	if a, err := netip.ParseAddr(b.RemoteIPv4Address); b.RemoteIPv4Address != "" && (err != nil || !a.Is4()) {
		return "remoteIpv4Address must be one IPv4 address"
	}
	if a, err := netip.ParseAddr(b.RemoteIPv6Address); b.RemoteIPv6Address != "" && (err != nil || !a.Is6()) {
		return "remoteIpv6Address must be one IPv6 address"
	}
	if !b.RemotePortRange.ok() {
		return "remotePortRange must have fromPort and toPort, 0 to 65535 and in this order"
	}
	if !b.LocalPortRange.ok() {
		return "localPortRange must have fromPort and toPort, 0 to 65535 and in this order"
	}
	return ""
}

// portsBody is a range of ports, both ends included.
type portsBody struct {
	FromPort *int64 `json:"fromPort"`
	ToPort   *int64 `json:"toPort"`
}

func (b *portsBody) ok() bool {
	return b == nil || b.FromPort != nil && b.ToPort != nil && 0 <= *b.FromPort && *b.FromPort <= *b.ToPort && *b.ToPort <= 65535
}

// preventionBody keeps files from running.
type preventionBody struct {
	Settings *struct {
		Objects []struct {
			File *fileBody `json:"file"`
		} `json:"objects"`
	} `json:"settings"`
}

func (b preventionBody) check() string {
	switch {
	case b.Settings == nil:
		return "settings is missing"
	case len(b.Settings.Objects) == 0:
		return "settings.objects must name at least one file"
	}
	for i, o := range b.Settings.Objects {
		if o.File == nil {
			return fmt.Sprintf("settings.objects[%d].file is missing", i)
		}
		if what := o.File.check(); what != "" {
			return fmt.Sprintf("settings.objects[%d].file%s", i, what)
		}
	}
	return ""
}

// fileBody is a file by what it holds.
type fileBody struct {
	SHA256 string `json:"sha256"`
	MD5    string `json:"md5"`
}

func (b fileBody) check() string {
	switch {
	case b.SHA256 == "" && b.MD5 == "":
		return " must have sha256 or md5"
	case b.SHA256 != "" && !isHex(b.SHA256, 64):
		return ".sha256 must have 64 hexadecimal digits"
	case b.MD5 != "" && !isHex(b.MD5, 32):
		return ".md5 must have 32 hexadecimal digits"
	}
	return ""
}

func isHex(s string, digits int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b)*2 == digits
}
