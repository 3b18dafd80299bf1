package link

// ALPN names the protocol in the TLS handshake. Its number is that of the framing: another one would mean that not even
// the header and the first frame could be read.
const ALPN = "vedette-link/1"

// Version is what both ends agree on in HELLO and WELCOME: the highest that both speak.
const Version = 1

// minVersion is the oldest version that this code still speaks.
const minVersion = 1

// versions says what each number brought, and when. The newest stands last and equals Version.
var versions = [...]struct {
	number  uint16
	date    string
	brought string
}{
	{1, "2026-11-22", "lanes, streams, acknowledgement, retention, credit, control stream"},
}

// ourCaps are the capability bits that this end offers. A bit gates frames that not every peer of a version knows; version 1
// defines none, and unknown bits are ignored.
const ourCaps uint64 = 0

// chooseVersion returns the highest version of a peer's range that this code speaks too.
func chooseVersion(lo, hi uint16) (uint16, bool) {
	v := min(hi, Version)
	return v, v >= lo && v >= minVersion
}
