// Package capacity measures what a Sensor link carries, on one stream of it: both ends of `link test`. It knows no
// administration, no agents and no clock but the machine's; proto/SPEC.md describes the wire.
//
// # The conversation
//
//	Sensor         Request ─►                      direction, duration, rate
//	Central Node           ◄─ Answer               go, or why not
//	sender         Data... End ─►                  filler, paced
//	receiver               ◄─ Report... Report     bytes that have come, and when; the last one after End
//
// The sender is the Sensor, or the Central Node when the way back is tested. Every message has a bounded length, and
// each end gives up at a time of its own: answerTime for the answer, the duration and graceTime for the rest.
//
// # Not at the cost of others
//
// The stream is bulk data of an owner of its own, so the link's fair queue gives it at most one agent's part. Beyond that
// the sender looks for the rate that just fills the channel and no higher one: it bounds what the whole link has under way, agents'
// bytes included, by what the channel holds and a little more (pace.go). Agents that fill the channel themselves leave the
// test no room; what they send then counts for the channel's capacity beside what the test did. Others, outside of the
// link, who filled the channel before are left nearly all that they had, and the result is a least (crowd.go).
//
// # The result
//
// The receiver says every 20 ms how much has come. The rate is the mean over the best stretch of half of the test or more,
// taken so that what was held up on the way is not taken for the speed of the channel (result.go). What agents sent is that of
// the same stretch.
package capacity
