package admin

import (
	"crypto/x509"
	"strings"
	"time"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/pki"
)

// nextStep tells an administrator what to do about an external system now;
// others are those of its ID with another certificate, the accepted first.
func nextStep(s acts.ExternalSystem, others []store.ExternalSystem, now time.Time) string {
	check := "GET /kata/scanner/v1/sensors/" + s.ID + "/connection"
	known := len(others) > 0 && others[0].State == store.Accepted
	switch s.State {
	case acts.Pending:
		switch {
		case known:
			return "This ID is accepted with another certificate: ask the administrator of the external system whether it was replaced. If so, compare the fingerprint and accept this one, then delete the other; if not, reject this one."
		case s.Changed:
			return "This ID was known with another certificate: ask the administrator of the external system whether it was replaced, compare the fingerprint, then accept or reject the request."
		}
		return "Compare the fingerprint with the certificate that the external system uses, then accept or reject the request."
	case acts.Rejected:
		return "It is refused. Accept it to let it in; delete it to let it ask anew."
	}
	warning, soon := expiry(s, now)
	switch {
	case s.LastCall.Before(s.Decided):
		return "No call has come since that was decided: have its administrator check the connection from there (" + check + ")."
	case !s.LastErrorAt.IsZero() && !s.LastErrorAt.Before(s.LastCall):
		// The whole of it stands beside, as the last error.
		word, _, _ := strings.Cut(s.LastError, ": ")
		return "Its last call was answered with the error " + word + ": have its administrator check the connection from there (" + check + ")."
	case soon:
		return warning + " That cuts it off nowhere here; with a new certificate it asks anew."
	case known:
		return "The connection works. The same ID is accepted with another certificate too: delete the one that is no longer used."
	}
	return "The connection works: there is nothing to do."
}

// expiry says when the certificate of an external system deserves a word; its
// dates cut nobody.
func expiry(s acts.ExternalSystem, now time.Time) (string, bool) {
	w, soon := pki.ExpiryWarning(&x509.Certificate{NotAfter: s.NotAfter}, now)
	return w.Text, soon && w.Days <= 30
}
