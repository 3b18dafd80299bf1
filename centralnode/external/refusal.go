package external

import (
	"errors"
	"net/http"
	"time"

	"vedette/pki"
	"vedette/proto/problem"
)

// refusal is what an external system reads that may not enter: the next step,
// its own certificate to compare, and nothing about anybody else.
func refusal(code problem.Code, own pki.Fingerprint) *problem.Problem {
	p := problem.Refusal(code)
	certificate := " The SHA-256 fingerprint of the certificate that you showed is " + own.String() + "."
	switch code {
	case problem.NoCertificate:
		p.Detail = "External systems prove who they are with a client certificate that they make themselves. Show one (with curl: --cert and --key); the first call with it asks for the integration."
	case problem.Pending:
		p.Detail = "The request to integrate waits for an administrator of this server to accept it. Call again later; once a minute is soon enough." + certificate
	case problem.CertificateChanged:
		p.Detail = "This ID is known here with another certificate. An administrator of this server has to accept this certificate as a new request. If you did not change the certificate, use an ID of your own." + certificate
	case problem.Rejected:
		p.Detail = "An administrator of this server has rejected this ID with this certificate. It is asked again only with another certificate, or after the administrator has deleted the rejected request." + certificate
	case problem.WrongDoor:
		p.Detail = "External systems connect to the Central Node itself, not through a Sensor."
	}
	return p
}

// notAsked is what a caller reads whose request was not made.
func notAsked(err error) *problem.Problem {
	if errors.Is(err, errCrowded) {
		p := problem.Refusal(problem.CertificateUnknown)
		p.Title = "Not known, and no request was made"
		p.Detail = "Too many requests to integrate wait for an administrator of this server. Ask the administrator to decide about them, then call again."
		return p
	}
	return &problem.Problem{
		Title: "The request to integrate cannot be kept now", Status: http.StatusServiceUnavailable, Code: problem.StorageFull,
		Detail: "This server cannot write at the moment. Call again later.", RetryAfter: 30 * time.Second,
	}
}
