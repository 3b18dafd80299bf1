// Package stamp is the Simple Two-way Active Measurement Protocol (RFC 8762):
// the packets, a Session-Sender and a Session-Reflector, without sockets and
// without knowledge of who measures what. proto/SPEC.md says how a Sensor and
// its Central Node use it.
//
// # What of the RFCs is here
//
//   - Authenticated mode (sections 4.2.2, 4.3.2 and 4.4 of RFC 8762): packets of
//     112 octets, whose last 16 are HMAC-SHA-256 over the 96 before, cut to 128
//     bits. The reflector is stateful: it numbers its answers by itself, so that
//     losses are known by direction.
//   - Unauthenticated mode (sections 4.2.1 and 4.3.1): packets of 44 octets. The
//     reflector is stateless and repeats the sender's number. It serves the
//     addresses that it was told, for the senders of others.
//   - The session identifier (SSID) of RFC 8972, section 3, by which an
//     authenticated packet names its key.
//   - Timestamps in the 64-bit format of NTP. Those of others may also be in that
//     of PTP (RFC 8186), which their Error Estimate says.
//   - The Error Estimate (RFC 4656, section 4.1.2) as the kernel gives it: S is
//     set only while the clock is synchronised.
//
// # What is not
//
//   - The TLVs of RFC 8972. A reflector without them answers with the base packet,
//     which is what this one does in unauthenticated mode, also to packets that
//     are longer; in authenticated mode another length is not answered.
//   - Packets of less than 44 octets, such as those of TWAMP Light without
//     padding (section 4.6): a reply would be larger than what it answers.
//   - One-way delays: clocks that nobody has compared say nothing of them. Round
//     trips need no clock but the sender's.
//
// # What a stranger may cost
//
// A reply is never larger than the packet, and goes nowhere but to an address
// that has a session. A packet's length, session and address are compared before
// its HMAC is computed, which costs the most of all; the HMAC is compared in
// constant time, before anything else in the packet is looked at; nothing is
// allocated for packets of either mode's sessions. Each number of a session is
// answered once, and at most 100 packets of a session a second are.
package stamp
