package link

import "sync"

// Buffers come in two sizes: a small one for requests and answers, and one that fills a frame.
const (
	smallBuffer = 2 << 10
	largeBuffer = maxFrame
)

// chunk is a pooled buffer with room for the header of a DATA frame before its bytes. On the way out it is retained
// until the peer has acknowledged its end, and every sending of it uses the same bytes. On the way in it holds what the
// program has not read yet.
type chunk struct {
	buf    []byte // the bytes start at dataHeader
	n      int    // bytes
	next   *chunk
	offset uint64 // of the first byte
	read   int    // inbound: bytes that the program has taken
	lane   uint16 // outbound: the lane it was last sent on; 0: to be sent
	refs   int16  // lanes that are writing buf now
	sent   bool   // was on a lane before
	turned bool   // first sent on another lane than the chunk before it
	split  bool   // first sent with a copy, after a chunk that has none on the same lane
	freed  bool   // goes to the pool when refs is 0
	framed bool   // the header is there
}

var smallChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, smallBuffer)} }}
var largeChunks = sync.Pool{New: func() any { return &chunk{buf: make([]byte, largeBuffer)} }}

// newChunk returns an empty chunk that suits n more bytes.
func newChunk(n int) *chunk {
	if n <= smallBuffer-dataHeader {
		return smallChunks.Get().(*chunk)
	}
	return largeChunks.Get().(*chunk)
}

// free gives the chunk back as soon as no lane is writing it. Nobody may use it afterwards.
func (c *chunk) free() {
	if c.freed = true; c.refs > 0 {
		return
	}
	*c = chunk{buf: c.buf}
	if len(c.buf) == smallBuffer {
		smallChunks.Put(c)
	} else {
		largeChunks.Put(c)
	}
}

// release ends one writing of the chunk.
func (c *chunk) release() {
	if c.refs--; c.freed {
		c.free()
	}
}

func (c *chunk) end() uint64 { return c.offset + uint64(c.n) }

func (c *chunk) room() int { return len(c.buf) - dataHeader - c.n }

func (c *chunk) bytes() []byte { return c.buf[dataHeader : dataHeader+c.n] }

// add copies as much of p as fits.
func (c *chunk) add(p []byte) int {
	n := copy(c.buf[dataHeader+c.n:], p)
	c.n += n
	return n
}

// frame returns the chunk as a DATA frame, which shares its bytes. The header is written once: a lane that died may still
// be reading it.
func (c *chunk) frame(stream uint32) []byte {
	if !c.framed {
		c.framed = true
		appendData(c.buf[:0], stream, c.offset, false, nil)
		putHeader(c.buf, typeData, 0, 8+c.n, stream)
	}
	return c.buf[:dataHeader+c.n]
}
