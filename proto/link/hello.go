package link

import "encoding/binary"

const (
	helloSize   = 56 // bytes of the body in version 1; more may follow
	welcomeSize = 35
	maxHello    = 512 // bytes of the whole frame
)

// Class says what a lane is for. Both classes carry everything when the other has no lane.
type Class uint8

const (
	Small Class = 0 // control frames and interactive data
	Bulk  Class = 1 // the rest
)

// String returns the word of a class.
func (c Class) String() string {
	if c == Bulk {
		return "bulk"
	}
	return "small"
}

// ID names a link (drawn by the dialing end) or one life of it (drawn by the accepting end).
type ID [16]byte

// limits are what both ends state; the lower one of each wins.
type limits struct {
	initWindow uint32
	maxStreams uint32
	maxLanes   uint8
}

func (l limits) lower(o limits) limits {
	return limits{min(l.initWindow, o.initWindow), min(l.maxStreams, o.maxStreams), min(l.maxLanes, o.maxLanes)}
}

// check refuses limits with which no link could work.
func (l limits) check() error {
	if l.initWindow < 1024 || l.initWindow > maxWindow || l.maxStreams == 0 || l.maxLanes == 0 {
		return violation("limits of %d bytes, %d streams, %d lanes", l.initWindow, l.maxStreams, l.maxLanes)
	}
	return nil
}

// hello is the first frame on each lane, from the dialing end.
type hello struct {
	minVersion, maxVersion uint16
	caps                   uint64
	link, epoch            ID // a zero epoch asks for a new link
	lane                   uint16
	class                  Class
	limits                 limits
}

func (h hello) append(b []byte) []byte {
	be := binary.BigEndian
	b = appendHeader(b, typeHello, 0, helloSize, 0)
	b = be.AppendUint16(be.AppendUint16(b, h.minVersion), h.maxVersion)
	b = be.AppendUint64(b, h.caps)
	b = append(append(b, h.link[:]...), h.epoch[:]...)
	b = append(be.AppendUint16(b, h.lane), byte(h.class))
	return h.limits.append(b)
}

func (l limits) append(b []byte) []byte {
	be := binary.BigEndian
	return append(be.AppendUint32(be.AppendUint32(b, l.initWindow), l.maxStreams), l.maxLanes)
}

func parseLimits(b []byte) limits {
	return limits{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), b[8]}
}

// checkHello judges the header of a first frame, before its body is read.
func checkHello(h header) error {
	if h.kind != typeHello || h.flags != 0 || h.stream != 0 || h.length < helloSize || h.length > maxHello-headerSize {
		return violation("first frame is not a HELLO of at most %d bytes", maxHello)
	}
	return nil
}

// decodeHello reads the body of a HELLO. Bytes beyond the known fields belong to later versions.
func decodeHello(h header, body []byte) (hello, error) {
	if err := checkHello(h); err != nil {
		return hello{}, err
	}
	if len(body) != h.length {
		return hello{}, violation("short HELLO")
	}
	be := binary.BigEndian
	m := hello{minVersion: be.Uint16(body), maxVersion: be.Uint16(body[2:]), caps: be.Uint64(body[4:]),
		link: ID(body[12:28]), epoch: ID(body[28:44]), lane: be.Uint16(body[44:]), class: Class(body[46]), limits: parseLimits(body[47:])}
	if m.minVersion > m.maxVersion || m.lane == 0 || m.class > Bulk || m.link == (ID{}) {
		return hello{}, violation("HELLO with versions %d to %d, lane %d, class %d", m.minVersion, m.maxVersion, m.lane, m.class)
	}
	return m, m.limits.check()
}

// welcome answers a hello.
type welcome struct {
	version uint16
	caps    uint64
	epoch   ID
	limits  limits
}

func (w welcome) append(b []byte) []byte {
	b = appendHeader(b, typeWelcome, 0, welcomeSize, 0)
	b = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(b, w.version), w.caps)
	return w.limits.append(append(b, w.epoch[:]...))
}

// decodeWelcome reads the body of a WELCOME. Bytes beyond the known fields belong to later versions.
func decodeWelcome(h header, body []byte) (welcome, error) {
	if h.kind != typeWelcome || h.flags != 0 || h.stream != 0 || len(body) != h.length || h.length < welcomeSize || h.length > maxHello-headerSize {
		return welcome{}, violation("answer to HELLO is not a WELCOME of at most %d bytes", maxHello)
	}
	be := binary.BigEndian
	w := welcome{version: be.Uint16(body), caps: be.Uint64(body[2:]), epoch: ID(body[10:26]), limits: parseLimits(body[26:])}
	if w.version < minVersion || w.version > Version || w.epoch == (ID{}) {
		return welcome{}, violation("WELCOME with version %d", w.version)
	}
	return w, w.limits.check()
}
