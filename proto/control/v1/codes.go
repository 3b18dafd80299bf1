package controlv1

import "vedette/proto/link"

// The codes with which streams and links end that are no matter of the
// protocol underneath (proto/link).
const (
	// CodeNotAccepted ends a stream that came while the Sensor was not Accepted.
	CodeNotAccepted = link.FirstApplicationCode + iota
	// CodeWithdrawn ends a stream whose caller lost the right to it.
	CodeWithdrawn
	// CodeDeleted ends the link of a Sensor that an administrator deleted.
	CodeDeleted
	// CodeControl ends a link whose control messages made no sense.
	CodeControl
	// CodeStranger ends the link of a Sensor that may not even ask now: too many
	// requests wait for an administrator.
	CodeStranger
	// CodeAgent ends a stream whose agent went away or did not go on.
	CodeAgent
)
