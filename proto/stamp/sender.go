package stamp

import (
	"sync"
	"time"
)

// maxUnderway is of how many packets a Sender knows that they are under way:
// at 20 a second those of the last 51 s.
const maxUnderway = 1024

// Session is what both ends know of a test session.
type Session struct {
	ID  uint16    // the SSID of RFC 8972, by which packets name their key
	Key *[32]byte // of HMAC-SHA-256; nil: unauthenticated mode
}

// Answer is what a Sender learns from a packet that came back.
type Answer struct {
	// Sequence is the number of the packet that is answered; the first has 0.
	Sequence uint32
	// Reflected is the reflector's own number: of this session it answered as
	// many before. A reflector without state says Sequence again.
	Reflected uint32
	// RoundTrip is the time on the way, by the Sender's clock, without Dwell.
	RoundTrip time.Duration
	// Dwell is the reflector's own time, by its clock. It is zero where that
	// clock says what cannot be: less than nothing, or more than the whole.
	Dwell time.Duration
}

// Sender makes the packets of a session, and reads what comes back. Its methods
// may be called by several goroutines.
type Sender struct {
	session Session

	mu       sync.Mutex // guards what follows
	mac      *mac       // nil: unauthenticated mode
	next     uint32
	accuracy accuracy
	underway [maxUnderway]underway
}

// underway is a packet that was sent.
type underway struct {
	waits    bool // for its answer
	sequence uint32
	stamp    uint64
	at       time.Time
}

// NewSender begins a session. The key is copied.
func NewSender(s Session) *Sender {
	sender := &Sender{session: Session{ID: s.ID}}
	if s.Key != nil {
		sender.mac = newMAC(s.Key)
	}
	return sender
}

// Next writes the next packet into buf[:0], where there is room, to be sent
// now: 112 octets, or 44 in unauthenticated mode. Only its own clock is compared
// with now, so a monotonic one measures best.
func (s *Sender) Next(buf []byte, now time.Time) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	sequence, stamp, accuracy := s.next, timestamp(now), s.accuracy.at(now)
	s.next++
	s.underway[sequence%maxUnderway] = underway{true, sequence, stamp, now}
	if s.mac == nil {
		p := blank(buf, UnauthenticatedLen)
		wire.PutUint32(p[openSequence:], sequence)
		wire.PutUint64(p[openTimestamp:], stamp)
		wire.PutUint16(p[openError:], accuracy)
		wire.PutUint16(p[openSSID:], s.session.ID)
		return p
	}
	p := blank(buf, AuthenticatedLen)
	wire.PutUint32(p[authSequence:], sequence)
	wire.PutUint64(p[authTimestamp:], stamp)
	wire.PutUint16(p[authError:], accuracy)
	wire.PutUint16(p[authSSID:], s.session.ID)
	s.mac.seal(p)
	return p
}

// Answer reads a packet that came at now. False: it has another length, HMAC or
// session, or it answers nothing that is under way (any more).
func (s *Sender) Answer(packet []byte, now time.Time) (a Answer, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.read(packet)
	if !ok {
		return a, false
	}
	u := &s.underway[r.sequence%maxUnderway]
	if !u.waits || u.sequence != r.sequence || u.stamp != r.stamp {
		return a, false
	}
	u.waits = false
	whole := max(now.Sub(u.at), 0)
	dwell := between(r.received, r.sent, r.accuracy&ptpFormat != 0)
	if dwell < 0 || dwell > whole {
		dwell = 0
	}
	return Answer{Sequence: r.sequence, Reflected: r.own, RoundTrip: whole - dwell, Dwell: dwell}, true
}

// reflected is what a reflector wrote.
type reflected struct {
	own, sequence  uint32 // its number, and that of the packet it answers
	stamp          uint64 // of that packet
	received, sent uint64
	accuracy       uint16
}

func (s *Sender) read(p []byte) (r reflected, ok bool) {
	if s.mac == nil {
		if len(p) != UnauthenticatedLen || wire.Uint16(p[openSSID:]) != s.session.ID {
			return r, false
		}
		return reflected{
			own: wire.Uint32(p[openSequence:]), sequence: wire.Uint32(p[openHisSequence:]), stamp: wire.Uint64(p[openHisTime:]),
			received: wire.Uint64(p[openReceived:]), sent: wire.Uint64(p[openTimestamp:]), accuracy: wire.Uint16(p[openError:]),
		}, true
	}
	if len(p) != AuthenticatedLen || wire.Uint16(p[authSSID:]) != s.session.ID || !s.mac.right(p) {
		return r, false
	}
	return reflected{
		own: wire.Uint32(p[authSequence:]), sequence: wire.Uint32(p[authHisSequence:]), stamp: wire.Uint64(p[authHisTime:]),
		received: wire.Uint64(p[authReceived:]), sent: wire.Uint64(p[authTimestamp:]), accuracy: wire.Uint16(p[authError:]),
	}, true
}
