// Package proxy is the Sensor's door for Endpoint Agents. It terminates their
// TLS and carries each connection as one stream of the link to the Central
// Node. What flows is not interpreted; identity is fixed when the stream opens,
// and the Central Node judges it again.
//
// # Who is not carried
//
// While the link carries nobody, and whenever the policy in force refuses the
// caller, a tiny HTTP server answers with the reason; the Central Node is not
// troubled. Until an agent has sent its first bytes it is a stranger
// (internal/door) and has no stream.
//
// # Withdrawal without a race
//
// A connection is indexed first and judged second. Apply puts a policy in force
// first and cuts second. So a connection that comes while a policy does is
// either cut by Apply or judged by its policy, and no byte of a refused agent is
// forwarded after Apply has returned.
//
// # Ends
//
// An agent's close_notify ends its direction of the stream, and the other way
// round. Everything else is a cut, and is one on both sides: an agent's TCP that
// ends without close_notify resets the stream; a stream that was reset, or
// whose link ended, cuts the agent without close_notify.
package proxy
