// Package uplink keeps a Sensor's link to its Central Node: it dials, proves
// who the Sensor is, waits until an administrator of the Central Node has
// accepted it, puts the Central Node's policy in force, and then carries
// agents' connections as streams. It says at any time how all this stands, in
// words for a person and in a refusal for agents. It knows no agents and no
// administration.
//
// # How a link comes about
//
//	Point ── dial, TLS 1.3, pin ── one small lane ── Introduction ─► Authorisation
//	                                                                     │ Accepted
//	                        Open works ◄── PolicyTaken ◄── Apply ◄── policy
//
// Nothing is sent to a server that shows another certificate than a pinned
// one. Until the Sensor is Accepted the one lane stays, for news; then lanes are
// completed to two small and two bulk ones and kept. A link that ends, for
// whatever reason, is followed by another one.
//
// # Parts
//
//   - uplink: the Central Node in force, and links to it one after the other
//   - life, control, lanes: one link from its first lane to its end
//   - dial, pins, probe: connections, and which certificates are accepted
//   - fault, backoff: why there is no link, for a person; when to try again
//   - measure: what the link may be measured with, and what was found of it
//   - state, refusal, look: what others are told
package uplink
