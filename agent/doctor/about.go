package doctor

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"vedette/agent/policy"
	"vedette/pki"
	"vedette/proto/about"
)

// about asks a server who it is and what the configured pin is there. What it
// says is worth a hint: when it met the pin it is the server, else it may be
// anybody. The answer is zero from a server that does not know the question,
// answers badly or hangs.
//
// The connection is pinned to the certificate that was met before, so that the
// answer and the rest of the report are about one server.
func (d *doctor) about(ctx context.Context, p *policy.Policy, server string, met pki.Fingerprint) about.Answer {
	ctx, cancel := context.WithTimeout(ctx, min(p.Timeout, about.Timeout))
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", server)
	if err != nil {
		return about.Answer{}
	}
	defer raw.Close()
	config := pki.ClientConfig(pki.PinTo(met), nil)
	config.NextProtos = []string{about.ALPN}
	answer, err := about.Ask(ctx, tls.Client(raw, config), p.Pin)
	if err != nil {
		return about.Answer{}
	}
	return answer
}

// mixedUp is the fix when the pinned certificate and the one met are those of a
// Sensor and its Central Node; empty when the server does not say so.
func mixedUp(host string, a about.Answer) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	fix := ""
	switch a {
	case about.Answer{Role: about.RoleSensor, Pin: about.PinCentralNode}:
		fix = "the pin is the Central Node's, the server is a Sensor, so it says: agents of a Sensor use the Sensor's address and certificate; " +
			"download it there (sensor certificate download, or scp admin@" + host + ":ssl/kata.crt .) and add it as the pinned certificate"
	case about.Answer{Role: about.RoleCentralNode, Pin: about.PinSensor}:
		fix = "the pin is a Sensor's, the server is the Central Node, so it says: use that Sensor's address, " +
			"or download the Central Node's certificate there (centralnode certificate download) and add it as the pinned certificate"
	default:
		return ""
	}
	return fix + "; who intercepts connections could say the same, so take it from nowhere else and compare its fingerprint with the one met"
}

// elsewhere names a Sensor that does not know the pin; empty otherwise.
func elsewhere(a about.Answer) string {
	if a == (about.Answer{Role: about.RoleSensor}) {
		return "the server says that it is a Sensor, whose own certificate its agents pin; "
	}
	return ""
}
