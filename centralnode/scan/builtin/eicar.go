package builtin

import (
	"bytes"
	"crypto/sha256"
)

const (
	eicarName    = "EICAR-Test-File"
	eicarSize    = 68
	eicarMaxSize = 128 // with what may follow
)

// eicarSum is the SHA-256 of the test file's 68 bytes. The bytes themselves are
// not in this program, so that no scanner takes it for the test file.
var eicarSum = [sha256.Size]byte{
	0x27, 0x5a, 0x02, 0x1b, 0xbf, 0xb6, 0x48, 0x9e, 0x54, 0xd4, 0x71, 0x89, 0x9f, 0x7d, 0xb9, 0xd1,
	0x66, 0x3f, 0xc6, 0x95, 0xec, 0x2f, 0xe2, 0xa2, 0xc4, 0x53, 0x8a, 0xab, 0xf6, 0x51, 0xfd, 0x0f,
}

// isEICAR says whether an object is the test file. object holds all of it, or
// more than eicarMaxSize bytes of its beginning.
func isEICAR(object []byte) bool {
	if len(object) < eicarSize || len(object) > eicarMaxSize {
		return false
	}
	return sha256.Sum256(object[:eicarSize]) == eicarSum && len(bytes.Trim(object[eicarSize:], " \t\n\r\x1a")) == 0
}
