package pki

import (
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxBERDepth bounds nesting. A PFX container needs about eight levels before the next OCTET STRING starts afresh.
const maxBERDepth = 24

var errBER = errors.New("damaged or too deeply nested ASN.1")

// derFromBER rewrites BER in DER as far as PFX containers need it: lengths become definite and minimal, OCTET STRINGs in
// pieces become whole (X.690 section 8). Some writers, Mozilla's among them, stream their containers. Data after
// the first value is an error. Depth and output are bounded by maxBERDepth and the input.
func derFromBER(ber []byte) ([]byte, error) {
	var out cryptobyte.Builder
	rest, err := convertBER(&out, ber, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, errBER
	}
	der, err := out.Bytes()
	if err != nil {
		return nil, errBER
	}
	return der, nil
}

// convertBER converts the first value of ber and returns what follows it.
func convertBER(out *cryptobyte.Builder, ber []byte, depth int) ([]byte, error) {
	tag, body, rest, indefinite, err := berHeader(ber)
	if err != nil || depth > maxBERDepth {
		return nil, errBER
	}
	if tag&0x20 == 0 {
		if indefinite {
			return nil, errBER
		}
		out.AddASN1(asn1.Tag(tag), func(child *cryptobyte.Builder) { child.AddBytes(body) })
		return rest, nil
	}
	var inner cryptobyte.Builder
	for !indefinite && len(body) > 0 || indefinite && !isEndOfContents(body) {
		if body, err = convertBER(&inner, body, depth+1); err != nil {
			return nil, err
		}
	}
	if indefinite {
		rest = body[2:]
	}
	der, err := inner.Bytes()
	if err != nil {
		return nil, errBER
	}
	if tag == byte(asn1.OCTET_STRING)|0x20 {
		if der, err = joinOctets(der); err != nil {
			return nil, err
		}
		tag = byte(asn1.OCTET_STRING)
	}
	out.AddASN1(asn1.Tag(tag), func(child *cryptobyte.Builder) { child.AddBytes(der) })
	return rest, nil
}

// berHeader reads tag and length. Of an indefinite value, body is everything to the end of the input.
func berHeader(ber []byte) (tag byte, body, rest []byte, indefinite bool, err error) {
	if len(ber) < 2 || ber[0]&0x1f == 0x1f { // no PFX uses tags above 30
		return 0, nil, nil, false, errBER
	}
	tag, length, ber := ber[0], int(ber[1]), ber[2:]
	switch {
	case length == 0x80:
		return tag, ber, nil, true, nil
	case length > 0x80:
		octets := length & 0x7f
		if octets > len(ber) || octets > 4 {
			return 0, nil, nil, false, errBER
		}
		length = 0
		for _, b := range ber[:octets] {
			length = length<<8 | int(b)
		}
		ber = ber[octets:]
	}
	if length > len(ber) {
		return 0, nil, nil, false, errBER
	}
	return tag, ber[:length], ber[length:], false, nil
}

func isEndOfContents(body []byte) bool { return len(body) >= 2 && body[0] == 0 && body[1] == 0 }

// joinOctets puts the pieces of an OCTET STRING together.
func joinOctets(pieces cryptobyte.String) ([]byte, error) {
	var whole []byte
	for !pieces.Empty() {
		var piece cryptobyte.String
		if !pieces.ReadASN1(&piece, asn1.OCTET_STRING) {
			return nil, errBER
		}
		whole = append(whole, piece...)
	}
	return whole, nil
}
