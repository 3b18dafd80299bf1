package stamp

import (
	"net/netip"
	"sync"
	"time"
)

// Refusal is why a packet is not answered.
type Refusal uint8

// Refusals, by the first rule that was broken.
const (
	NotRefused     Refusal = iota
	WrongLength            // it is no packet of a known session's mode
	UnknownSession         // nobody has its SSID
	WrongAddress           // its session belongs to another address
	WrongMAC               // its HMAC is wrong
	Replayed               // it came before, or long after others
	TooMany                // of its session or address
	refusals
)

// String names a refusal as metrics do.
func (r Refusal) String() string {
	names := [refusals]string{"none", "length", "session", "address", "mac", "replay", "rate"}
	if r >= refusals {
		return "unknown"
	}
	return names[r]
}

// Refusals lists all that there are.
func Refusals() []Refusal {
	all := make([]Refusal, 0, refusals-1)
	for r := NotRefused + 1; r < refusals; r++ {
		all = append(all, r)
	}
	return all
}

// Counts are since a Reflector was made.
type Counts struct {
	Reflected uint64
	refused   [refusals]uint64
}

// Refused is how many packets were refused for a reason.
func (c Counts) Refused(why Refusal) uint64 { return c.refused[min(why, refusals-1)] }

// Arrival is what is known of a packet beside its octets.
type Arrival struct {
	From netip.AddrPort
	At   time.Time // when it came
	TTL  uint8     // that it came with, or the hop limit
}

// noTTL is what a reflector writes that does not know the TTL.
const noTTL = 255

// Reflector answers packets. In authenticated mode it keeps a counter for each
// session; in unauthenticated mode it keeps nothing of a packet. Its methods may
// be called by several goroutines.
type Reflector struct {
	open []netip.Prefix // who may come without a key

	mu        sync.Mutex // guards what follows
	sessions  map[uint16]*session
	strangers strangers
	accuracy  accuracy
	counts    Counts
}

// session is one that has a key.
type session struct {
	mac    *mac
	peer   netip.Addr // invalid: any
	came   window
	rate   rate
	number uint32 // of the next answer
	strays uint32 // packets from another address
}

// NewReflector makes a Reflector that answers in unauthenticated mode to those
// addresses alone, 100 packets a second each.
func NewReflector(unauthenticated ...netip.Prefix) *Reflector {
	return &Reflector{open: unauthenticated, sessions: make(map[uint16]*session), strangers: strangers{rates: make(map[netip.Addr]rate)}}
}

// Add begins a session with a key, with whoever has the address, or with
// everybody when that is the zero one. False: the id is taken, or zero, or there
// is no key.
func (r *Reflector) Add(s Session, peer netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.ID == 0 || s.Key == nil || r.sessions[s.ID] != nil {
		return false
	}
	r.sessions[s.ID] = &session{mac: newMAC(s.Key), peer: plain(peer)}
	return true
}

// Remove ends a session: nothing of it is answered from now on.
func (r *Reflector) Remove(id uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sessions, id)
}

// Len counts the sessions.
func (r *Reflector) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// Seen is how many packets of a session were answered, and how many bore its id
// but came from another address, whoever sent them; zero for one that there is
// not. Both counters wrap.
func (r *Reflector) Seen(id uint16) (answered, strays uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sessions[id]; s != nil {
		return s.number, s.strays
	}
	return 0, 0
}

// Counts is what was done so far.
func (r *Reflector) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts
}

// Reflect answers a packet that came now, when nobody knows its TTL. A nil reply
// is none.
func (r *Reflector) Reflect(in []byte, from netip.AddrPort, now time.Time, out []byte) (reply []byte) {
	reply, _ = r.Take(in, Arrival{From: from, At: now, TTL: noTTL}, now, out)
	return reply
}

// Take answers a packet with another one that leaves now, written into out[:0]
// where there is room; or it says why not. The reply is never larger than the
// packet. Nothing is allocated where out has 112 octets; out is another buffer
// than in.
func (r *Reflector) Take(in []byte, a Arrival, now time.Time, out []byte) (reply []byte, why Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reply, why = r.take(in, a, now, out)
	if why == NotRefused {
		r.counts.Reflected++
	} else {
		r.counts.refused[why]++
	}
	return reply, why
}

// Sift says whether Take could answer a packet, by what costs next to nothing to
// look at: its length, session and address. What it refuses is counted, as Take
// would.
func (r *Reflector) Sift(in []byte, from netip.AddrPort) Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, why := r.sift(in, plain(from.Addr()))
	if why != NotRefused {
		r.counts.refused[why]++
		if s != nil {
			s.strays++
		}
	}
	return why
}

