package stamp_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"vedette/proto/stamp"
)

// The packets of one exchange in either mode, made by another program (Python's
// struct and hmac) after the figures of RFC 8762: the second packet of the
// sender, and the first answer. In unauthenticated mode it is the second answer
// by its number, for the reflector has no state.
const (
	goldenSentAuthenticated = "00000001000000000000000000000000f48851408000000085c8000700000000" +
		"0000000000000000000000000000000000000000000000000000000000000000" +
		"0000000000000000000000000000000000000000000000000000000000000000e77260be40c12622d58defa1f3c68a13"
	goldenReflectedAuthenticated = "00000000000000000000000000000000f48851408526e9780307000700000000" +
		"f4885140851eb851000000000000000000000001000000000000000000000000" +
		"f48851408000000085c80000000000003d000000000000000000000000000000390d326e9bd8f63213b4c77d28d2de0c"
	goldenSentOpen      = "00000001f48851408000000085c8000700000000000000000000000000000000000000000000000000000000"
	goldenReflectedOpen = "00000001f48851408526e97803070007f4885140851eb85100000001f48851408000000085c800003d000000"
)

const (
	sendersEstimate    = 1<<15 | 5<<8 | 200 // synchronised
	reflectorsEstimate = 3<<8 | 7
)

// exchange makes the second packet of a session, and its answer.
func exchange(t *testing.T, k *[32]byte) (sent, reflected []byte, answer stamp.Answer) {
	t.Helper()
	s := stamp.Session{ID: 7, Key: k}
	sender, reflector := stamp.NewSender(s), stamp.NewReflector(netip.PrefixFrom(peer.Addr(), 32))
	if k != nil && !reflector.Add(s, peer.Addr()) {
		t.Fatal("the session is not taken")
	}
	sender.Next(nil, noon.Add(-time.Second)) // it is lost
	sender.SetEstimate(sendersEstimate, noon)
	came := noon.Add(20 * time.Millisecond)
	left := came.Add(125 * time.Microsecond)
	reflector.SetEstimate(reflectorsEstimate, left)
	sent = sender.Next(nil, noon)
	reflected, why := reflector.Take(sent, stamp.Arrival{From: peer, At: came, TTL: 61}, left, nil)
	if why != stamp.NotRefused {
		t.Fatalf("refused: %s", why)
	}
	answer, ok := sender.Answer(reflected, noon.Add(50*time.Millisecond))
	if !ok {
		t.Fatal("the answer is not taken")
	}
	return sent, reflected, answer
}

func TestPacketsAreThoseOfTheFigures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		key             *[32]byte
		sent, reflected string
		own             uint32
	}{
		"authenticated":   {&key, goldenSentAuthenticated, goldenReflectedAuthenticated, 0},
		"unauthenticated": {nil, goldenSentOpen, goldenReflectedOpen, 1},
	} {
		sent, reflected, a := exchange(t, c.key)
		if got := hex.EncodeToString(sent); got != c.sent {
			t.Errorf("%s: sent\n%s, want\n%s", name, got, c.sent)
		}
		if got := hex.EncodeToString(reflected); got != c.reflected {
			t.Errorf("%s: reflected\n%s, want\n%s", name, got, c.reflected)
		}
		if a.Sequence != 1 || a.Reflected != c.own || a.Dwell.Round(time.Microsecond) != 125*time.Microsecond || a.RoundTrip+a.Dwell != 50*time.Millisecond {
			t.Errorf("%s: answer %+v", name, a)
		}
	}
}

