package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
)

const (
	maxLeaf = 8 << 10 // bytes of a leaf certificate in DER
	maxALPN = 255
	maxMeta = maxLeaf + 1024 // bytes of all TLVs of an OPEN
)

// Meta is what a stream says about the connection that it carries. It is what the opening end claims: nothing of it is
// proof. Absent fields are zero.
type Meta struct {
	Address    netip.AddrPort // of the far end of the carried connection
	TLSVersion uint16         // as in crypto/tls; zero means no TLS
	ALPN       string         // what that connection negotiated
	Leaf       []byte         // the leaf certificate that it showed, DER, at most 8 KiB
	Measure    bool           // the stream carries nobody: it measures the link (proto/capacity)
}

// errCritical is metadata that must not be skipped and is not known: the stream is refused, the link stays.
var errCritical = errors.New("unknown critical metadata")

// Types of TLVs: a u8 of which the highest bit says critical, a u16 length, the value.
const (
	metaCritical = 0x80
	metaAddress  = 1
	metaTLS      = 2
	metaALPN     = 3
	metaLeaf     = 4
	metaMeasure  = 5
	metaLast     = metaMeasure
)

// ownerSeed keeps peers from choosing owners that collide.
var ownerSeed = maphash.MakeSeed()

// owner is whose turn the stream takes: that of its leaf, else of its address. All that measure are one owner.
func (m *Meta) owner() uint64 {
	if m.Measure {
		return maphash.String(ownerSeed, "measure")
	}
	if len(m.Leaf) > 0 {
		return maphash.Bytes(ownerSeed, m.Leaf)
	}
	return maphash.Comparable(ownerSeed, m.Address.Addr())
}

func appendTLV(b []byte, kind byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(b, kind), uint16(len(value))), value...)
}

// append writes the TLVs that are present. Address, leaf and measure are critical: whoever does not know them must not
// judge, nor take a measurement for an agent.
func (m *Meta) append(b []byte) ([]byte, error) {
	if len(m.Leaf) > maxLeaf || len(m.ALPN) > maxALPN {
		return b, fmt.Errorf("%w: leaf of %d bytes, ALPN of %d", ErrMetaTooLarge, len(m.Leaf), len(m.ALPN))
	}
	if m.Address.IsValid() {
		ip := m.Address.Addr().AsSlice()
		b = appendTLV(b, metaCritical|metaAddress, binary.BigEndian.AppendUint16(ip, m.Address.Port()))
	}
	if m.TLSVersion != 0 {
		b = appendTLV(b, metaTLS, binary.BigEndian.AppendUint16(nil, m.TLSVersion))
	}
	if m.ALPN != "" {
		b = appendTLV(b, metaALPN, []byte(m.ALPN))
	}
	if len(m.Leaf) > 0 {
		b = appendTLV(b, metaCritical|metaLeaf, m.Leaf)
	}
	if m.Measure {
		b = appendTLV(b, metaCritical|metaMeasure, nil)
	}
	return b, nil
}

// decodeMeta reads the TLVs of an OPEN; it copies what it keeps.
func decodeMeta(b []byte) (Meta, error) {
	var m Meta
	var seen [metaLast + 1]bool
	for len(b) > 0 {
		if len(b) < 3 {
			return Meta{}, violation("cut metadata")
		}
		kind, n := b[0], int(binary.BigEndian.Uint16(b[1:]))
		if n > len(b)-3 {
			return Meta{}, violation("metadata of type %d with %d bytes", kind, n)
		}
		value := b[3 : 3+n]
		b = b[3+n:]
		bare := kind &^ metaCritical
		if bare == 0 || bare > metaLast {
			if kind&metaCritical != 0 {
				return Meta{}, errCritical
			}
			continue
		}
		if seen[bare] {
			return Meta{}, violation("metadata of type %d twice", bare)
		}
		seen[bare] = true
		if !m.set(bare, value) {
			return Meta{}, violation("metadata of type %d with %d bytes", bare, n)
		}
	}
	return m, nil
}

func (m *Meta) set(kind byte, v []byte) bool {
	switch kind {
	case metaAddress:
		if len(v) != 6 && len(v) != 18 {
			return false
		}
		ip, _ := netip.AddrFromSlice(v[:len(v)-2])
		m.Address = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(v[len(v)-2:]))
	case metaTLS:
		if len(v) != 2 {
			return false
		}
		m.TLSVersion = binary.BigEndian.Uint16(v)
	case metaALPN:
		if len(v) == 0 || len(v) > maxALPN {
			return false
		}
		m.ALPN = string(v)
	case metaLeaf:
		if len(v) == 0 || len(v) > maxLeaf {
			return false
		}
		m.Leaf = append([]byte(nil), v...)
	case metaMeasure:
		if len(v) != 0 {
			return false
		}
		m.Measure = true
	}
	return true
}