// sift finds the session that a packet names, if any, and says whether the
// address may have an answer.
func (r *Reflector) sift(in []byte, from netip.Addr) (s *session, why Refusal) {
	if len(in) < UnauthenticatedLen {
		return nil, WrongLength
	}
	why = WrongLength
	if len(in) == AuthenticatedLen {
		s, why = r.sessions[wire.Uint16(in[authSSID:])], UnknownSession
		if s != nil {
			why = WrongAddress
			if s.of(from) {
				return s, NotRefused
			}
		}
	}
	if r.isOpen(from) {
		why = NotRefused
	}
	return s, why
}

// of reports whether an address is that of the session.
func (s *session) of(from netip.Addr) bool { return !s.peer.IsValid() || s.peer == from }

func (r *Reflector) take(in []byte, a Arrival, now time.Time, out []byte) ([]byte, Refusal) {
	from := plain(a.From.Addr())
	s, why := r.sift(in, from)
	if s != nil {
		if s.of(from) {
			return r.authenticated(s, in, a, now, out)
		}
		s.strays++
	}
	if why != NotRefused {
		return nil, why
	}
	if !r.strangers.take(from, now) {
		return nil, TooMany
	}
	return r.unauthenticated(in, a, now, out), NotRefused
}

func (r *Reflector) authenticated(s *session, in []byte, a Arrival, now time.Time, out []byte) ([]byte, Refusal) {
	sequence := wire.Uint32(in[authSequence:])
	switch {
	case !s.mac.right(in):
		return nil, WrongMAC
	case !s.came.fresh(sequence):
		return nil, Replayed
	case !s.rate.take(now):
		return nil, TooMany
	}
	s.came.take(sequence)
	p := blank(out, AuthenticatedLen)
	wire.PutUint32(p[authSequence:], s.number)
	s.number++
	wire.PutUint64(p[authTimestamp:], timestamp(now))
	wire.PutUint16(p[authError:], r.accuracy.at(now))
	copy(p[authSSID:authSSID+2], in[authSSID:])
	wire.PutUint64(p[authReceived:], timestamp(a.At))
	copy(p[authHisSequence:authHisSequence+4], in[authSequence:])
	copy(p[authHisTime:authHisTime+8], in[authTimestamp:])
	copy(p[authHisError:authHisError+2], in[authError:])
	p[authTTL] = a.TTL
	s.mac.seal(p)
	return p, NotRefused
}

// unauthenticated answers without state: the number is the sender's own (RFC
// 8762, section 4.2). What is longer than a packet, such as TLVs, is not
// answered.
func (r *Reflector) unauthenticated(in []byte, a Arrival, now time.Time, out []byte) []byte {
	p := blank(out, UnauthenticatedLen)
	copy(p[openSequence:openSequence+4], in[openSequence:])
	wire.PutUint64(p[openTimestamp:], timestamp(now))
	wire.PutUint16(p[openError:], r.accuracy.at(now))
	copy(p[openSSID:openSSID+2], in[openSSID:])
	wire.PutUint64(p[openReceived:], timestamp(a.At))
	copy(p[openHisSequence:openHisSequence+4], in[openSequence:])
	copy(p[openHisTime:openHisTime+8], in[openTimestamp:])
	copy(p[openHisError:openHisError+2], in[openError:])
	p[openTTL] = a.TTL
	return p
}

func (r *Reflector) isOpen(from netip.Addr) bool {
	for _, p := range r.open {
		if p.Contains(from) {
			return true
		}
	}
	return false
}

// plain is an address in the one form in which addresses are compared.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Bounds of what is known of those without a key.
const (
	maxStrangers = 1024                  // where as many send at once, the others wait
	forgetEvery  = 10 * time.Millisecond // looking through all of them is not done for each packet
)

// strangers bounds what those without a key get.
type strangers struct {
	rates  map[netip.Addr]rate
	forgot time.Time
}

func (s *strangers) take(from netip.Addr, now time.Time) bool {
	r, known := s.rates[from]
	if !known && len(s.rates) >= maxStrangers {
		s.forget(now)
		if len(s.rates) >= maxStrangers {
			return false
		}
	}
	ok := r.take(now)
	s.rates[from] = r
	return ok
}

// forget forgets those who have their whole burst again.
func (s *strangers) forget(now time.Time) {
	if since := now.Sub(s.forgot); 0 <= since && since < forgetEvery {
		return
	}
	s.forgot = now
	for a, r := range s.rates {
		if !r.full.After(now) {
			delete(s.rates, a)
		}
	}
}
