// Package policy holds what an Endpoint Agent is told to do: where to connect
// and how to prove itself, and which events are worth sending.
//
// Settings come in three layers: defaults, the policy file of whoever manages
// the host, and local settings that the documented command line writes. Where
// the policy file says under_policy = true, it wins and local changes are
// refused; otherwise it only sets defaults and local settings win.
//
// The keys have the meanings and defaults of the documented product:
// integration is off until enabled, port 443, timeout 10 s, sync period 5 min
// (1 to 60), TTL off with 1440 min, throttling on with 3000 events an hour and
// 15 % excess for each event type (5 to 100).
//
// Exactly one server certificate is pinned. Adding another replaces it, and a
// file that holds several is refused.
package policy
