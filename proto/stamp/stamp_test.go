package stamp_test

import (
	"net/netip"
	"testing"
	"time"

	"vedette/proto/stamp"
)

var (
	key  = [32]byte{1, 2, 3, 31: 9}
	peer = netip.MustParseAddrPort("192.0.2.7:40000")
	noon = time.Date(2030, 1, 2, 12, 0, 0, 500_000_000, time.UTC)
)

// pair is both ends of a session in authenticated mode.
func pair(t testing.TB) (*stamp.Sender, *stamp.Reflector) {
	t.Helper()
	s := stamp.Session{ID: 7, Key: &key}
	r := stamp.NewReflector()
	if !r.Add(s, peer.Addr()) {
		t.Fatal("the session is not taken")
	}
	return stamp.NewSender(s), r
}

func TestRoundTripIsTheSendersOwnWithoutTheReflectorsTime(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{"same clock": 0, "a day behind": -24 * time.Hour, "an hour ahead": time.Hour} {
		sender, reflector := pair(t)
		for i := range uint32(3) {
			sent := noon.Add(time.Duration(i) * 50 * time.Millisecond)
			came := sent.Add(offset + 20*time.Millisecond)
			reply, why := reflector.Take(sender.Next(nil, sent), stamp.Arrival{From: peer, At: came}, came.Add(3*time.Millisecond), nil)
			if why != stamp.NotRefused {
				t.Fatalf("%s: refused: %s", name, why)
			}
			a, ok := sender.Answer(reply, sent.Add(53*time.Millisecond))
			if d := a.Dwell - 3*time.Millisecond; !ok || a.Sequence != i || a.Reflected != i || d < -time.Nanosecond || d > time.Nanosecond || a.RoundTrip+a.Dwell != 53*time.Millisecond {
				t.Fatalf("%s: %+v, %v", name, a, ok)
			}
		}
	}
}
