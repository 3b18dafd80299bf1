package acts

import "vedette/pki"

// Preview says what an act will do before it is done. Revision is the state it
// was computed from: the act refuses with Stale when that state has changed.
type Preview struct {
	Act          string        `json:"act"`
	Lines        []string      `json:"lines"` // what will happen, a sentence a line
	Consequences []Consequence `json:"consequences,omitempty"`
	Revision     uint64        `json:"revision"`
	// Asks is true when the act wants a person's confirmation.
	Asks bool `json:"asks"`
	// Fingerprint is of a certificate that the person has to compare. The act is
	// given it back, so that it trusts exactly what was shown.
	Fingerprint pki.Fingerprint `json:"fingerprint,omitzero"`
	// Lost are the names of the server certificate in use that its successor does
	// not have. Lines say so, too.
	Lost []string `json:"lost,omitempty"`
}

// Consequence is one documented effect of an act, with today's number.
type Consequence struct {
	Text  string `json:"text"`
	InUse bool   `json:"in_use"` // false: the product has no counterpart in use here
	Count int    `json:"count"`  // how many are concerned today
	// Who names some of them, as a person knows them.
	Who []string `json:"who,omitempty"`
}
