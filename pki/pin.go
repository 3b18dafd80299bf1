package pki

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// PinCheck accepts (nil) or refuses the leaf that a server has shown. It runs on every connection, resumed or not.
type PinCheck func(Fingerprint) error

// PinTo accepts exactly the given fingerprints; none given, nothing is accepted. A refusal is a *PinMismatch.
func PinTo(expected ...Fingerprint) PinCheck {
	expected = slices.Clone(expected)
	return func(met Fingerprint) error {
		if !met.IsZero() && slices.Contains(expected, met) {
			return nil
		}
		return &PinMismatch{Expected: slices.Clone(expected), Met: met}
	}
}

// PinMismatch says that a server showed another certificate than the pinned one: it was replaced, or somebody stands
// in between. Find it in an error of crypto/tls, net/http or a dialler by errors.As.
type PinMismatch struct {
	Expected []Fingerprint
	Met      Fingerprint
	Cert     *x509.Certificate // what the server showed; nil when it showed none
}

func (e *PinMismatch) Error() string {
	if len(e.Expected) == 0 {
		return fmt.Sprintf("server certificate %s: no certificate is pinned", e.Met)
	}
	texts := make([]string, len(e.Expected))
	for i, f := range e.Expected {
		texts[i] = f.String()
	}
	return fmt.Sprintf("server certificate %s is not the pinned one: expected %s", e.Met, strings.Join(texts, " or "))
}
