package link

import "encoding/binary"

const (
	// maxCopy is the most bytes of a DATA that goes out twice: requests, answers and the ends of packages, not bulk.
	maxCopy = 2 << 10
	// maxCopied is how many bytes of copies wait for a lane. What does not fit is not copied: a lane that cannot take
	// copies would bring them too late.
	maxCopied = 64 << 10
	// maxSplits is how often copied and other bytes may take turns within the unacknowledged bytes of a stream. Copies
	// that overtake what lies between them are gaps at the peer; together with maxTurns they stay below maxGaps.
	maxSplits = 8
)

// copy puts a frame that goes out on l on a second lane too, while the way loses packets, and returns which: 0 for none.
// The second copy leaves before interactive data and bulk there. Nothing depends on it: what is retained, and goes again
// when a lane dies, is the first one.
func (e *end) copy(l *lane, frame []byte) (twin uint16) {
	t := l.twin
	if !e.copying || t == nil || len(t.copied)+len(frame) > maxCopied {
		return 0
	}
	t.copied = append(t.copied, frame...)
	return t.id
}

// copyOf is copy for a frame of a stream: until the peer knows that, only the lane that carried the copy of its OPEN may
// carry others, so that nothing overtakes it.
func (e *end) copyOf(s *stream, l *lane, frame []byte) (twin uint16) {
	if !s.confirmed && (l.twin == nil || s.openTwin != l.twin.id) {
		return 0
	}
	return e.copy(l, frame)
}

// copyData is copyOf for DATA that goes out for the first time. It keeps the gaps bounded that copies make.
func (e *end) copyData(s *stream, l *lane, c *chunk, frame []byte) {
	o := &s.out
	var twin uint16
	if apart := c != o.head && (l.twin == nil || o.twin != l.twin.id); !apart || o.splits < maxSplits {
		if twin = e.copyOf(s, l, frame); apart && twin != 0 {
			c.split = true
			o.splits++
		}
	}
	o.twin = twin
}

// gatherCopies appends copies, whole frames of them.
func (e *end) gatherCopies(l *lane, b []byte) []byte {
	n := 0
	for n < len(l.copied) {
		m := headerSize + int(binary.BigEndian.Uint16(l.copied[n+2:]))
		if len(b)+n+m > maxFrame {
			break
		}
		n += m
	}
	b = append(b, l.copied[:n]...)
	e.copiedBytes += uint64(n)
	if rest := copy(l.copied, l.copied[n:]); rest > 0 || e.copying {
		l.copied = l.copied[:rest]
	} else {
		l.copied = nil
	}
	return b
}
