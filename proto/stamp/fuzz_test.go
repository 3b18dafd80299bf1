package stamp_test

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"vedette/proto/stamp"
)

func seeds(f *testing.F) {
	for _, text := range []string{goldenSentAuthenticated, goldenReflectedAuthenticated, goldenSentOpen, goldenReflectedOpen, ""} {
		raw, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}

func FuzzReflector(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, open := range []bool{false, true} {
			var networks []netip.Prefix
			if open {
				networks = append(networks, netip.PrefixFrom(peer.Addr(), 24).Masked())
			}
			r := stamp.NewReflector(networks...)
			r.Add(stamp.Session{ID: 7, Key: &key}, peer.Addr())
			reply, why := r.Take(in, stamp.Arrival{From: peer, At: noon}, noon, nil)
			if (reply == nil) == (why == stamp.NotRefused) || len(reply) > len(in) {
				t.Fatalf("%d octets, refused for %s, are answered with %d", len(in), why, len(reply))
			}
			if reply == nil {
				continue
			}
			authenticated := len(reply) == stamp.AuthenticatedLen
			if !authenticated && (!open || len(reply) != stamp.UnauthenticatedLen) {
				t.Fatalf("%d octets are answered with %d", len(in), len(reply))
			}
			if again := r.Reflect(in, peer, noon, nil); authenticated && again != nil {
				t.Fatal("the same packet is answered twice")
			}
		}
	})
}

func FuzzSender(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, k := range []*[32]byte{&key, nil} {
			s := stamp.NewSender(stamp.Session{ID: 7, Key: k})
			s.Next(nil, noon)
			s.Next(nil, noon)
			a, ok := s.Answer(in, noon)
			if !ok {
				continue
			}
			if a.Sequence > 1 || a.RoundTrip != 0 || a.Dwell != 0 {
				t.Fatalf("answer %+v", a)
			}
			if _, again := s.Answer(in, noon); again {
				t.Fatal("the same answer is taken twice")
			}
		}
	})
}
