// Package about is one question to whoever answers on the agents' port: who are you, and do you know this fingerprint?
// It exists for people who pinned the wrong one of two certificates: an agent behind a Sensor pins the Sensor's, an
// agent without a Sensor the Central Node's, and the difference cannot be seen from outside.
//
// A connection with this ALPN carries one question and one answer of fixed sizes. The answer tells the role of the
// server and, for a fingerprint that the asker has already, whose it is here. It proves nothing and nothing may be
// decided by it: it is a hint for a person, from somebody who may lie. proto/SPEC.md describes the wire.
package about
