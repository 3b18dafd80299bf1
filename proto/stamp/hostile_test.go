package stamp_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"vedette/proto/stamp"
)

// flood is how many packets come that must not be answered.
const flood = 1_000_000

// TestAMillionForgedAndReplayedPacketsGetNoReplyAndAllocateNothing has an
// attacker who saw an exchange, has the address of the peer, and knows the
// session, but not its key.
func TestAMillionForgedAndReplayedPacketsGetNoReplyAndAllocateNothing(t *testing.T) {
	sender, reflector := pair(t)
	var captured [64][]byte
	out := make([]byte, stamp.AuthenticatedLen)
	now := noon
	for i := range captured {
		now = now.Add(50 * time.Millisecond)
		captured[i] = sender.Next(nil, now)
		if reflector.Reflect(captured[i], peer, now, out) == nil {
			t.Fatal("a true packet was not answered")
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	forged := make([]byte, stamp.AuthenticatedLen)
	elsewhere := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), 9)
	kinds := []func() ([]byte, netip.AddrPort){
		func() ([]byte, netip.AddrPort) { return captured[random.IntN(len(captured))], peer }, // again
		func() ([]byte, netip.AddrPort) { // one bit of a captured one is another
			copy(forged, captured[random.IntN(len(captured))])
			forged[random.IntN(len(forged))] ^= 1 << random.IntN(8)
			return forged, peer
		},
		func() ([]byte, netip.AddrPort) { // a later number, with any HMAC
			copy(forged, captured[0])
			binary.BigEndian.PutUint32(forged, random.Uint32())
			binary.BigEndian.PutUint64(forged[96:], random.Uint64())
			return forged, peer
		},
		func() ([]byte, netip.AddrPort) { return captured[0], elsewhere },
		func() ([]byte, netip.AddrPort) { return forged[:random.IntN(len(forged))], peer }, // cut
		func() ([]byte, netip.AddrPort) { // noise
			for i := 0; i < len(forged); i += 8 {
				binary.LittleEndian.PutUint64(forged[i:], random.Uint64())
			}
			return forged, peer
		},
	}
	before := reflector.Counts()
	replies := 0
	step := func() {
		for _, kind := range kinds {
			p, from := kind()
			if reflector.Reflect(p, from, now, out) != nil {
				replies++
			}
		}
	}
	runs := flood / len(kinds)
	if allocated := testing.AllocsPerRun(runs, step); allocated != 0 || replies != 0 {
		t.Errorf("%d replies, %g allocations for %d packets", replies, allocated, len(kinds))
	}
	after := reflector.Counts()
	if after.Reflected != before.Reflected {
		t.Errorf("%d packets are counted as answered", after.Reflected-before.Reflected)
	}
	for _, why := range []stamp.Refusal{stamp.WrongLength, stamp.UnknownSession, stamp.WrongAddress, stamp.WrongMAC, stamp.Replayed} {
		if after.Refused(why) == 0 {
			t.Errorf("no packet was refused for its %s", why)
		}
	}
	now = now.Add(50 * time.Millisecond)
	if a, ok := sender.Answer(reflector.Reflect(sender.Next(nil, now), peer, now, out), now); !ok || a.Reflected != uint32(len(captured)) {
		t.Errorf("the true peer is answered with %+v, %v", a, ok)
	}
}

func TestTrueExchangesAllocateNothing(t *testing.T) {
	for name, k := range map[string]*[32]byte{"authenticated": &key, "unauthenticated": nil} {
		s := stamp.Session{ID: 7, Key: k}
		sender, reflector := stamp.NewSender(s), stamp.NewReflector(netip.PrefixFrom(peer.Addr(), 32))
		reflector.Add(s, peer.Addr())
		there, back, now := make([]byte, stamp.AuthenticatedLen), make([]byte, stamp.AuthenticatedLen), noon
		allocated := testing.AllocsPerRun(10_000, func() {
			now = now.Add(10 * time.Millisecond)
			p := sender.Next(there, now)
			reply := reflector.Reflect(p, peer, now, back)
			if len(reply) > len(p) {
				t.Fatalf("%s: %d octets are answered with %d", name, len(p), len(reply))
			}
			if _, ok := sender.Answer(reply, now); !ok {
				t.Fatalf("%s: not answered", name)
			}
		})
		if allocated != 0 {
			t.Errorf("%s: %g allocations", name, allocated)
		}
	}
}

func TestSenderTakesNoAnswerThatIsForgedOldOrFromAnotherSession(t *testing.T) {
	t.Parallel()
	sender, reflector := pair(t)
	sent := sender.Next(nil, noon)
	reply := reflector.Reflect(sent, peer, noon, nil)
	refused := func(what string, p []byte) {
		t.Helper()
		if a, ok := sender.Answer(p, noon); ok {
			t.Errorf("%s is taken: %+v", what, a)
		}
	}
	refused("nothing", nil)
	refused("its own packet", sent)
	refused("half an answer", reply[:44])
	refused("an answer with more behind", append(append([]byte{}, reply...), 0))
	for i := range reply {
		p := append([]byte{}, reply...)
		p[i] ^= 1
		refused("an answer with another bit", p)
	}
	_, otherReflector := pair(t)
	for i := range 3 {
		otherSender, _ := pair(t)
		refused("the answer of another session with the same key", otherReflector.Reflect(otherSender.Next(nil, noon.Add(time.Duration(i+1)*time.Second)), peer, noon, nil))
	}
	if _, ok := sender.Answer(reply, noon); !ok {
		t.Fatal("the answer is not taken")
	}
	refused("an answer that came already", reply)
	late := sender.Next(nil, noon)
	reply = reflector.Reflect(late, peer, noon, nil)
	for range 1024 {
		sender.Next(late, noon)
	}
	refused("the answer to a packet that is forgotten", reply)
}

