package link

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// lend makes a chunk that holds data where a read leaves it.
func lend(data []byte) (c *chunk, at []byte) {
	c = largeChunks.Get().(*chunk)
	n := copy(c.buf[dataHeader:], data)
	return c, c.buf[dataHeader : dataHeader+n]
}

func TestALargeFrameIsKeptWhereItWasRead(t *testing.T) {
	block := func(b byte) []byte { return bytes.Repeat([]byte{b}, maxData) }
	in := inbound{granted: 1 << 20}
	give := func(offset int, b byte, kept bool) *chunk {
		t.Helper()
		c, at := lend(block(b))
		if err := in.receive(uint64(offset), at, false, c); err != nil {
			t.Fatal(err)
		}
		if (c.n > 0) != kept {
			t.Errorf("the frame at %d: kept %v", offset, c.n > 0)
		}
		return c
	}
	first := give(0, 'a', true)
	if in.head != first {
		t.Error("what is next was copied")
	}
	beyond := give(2*maxData, 'c', true) // beyond a gap
	give(2*maxData, 'x', false)          // a copy of what is there
	give(maxData-1, 'b', false)          // its first byte is there already: the rest closes the gap but for one
	if in.next != 2*maxData-1 {
		t.Fatalf("%d bytes are there", in.next)
	}
	give(2*maxData-1, 'y', false) // one byte of it is new
	if in.next != 3*maxData || in.tail != beyond {
		t.Fatalf("%d bytes are there; the chunk beyond the gap is the last: %v", in.next, in.tail == beyond)
	}
	got := make([]byte, 3*maxData)
	if n := in.take(got); n != len(got) {
		t.Fatalf("took %d", n)
	}
	want := append(append(append(block('a'), bytes.Repeat([]byte{'b'}, maxData-1)...), 'y'), block('c')...)
	if !bytes.Equal(got, want) {
		t.Error("other bytes came out")
	}
	in.discard = true
	give(3*maxData, 'd', false)
}

// TestAChunkThatIsReadOutlivesItsStream has a stream end within the frames of
// one read: its chunk must not be another's before they were all read.
func TestAChunkThatIsReadOutlivesItsStream(t *testing.T) {
	c, at := lend(bytes.Repeat([]byte{'a'}, maxData))
	in := inbound{granted: 1 << 20}
	c.refs++ // as the reader does
	if err := in.receive(0, at, false, c); err != nil {
		t.Fatal(err)
	}
	in.clear()
	if !c.freed || c.n == 0 || !bytes.Equal(at, bytes.Repeat([]byte{'a'}, maxData)) {
		t.Fatal("the chunk was given away")
	}
	if c.release(); c.freed || c.n != 0 {
		t.Fatal("the chunk was not given back")
	}
}

func TestWhatWasReadBehindALentFrameIsNotOverwritten(t *testing.T) {
	e := newEnd(false, testLimits, 1<<30, 1<<30)
	lane := &Lane{link: newLink(Config{}.withDefaults()), state: e.laneUp(1, Small, 0)}
	lane.link.end = e
	lane.link.ackTimer = time.AfterFunc(time.Hour, func() {})
	give := func(frames ...[]byte) {
		t.Helper()
		in := largeChunks.Get().(*chunk)
		n := copy(in.buf, slices.Concat(frames...))
		if next, rest := lane.take(in, n); rest != 0 {
			t.Fatalf("%d bytes are left", rest)
		} else {
			next.free()
		}
		if err := lane.link.failed; err != nil {
			t.Fatal(err)
		}
	}
	large, later := bytes.Repeat([]byte("l"), largeBuffer/2+100), bytes.Repeat([]byte("r"), 4000)
	give(appendOpen(nil, 1, nil, nil), appendOpen(nil, 2, nil, nil))
	give(appendData(nil, 1, uint64(len(large)), false, later)) // beyond a gap, which the next one fills
	give(appendData(nil, 1, 0, false, large), appendData(nil, 2, 0, false, []byte("another stream")))
	got := make([]byte, 20_000)
	if n, _, err := e.read(e.streams[1], got, 0); err != nil || !bytes.Equal(got[:n], append(large, later...)) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, _, err := e.read(e.streams[2], got, 0); err != nil || string(got[:n]) != "another stream" {
		t.Errorf("%q, %v", got[:min(n, 40)], err)
	}
}
