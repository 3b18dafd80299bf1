// Package sensors is the Central Node's end of the Sensor link. It takes lanes
// in, keeps the requests of Sensors that want to join, tells each Sensor how it
// stands and which agents may come in, and makes callers of the streams of
// those that are Accepted.
//
// # Requests
//
// A link identity that nobody knows makes one Pending request, which waits for
// an administrator. At most 100 wait in all, and 8 from one address (IPv6: one
// /64); beyond that a link ends with CodeStranger. A request is written once:
// whoever comes again and again costs no write.
//
// A rejected Sensor stays Rejected, however often it connects. It asks again
// with another Introduction.request, which is drawn when its administrator
// confirms the Central Node once more: then it is Pending again, at most once a
// minute. An Accepted Sensor stays Accepted whatever it draws. A Sensor that
// was deleted is not known any more: when it comes again it makes a new
// request.
//
// # What a Sensor may do
//
// Until a Sensor is Accepted it is a stranger: it keeps one lane, which makes
// room when strangers crowd the door, and each stream that it opens is reset
// before a byte of it is read. So it is with a Sensor on the Central Node's own
// server, where a Sensor is no proxy. The leaf of a carried agent is computed
// here from the certificate that the stream brought; what is no certificate, or
// not one that may be an identity, resets the stream. That the Sensor has seen
// the agent prove its key is the Sensor's word (docs/security.md).
//
// # Policies
//
// Each link has one sender. It compares what the Sensor was told with what is
// in force and sends the difference, so the newest policy always wins and
// messages of two policies never mix. An act waits 5 s for the Sensors and names
// those that are late. On a slow line a long list takes longer than that, which
// costs no agent its connection: nothing is taken against the policy, whatever
// the Sensor lets in. A link ends only when its Sensor reads nothing, or does not
// answer what it has read, for a minute.
//
// # Measuring
//
// An Accepted Sensor is given a session at the reflector, with a key for this
// link alone. The session ends with the link, or before a decision against the
// Sensor returns, whichever is first. What a Sensor finds of its link is foreign:
// it is brought within what can be where it is taken. Its minutes of the last 24
// hours are kept in memory, 113 KiB at most; the Sensor has them on disk and says
// them again on the next link.
package sensors