// TestFieldsAreWhereTheFiguresHaveThem reads packets octet by octet, without any
// of the package's own code.
func TestFieldsAreWhereTheFiguresHaveThem(t *testing.T) {
	t.Parallel()
	number := func(p []byte, at, octets int) (n uint64) {
		for _, b := range p[at : at+octets] {
			n = n<<8 | uint64(b)
		}
		return n
	}
	clock := func(p []byte, at int) time.Time { // seconds since 1900, and 2^-32 of one
		nanos := time.Duration(number(p, at+4, 4)) * time.Second >> 32
		return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(number(p, at, 4))*time.Second + nanos).Round(time.Microsecond)
	}
	zero := func(p []byte, from, to int) bool { return len(bytes.Trim(p[from:to], "\x00")) == 0 }
	type field struct {
		name      string
		got, want any
	}
	check := func(mode string, fields []field) {
		t.Helper()
		for _, f := range fields {
			if f.got != f.want {
				t.Errorf("%s: %s is %v, want %v", mode, f.name, f.got, f.want)
			}
		}
	}
	came := noon.Add(20 * time.Millisecond)
	left := came.Add(125 * time.Microsecond)
	code := func(p []byte) bool {
		h := hmac.New(sha256.New, key[:])
		h.Write(p[:96])
		return bytes.Equal(h.Sum(nil)[:16], p[96:])
	}

	s, r, _ := exchange(t, &key)
	check("authenticated", []field{
		{"length sent", len(s), 112}, {"sequence number", number(s, 0, 4), uint64(1)}, {"MBZ", zero(s, 4, 16), true},
		{"timestamp", clock(s, 16), noon}, {"error estimate", number(s, 24, 2), uint64(sendersEstimate)}, {"SSID", number(s, 26, 2), uint64(7)},
		{"MBZ 28", zero(s, 28, 96), true}, {"HMAC", code(s), true},
		{"length reflected", len(r), 112}, {"reflector's sequence number", number(r, 0, 4), uint64(0)}, {"MBZ", zero(r, 4, 16), true},
		{"reflector's timestamp", clock(r, 16), left}, {"reflector's error estimate", number(r, 24, 2), uint64(reflectorsEstimate)},
		{"reflector's SSID", number(r, 26, 2), uint64(7)}, {"MBZ 28", zero(r, 28, 32), true},
		{"receive timestamp", clock(r, 32), came}, {"MBZ 40", zero(r, 40, 48), true},
		{"sender's sequence number", number(r, 48, 4), uint64(1)}, {"MBZ 52", zero(r, 52, 64), true},
		{"sender's timestamp", clock(r, 64), noon}, {"sender's error estimate", number(r, 72, 2), uint64(sendersEstimate)},
		{"MBZ 74", zero(r, 74, 80), true}, {"TTL", number(r, 80, 1), uint64(61)}, {"MBZ 81", zero(r, 81, 96), true}, {"HMAC", code(r), true},
	})

	s, r, _ = exchange(t, nil)
	check("unauthenticated", []field{
		{"length sent", len(s), 44}, {"sequence number", number(s, 0, 4), uint64(1)}, {"timestamp", clock(s, 4), noon},
		{"error estimate", number(s, 12, 2), uint64(sendersEstimate)}, {"SSID", number(s, 14, 2), uint64(7)}, {"MBZ 16", zero(s, 16, 44), true},
		{"length reflected", len(r), 44}, {"reflector's sequence number", number(r, 0, 4), uint64(1)}, {"reflector's timestamp", clock(r, 4), left},
		{"reflector's error estimate", number(r, 12, 2), uint64(reflectorsEstimate)}, {"reflector's SSID", number(r, 14, 2), uint64(7)},
		{"receive timestamp", clock(r, 16), came}, {"sender's sequence number", number(r, 24, 4), uint64(1)}, {"sender's timestamp", clock(r, 28), noon},
		{"sender's error estimate", number(r, 36, 2), uint64(sendersEstimate)}, {"MBZ 38", zero(r, 38, 40), true},
		{"TTL", number(r, 40, 1), uint64(61)}, {"MBZ 41", zero(r, 41, 44), true},
	})
}

func TestErrorEstimatesAreNeverLessThanTheError(t *testing.T) {
	t.Parallel()
	for most, want := range map[time.Duration]uint16{
		0: 1, -time.Second: 1,
		time.Nanosecond:  4,
		time.Microsecond: 5<<8 | 135, // 135 * 2^-27 s = 1.006 us
		time.Millisecond: 15<<8 | 132,
		time.Second:      25<<8 | 128,
		16 * time.Second: 29<<8 | 128,
	} {
		if got := stamp.Estimate(false, most); got != want {
			t.Errorf("%s: scale %d, multiplier %d", most, got>>8&63, got&255)
		}
		if got := stamp.Estimate(true, most); got != want|1<<15 {
			t.Errorf("%s, synchronised: %x", most, got)
		}
	}
	if got := stamp.Estimate(true, 1<<62); got&255 == 0 || got>>8&63 > 63 || got&(1<<14) != 0 {
		t.Errorf("%x", got)
	}
}
