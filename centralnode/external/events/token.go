package events

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"vedette/centralnode/eventlog"
)

const (
	// tokenVersion is the first byte of a token.
	tokenVersion = 1
	// maxToken bounds a token that a caller sends, in characters.
	maxToken = 256
	// maxStore bounds the name of an event store in a token, in bytes.
	maxStore = 64
)

var errToken = errors.New("not a continuation token of this server")

// encodeToken writes a cursor as characters that mean nothing in a URL. The sum
// at its end is against slips, not against forgers: a token gives no right.
func encodeToken(c eventlog.Cursor) string {
	b := make([]byte, 0, 64)
	b = append(b, tokenVersion, byte(len(c.Store)))
	b = append(b, c.Store...)
	b = binary.AppendUvarint(b, c.Place)
	b = binary.AppendUvarint(b, uint64(c.Index))
	b = binary.AppendUvarint(b, c.Skipped)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseToken reads what encodeToken wrote, and nothing else.
func parseToken(s string) (eventlog.Cursor, error) {
	var c eventlog.Cursor
	if len(s) > maxToken {
		return c, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 6 || b[0] != tokenVersion || b[1] > maxStore || len(b) < 6+int(b[1]) {
		return c, errToken
	}
	body := b[:len(b)-4]
	if binary.BigEndian.Uint32(b[len(body):]) != crc32.ChecksumIEEE(body) {
		return c, errToken
	}
	c.Store, body = string(body[2:2+b[1]]), body[2+b[1]:]
	var numbers [3]uint64
	for i := range numbers {
		n := 0
		if numbers[i], n = binary.Uvarint(body); n <= 0 {
			return eventlog.Cursor{}, errToken
		}
		body = body[n:]
	}
	if len(body) > 0 || numbers[1] > math.MaxInt32 {
		return eventlog.Cursor{}, errToken
	}
	c.Place, c.Index, c.Skipped = numbers[0], int(numbers[1]), numbers[2]
	// One place has one token.
	if encodeToken(c) != s {
		return eventlog.Cursor{}, errToken
	}
	return c, nil
}
