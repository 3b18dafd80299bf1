// Package scanner is the documented REST API by which external systems submit
// objects, read and delete verdicts, and read alerts: everything below
// /kata/scanner/v1/sensors/{system} but the check of the connection. The contract
// is proto/openapi.
//
// Who calls is known before a handler runs (package external); scanning and
// alerts are rooms of their own. This package reads what was sent, strictly and
// within bounds, and puts what comes of it into the documented words.
//
// # An upload
//
// An object goes from the connection to the spool through one small buffer. Its
// fields may come before or after it. What is not the object has one bound for
// all of it (32 KiB): boundaries, headers of parts, fields, and whatever stands
// before the first part and behind the last one. Nothing is taken before the end
// of the body was seen, so what was cut on the way is never half an object.
//
// The caller may have been withdrawn while it sent. So the right to submit is
// asked for again right before the object becomes durable, and held until it is.
//
// Whoever is refused while it still sends gets the answer at once, and is
// listened to for a while longer: closing a connection on somebody who sends can
// take the answer away.
package scanner
