// Package totp is the second factor that authenticator apps speak: codes that
// change every half minute (RFC 6238).
package totp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/url"
	"time"
)

// The measures of codes, which every app takes for granted: SHA-1, six digits,
// thirty seconds. What is known against SHA-1 concerns collisions, not HMAC.
const (
	digits  = 6
	modulus = 1_000_000
	seconds = 30
	drift   = 1  // steps that a clock may be wrong, either way
	length  = 20 // of a secret, in bytes, as RFC 4226 recommends
)

// Secret is what an app and the daemon share. It is in no log.
type Secret []byte

// New makes a secret.
func New() Secret {
	s := make(Secret, length)
	rand.Read(s) // never fails
	return s
}

const redacted = "secret (not shown)"

// String keeps the secret out of messages.
func (Secret) String() string { return redacted }

// GoString keeps the secret out of messages.
func (Secret) GoString() string { return redacted }

// LogValue keeps the secret out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Text is how a secret is typed into an app: base32 (RFC 4648), unpadded.
func (s Secret) Text() string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(s)
}

// Parse reads what Text wrote.
func Parse(text string) (Secret, error) {
	return base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
}

// URI is how an app reads it from a QR code, in the "Key URI Format" that apps
// have in common.
func (s Secret) URI(issuer, account string) string {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + account}
	u.RawQuery = "secret=" + s.Text() + "&issuer=" + url.QueryEscape(issuer)
	return u.String()
}

// Code is the one that an app shows at a moment.
func (s Secret) Code(t time.Time) string { return s.code(step(t), digits, modulus) }

// step is the number of the time step that a moment is in.
func step(t time.Time) int64 { return t.Unix() / seconds }

// code is that of a time step (RFC 4226, section 5.3).
func (s Secret) code(step int64, digits int, modulus uint32) string {
	mac := hmac.New(sha1.New, s)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	number := binary.BigEndian.Uint32(sum[at:]) & 0x7fff_ffff
	return fmt.Sprintf("%0*d", digits, number%modulus)
}

// Match finds the time step of a code among those that are right now, and one
// step before and after, provided that it is later than the one that was used
// last: so a code is taken once. The time that it takes tells nothing.
func (s Secret) Match(code string, now time.Time, used int64) (found int64, ok bool) {
	for n := step(now) - drift; n <= step(now)+drift; n++ {
		right := subtle.ConstantTimeCompare([]byte(s.code(n, digits, modulus)), []byte(code)) == 1
		if right && n > used {
			found, ok = n, true
		}
	}
	return found, ok
}
