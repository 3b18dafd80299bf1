package link

import "encoding/binary"

// Sizes of the wire. A frame carries as much as one TLS record, so that what an agent sent in one is passed on in one.
const (
	headerSize  = 8
	maxBody     = 8 + 16<<10 // bytes after the header
	maxFrame    = headerSize + maxBody
	dataHeader  = headerSize + 8        // header and offset
	maxData     = maxFrame - dataHeader // bytes of one DATA
	maxReason   = 128
	maxOffset   = 1 << 62 // far beyond any stream, so that sums never overflow
	windowFrame = headerSize + 16
)

type frameType uint8

const (
	typeHello   frameType = 0x01
	typeWelcome frameType = 0x02
	typeOpen    frameType = 0x03
	typeData    frameType = 0x04
	typeWindow  frameType = 0x05
	typeReset   frameType = 0x06
	typePing    frameType = 0x07
	typeDrain   frameType = 0x08
	typeGoAway  frameType = 0x09
	typeClose   frameType = 0x0A
)

// Flags. The first bit means another thing for each type that has one.
const (
	flagFIN      = 0x01 // DATA: no byte follows the last one of this frame
	flagACK      = 0x01 // RST: answer to an RST
	flagPong     = 0x01 // PING: answer to a PING
	flagOptional = 0x80 // a type that the receiver does not know is skipped
)

// header is the first 8 bytes of every frame.
type header struct {
	kind   frameType
	flags  uint8
	length int
	stream uint32
}

// parseHeader reads a header and refuses what no body could make right. b holds at least headerSize bytes.
func parseHeader(b []byte) (header, error) {
	h := header{frameType(b[0]), b[1], int(binary.BigEndian.Uint16(b[2:])), binary.BigEndian.Uint32(b[4:])}
	if h.length > maxBody {
		return h, violation("frame of type %d with %d bytes", h.kind, h.length)
	}
	return h, nil
}

func putHeader(b []byte, kind frameType, flags uint8, length int, stream uint32) {
	b[0], b[1] = byte(kind), flags
	binary.BigEndian.PutUint16(b[2:], uint16(length))
	binary.BigEndian.PutUint32(b[4:], stream)
}

func appendHeader(b []byte, kind frameType, flags uint8, length int, stream uint32) []byte {
	var h [headerSize]byte
	putHeader(h[:], kind, flags, length, stream)
	return append(b, h[:]...)
}

// frame is the decoded content of one frame. Only the fields of its kind are set; slices alias the input.
type frame struct {
	kind   frameType
	stream uint32
	flag   bool   // FIN, ACK or pong
	offset uint64 // DATA
	ack    uint64 // WINDOW
	max    uint64 // WINDOW
	nonce  uint64 // PING
	code   Code   // RST, GOAWAY, CLOSE
	reason string // RST, CLOSE
	meta   []byte // OPEN
	data   []byte // OPEN, DATA
	lent   *chunk // DATA: holds data at its place and may be kept; nil: data must be copied
}

// decode reads the body of a frame after the handshake. ok is false for a frame to be skipped.
func decode(h header, body []byte) (f frame, ok bool, err error) {
	f = frame{kind: h.kind, stream: h.stream}
	var flags uint8
	min, exact, onStream := 0, true, false
	switch h.kind {
	case typeOpen:
		min, exact, onStream = 2, false, true
	case typeData:
		flags, min, exact, onStream = flagFIN, 8, false, true
	case typeWindow:
		min, onStream = 16, true
	case typeReset:
		flags, exact, onStream = flagACK, false, true
	case typePing:
		flags, min = flagPong, 8
	case typeDrain:
	case typeGoAway:
		min = 2
	case typeClose:
		min, exact = 3, false
	case typeHello, typeWelcome:
		return f, false, violation("handshake frame after the handshake")
	default:
		if h.flags&flagOptional != 0 {
			return f, false, nil
		}
		return f, false, violation("unknown frame type %d", h.kind)
	}
	switch {
	case h.flags&^flags != 0:
		return f, false, violation("frame of type %d with flags %#x", h.kind, h.flags)
	case len(body) < min, exact && len(body) != min:
		return f, false, violation("frame of type %d with %d bytes", h.kind, len(body))
	case !onStream && h.stream != 0, h.stream == 0 && (h.kind == typeOpen || h.kind == typeReset):
		return f, false, violation("frame of type %d on stream %d", h.kind, h.stream)
	}
	f.flag = h.flags&flags != 0
	return f, true, f.fill(body)
}

