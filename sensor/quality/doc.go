// Package quality measures a Sensor's link all the time, and judges it against
// the documented limits: packet loss by direction, round trips and jitter by
// STAMP (RFC 8762), retransmissions and delivery rate from the kernel's account
// of each lane, what agents send, and what comes in on the SPAN interfaces. It
// knows the link, the agents' door and the state file only as functions that it
// is given; it decides nothing about the traffic.
//
// # How it works
//
//	every 50 ms   one packet to the reflector          probe, ledger
//	every second  counters are read, a second is closed tally, lanes, spans
//	              windows are summed up and judged      figures, judge
//	every minute  a minute joins the last 24 hours      history
//
// Intervals are measured by the machine's monotonic clock. The wall clock only
// names minutes, so that a clock that jumps spoils no figure: minutes from a
// time that has not come yet are kept and not shown.
//
// # Parts
//
//   - quality: the room, what it is asked, what it tells
//   - probe: the socket; ledger: the fate of each packet, and on which way it
//     was lost
//   - tally, figures, histogram: seconds, and what was measured over many of them
//   - lanes, spans: counters of the kernel, as differences
//   - judge: verdicts, with hysteresis
//   - history, keeper: the last 24 hours, in memory and in the state file
//   - wire: the same for the Central Node
package quality
