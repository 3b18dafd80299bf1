package gateway

import (
	"crypto/tls"
	"errors"
	"net/http"

	"vedette/pki"
	"vedette/proto/problem"
)

// maxUnfit bounds what is kept of a stranger's certificates only to tell what is
// wrong with them, in bytes of DER.
const maxUnfit = 32 << 10

// unfitLater lets the handshake of a caller who speaks HTTP succeed when its leaf
// is one that pki.CheckLeaf refuses: an alert could not say what is wrong, the
// answer to its first request can. Everything else is refused as strict does.
func unfitLater(strict func(tls.ConnectionState) error) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		err := strict(cs)
		if _, unfit := errors.AsType[*pki.RuleError](err); !unfit || cs.NegotiatedProtocol != "" && cs.NegotiatedProtocol != http1 {
			return err
		}
		size := 0
		for _, c := range cs.PeerCertificates {
			size += len(c.Raw)
		}
		if size > maxUnfit {
			return err
		}
		return nil
	}
}

// refuseUnfit answers a caller whose leaf proves nothing here, whatever it asks
// for and whether or not certificates are validated.
func (g *Gateway) refuseUnfit(w http.ResponseWriter, r *http.Request, c *conn) {
	p := problem.Refusal(problem.CertificateUnknown)
	p.Title, p.Detail = "Client certificate not usable", "The client certificate cannot be used here: "+c.unfit.Error()+"."
	if rule, ok := errors.AsType[*pki.RuleError](c.unfit); ok && rule.Hint != "" {
		p.Detail += " Next step: " + rule.Hint + "."
	}
	defer g.farewell(w, r, p)
	g.refusals.add("", p.Code)
	g.door.Log().Info("caller refused", "code", p.Code, "remote", c.caller.Remote.Addr().String(), "leaf", c.caller.Leaf.String(), "reason", c.unfit.Error())
}
