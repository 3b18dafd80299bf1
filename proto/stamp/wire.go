package stamp

import (
	"encoding/binary"
	"time"
)

// Lengths of test packets, in octets. Both directions have the same.
const (
	AuthenticatedLen   = 112
	UnauthenticatedLen = 44
)

// Offsets in packets of authenticated mode (RFC 8762, figures 4 and 7). The
// SSID is that of RFC 8972, figure 2.
const (
	authSequence    = 0
	authTimestamp   = 16
	authError       = 24
	authSSID        = 26
	authReceived    = 32 // this and what follows: of the reflector's packets alone
	authHisSequence = 48
	authHisTime     = 64
	authHisError    = 72
	authTTL         = 80
	authMAC         = 96
)

// Offsets in packets of unauthenticated mode (RFC 8762, figures 2 and 5).
const (
	openSequence    = 0
	openTimestamp   = 4
	openError       = 12
	openSSID        = 14
	openReceived    = 16 // this and what follows: of the reflector's packets alone
	openHisSequence = 24
	openHisTime     = 28
	openHisError    = 36
	openTTL         = 40
)

// ntpEpoch is how many seconds 1970 is later than 1900.
const ntpEpoch = 2_208_988_800

// timestamp is t in the 64-bit format of NTP (RFC 5905, section 6): seconds
// since 1900 modulo 2^32, and their fraction.
func timestamp(t time.Time) uint64 {
	fraction := uint64(t.Nanosecond()) << 32 / uint64(time.Second)
	return uint64(uint32(t.Unix()+ntpEpoch))<<32 | fraction
}

// between is the time from one timestamp of a clock to another, across the end
// of an era too.
func between(from, to uint64, ptp bool) time.Duration {
	if ptp { // seconds and nanoseconds, 32 bits each (RFC 8186)
		seconds, nanos := int32(to>>32-from>>32), int64(uint32(to))-int64(uint32(from))
		return time.Duration(seconds)*time.Second + time.Duration(nanos)
	}
	d := int64(to - from)
	return time.Duration(d>>32)*time.Second + time.Duration(uint64(uint32(d))*uint64(time.Second)>>32)
}

// blank is buf with n zero octets; it allocates only where buf is shorter.
func blank(buf []byte, n int) []byte {
	if cap(buf) < n {
		return make([]byte, n)
	}
	buf = buf[:n]
	clear(buf)
	return buf
}

var wire = binary.BigEndian
