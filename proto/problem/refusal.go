package problem

import (
	"net/http"
	"time"
)

// Refusal is what a refused identity reads, at every door: enough to know the
// next step, nothing about anybody else. A room that knows more of the caller
// may put another detail in its place.
func Refusal(code Code) *Problem {
	p := &Problem{Status: http.StatusUnauthorized, Code: code}
	switch code {
	case NoCertificate:
		p.Title = "No client certificate"
		p.Detail = "This server validates Endpoint Agent certificates. Configure the client certificate (PFX) that the administrator generated for this agent."
	case CertificateUnknown:
		p.Title = "Client certificate not on the list"
		p.Detail = "The administrator has not added this certificate to the list of Endpoint Agent certificates."
	case Withdrawn:
		p.Title = "Client certificate withdrawn"
		p.Detail = "The administrator deleted this certificate from the list. Ask for a new one."
	case Pending:
		p.Title = "Waiting for an administrator"
		p.Detail = "An administrator of this server has not decided about this request yet."
	case Rejected:
		p.Title = "Rejected by an administrator"
		p.Detail = "An administrator of this server has rejected this request."
	case CertificateChanged:
		p.Title = "Known with another certificate"
		p.Detail = "This ID is known with another certificate. An administrator of this server has to accept the new one."
	default:
		p.Title = "Not allowed here"
		p.Detail = "This identity may not use this path."
	}
	return p
}

// Full is the answer when no further connection can be let in.
func Full() *Problem {
	return &Problem{
		Title: "Too many connections", Status: http.StatusServiceUnavailable, Code: Busy,
		Detail: "This server has as many connections as it was configured for.", RetryAfter: 30 * time.Second,
	}
}
