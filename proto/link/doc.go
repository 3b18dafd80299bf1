// Package link is the protocol between a Sensor and its Central Node: many streams over a few lanes, both ends.
//
// This file grows with the package; proto/SPEC.md describes the wire.
package link
