package stamp_test

import (
	"net/netip"
	"testing"
	"time"

	"vedette/proto/stamp"
)

// BenchmarkReflector is what a packet costs the reflector, without the socket.
func BenchmarkReflector(b *testing.B) {
	elsewhere := netip.MustParseAddrPort("198.51.100.1:9")
	for _, c := range []struct {
		name string
		make func(s *stamp.Sender, now time.Time, buf []byte) []byte
		from netip.AddrPort
	}{
		{"true", func(s *stamp.Sender, now time.Time, buf []byte) []byte { return s.Next(buf, now) }, peer},
		{"forged", func(s *stamp.Sender, now time.Time, buf []byte) []byte { buf[100] ^= 1; return buf }, peer},
		{"from elsewhere", func(_ *stamp.Sender, _ time.Time, buf []byte) []byte { return buf }, elsewhere},
		{"noise", func(_ *stamp.Sender, _ time.Time, buf []byte) []byte { return buf[:60] }, peer},
	} {
		b.Run(c.name, func(b *testing.B) {
			sender, reflector := pair(b)
			buf, out, now := sender.Next(nil, noon), make([]byte, stamp.AuthenticatedLen), noon
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(10 * time.Millisecond)
				reflector.Reflect(c.make(sender, now, buf), c.from, now, out)
			}
		})
	}
}