// fill reads the fields; the least length is checked.
func (f *frame) fill(body []byte) error {
	be := binary.BigEndian
	switch f.kind {
	case typeOpen:
		n := int(be.Uint16(body))
		if n > maxMeta || n > len(body)-2 {
			return violation("OPEN with %d bytes of metadata in %d", n, len(body))
		}
		f.meta, f.data = body[2:2+n], body[2+n:]
	case typeData:
		f.offset, f.data = be.Uint64(body), body[8:]
		if f.offset > maxOffset {
			return violation("DATA at offset %d", f.offset)
		}
		if f.flag && f.stream == 0 {
			return violation("FIN on the control stream")
		}
	case typeWindow:
		f.ack, f.max = be.Uint64(body), be.Uint64(body[8:])
		if f.ack > maxOffset || f.max > maxOffset {
			return violation("WINDOW of %d, %d", f.ack, f.max)
		}
	case typePing:
		f.nonce = be.Uint64(body)
	case typeGoAway:
		f.code = Code(be.Uint16(body))
	case typeReset:
		if f.flag {
			if len(body) != 0 {
				return violation("RST ACK with %d bytes", len(body))
			}
			return nil
		}
		return f.fillReason(body)
	case typeClose:
		return f.fillReason(body)
	}
	return nil
}

func (f *frame) fillReason(body []byte) error {
	if len(body) < 3 || int(body[2]) > maxReason || len(body) != 3+int(body[2]) {
		return violation("malformed reason in frame of type %d", f.kind)
	}
	f.code, f.reason = Code(binary.BigEndian.Uint16(body)), string(body[3:])
	return nil
}

func appendData(b []byte, stream uint32, offset uint64, fin bool, data []byte) []byte {
	var flags uint8
	if fin {
		flags = flagFIN
	}
	b = appendHeader(b, typeData, flags, 8+len(data), stream)
	return append(binary.BigEndian.AppendUint64(b, offset), data...)
}

func appendOpen(b []byte, stream uint32, meta, data []byte) []byte {
	b = appendHeader(b, typeOpen, 0, 2+len(meta)+len(data), stream)
	b = binary.BigEndian.AppendUint16(b, uint16(len(meta)))
	return append(append(b, meta...), data...)
}

func appendWindow(b []byte, stream uint32, ack, limit uint64) []byte {
	b = appendHeader(b, typeWindow, 0, 16, stream)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, ack), limit)
}

func appendReset(b []byte, stream uint32, code Code, reason string) []byte {
	return appendReason(b, typeReset, stream, code, reason)
}

func appendResetAck(b []byte, stream uint32) []byte {
	return appendHeader(b, typeReset, flagACK, 0, stream)
}

func appendPing(b []byte, nonce uint64, pong bool) []byte {
	var flags uint8
	if pong {
		flags = flagPong
	}
	return binary.BigEndian.AppendUint64(appendHeader(b, typePing, flags, 8, 0), nonce)
}

func appendDrain(b []byte) []byte { return appendHeader(b, typeDrain, 0, 0, 0) }

func appendGoAway(b []byte, code Code) []byte {
	return binary.BigEndian.AppendUint16(appendHeader(b, typeGoAway, 0, 2, 0), uint16(code))
}

func appendClose(b []byte, code Code, reason string) []byte {
	return appendReason(b, typeClose, 0, code, reason)
}

func appendReason(b []byte, kind frameType, stream uint32, code Code, reason string) []byte {
	reason = reason[:min(len(reason), maxReason)]
	b = appendHeader(b, kind, 0, 3+len(reason), stream)
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	return append(append(b, byte(len(reason))), reason...)
}