func TestSessionIsAnsweredAHundredTimesASecond(t *testing.T) {
	t.Parallel()
	sender, reflector := pair(t)
	answered, now := 0, noon
	for range 10_000 { // 1,000 a second for 10 s
		now = now.Add(time.Millisecond)
		if reflector.Reflect(sender.Next(nil, now), peer, now, nil) != nil {
			answered++
		}
	}
	if answered < 1_050 || answered > 1_100 { // a burst of 100, then 100 a second
		t.Errorf("%d packets were answered", answered)
	}
	if refused := reflector.Counts().Refused(stamp.TooMany); refused != uint64(10_000-answered) {
		t.Errorf("%d are counted as refused", refused)
	}
	now = now.Add(-24 * time.Hour) // the clock is set back
	if reflector.Reflect(sender.Next(nil, now), peer, now, nil) == nil {
		t.Error("a clock that was set back silences the reflector")
	}
}

func TestOnlyNamedNetworksAreAnsweredWithoutAKeyAndEachAddressAHundredTimesASecond(t *testing.T) {
	t.Parallel()
	reflector := stamp.NewReflector(netip.MustParsePrefix("198.51.0.0/16"), netip.MustParsePrefix("2001:db8::/64"))
	packet := stamp.NewSender(stamp.Session{}).Next(nil, noon)
	from := func(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 862) }
	for address, want := range map[string]bool{
		"198.51.100.1": true, "::ffff:198.51.100.2": true, "2001:db8::1": true,
		"192.0.2.1": false, "2001:db8:1::1": false,
	} {
		if got := reflector.Reflect(packet, from(address), noon, nil) != nil; got != want {
			t.Errorf("%s: answered is %v", address, got)
		}
	}
	if reply := reflector.Reflect(append(packet, make([]byte, 1000)...), from("198.51.100.3"), noon, nil); len(reply) != stamp.UnauthenticatedLen {
		t.Errorf("a packet with padding or TLVs is answered with %d octets", len(reply))
	}
	if reply := reflector.Reflect(packet[:43], from("198.51.100.3"), noon, nil); reply != nil {
		t.Error("a reply is larger than the packet")
	}
	answered := 0
	for range 1000 {
		if reflector.Reflect(packet, from("198.51.100.9"), noon, nil) != nil {
			answered++
		}
	}
	if answered != 100 {
		t.Errorf("%d packets of one address were answered at once", answered)
	}
	answered = 0
	now := noon
	for i := range 1 << 16 { // every address of the network
		now = now.Add(time.Microsecond)
		a := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		if reflector.Reflect(packet, netip.AddrPortFrom(a, 9), now, nil) != nil {
			answered++
		}
	}
	if answered < 1000 || answered > 10_000 {
		t.Errorf("%d of 65,536 addresses were answered within 65 ms", answered)
	}
}

func TestSessionsAreKeptApart(t *testing.T) {
	t.Parallel()
	reflector, any := stamp.NewReflector(), netip.Addr{}
	for name, s := range map[string]stamp.Session{"no id": {Key: &key}, "no key": {ID: 3}} {
		if reflector.Add(s, any) {
			t.Errorf("a session with %s", name)
		}
	}
	one, other := stamp.Session{ID: 1, Key: &key}, stamp.Session{ID: 2, Key: &[32]byte{5}}
	if !reflector.Add(one, any) || !reflector.Add(other, netip.MustParseAddr("::ffff:192.0.2.7")) || reflector.Add(one, any) || reflector.Len() != 2 {
		t.Fatal("sessions are not kept as they should")
	}
	if reflector.Reflect(stamp.NewSender(stamp.Session{ID: 2, Key: &key}).Next(nil, noon), peer, noon, nil) != nil {
		t.Error("the key of one session opens another")
	}
	for i, s := range []stamp.Session{one, other} {
		if reflector.Reflect(stamp.NewSender(s).Next(nil, noon), peer, noon, nil) == nil || answered(reflector, uint16(i+1)) != 1 {
			t.Errorf("session %d is not answered", s.ID)
		}
	}
	reflector.Remove(1)
	if reflector.Reflect(stamp.NewSender(one).Next(nil, noon), peer, noon, nil) != nil || answered(reflector, 1) != 0 || reflector.Len() != 1 {
		t.Error("a session that was removed is answered")
	}
}

func answered(r *stamp.Reflector, session uint16) uint32 {
	n, _ := r.Seen(session)
	return n
}
