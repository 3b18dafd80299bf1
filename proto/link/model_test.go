package link

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// pipe is one direction of a simulated lane: records in flight. What follows a lost record is lost too.
type pipe struct {
	flight [][]byte
	cut    bool
}

// simLane joins two ends. Each end learns of its death on its own.
type simLane struct {
	at      [2]*lane
	dead    [2]bool
	to      [2]pipe   // to[i] is on its way to end i
	writing [2]*chunk // what end i is writing now
}

// simStream is what the program at one end does with a stream, and knows of it.
type simStream struct {
	s       *stream
	id      uint32
	total   uint64 // bytes to write
	wrote   uint64
	read    uint64
	closed  bool // the sending direction was ended after total bytes
	eof     bool
	left    bool
	err     error
	stalled bool // does not read until the end of the run
}

type world struct {
	rng     *rand.Rand
	now     time.Duration
	ends    [2]*end // 0 dials
	lanes   []*simLane
	users   [2]map[uint32]*simStream
	resets  map[uint32]bool // streams that a program reset or left
	copies  [2][]frameCopy
	sent    [2][]byte // control messages, concatenated
	got     [2][]byte
	laneID  uint16
	quiet   int // how rare control messages are
	growth  [2]uint64
	gaps    int
	shunned int
	buffer  [32_000]byte
	broken  error
}

type frameCopy struct{ body []byte }

// noise is what streams carry: each stream direction another part of it, so that no byte is taken for its neighbour.
var noise = func() []byte {
	b := make([]byte, 1<<16+1<<15)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	copy(b[1<<16:], b)
	return b
}()

// content is up to 32 KiB of what one end writes to a stream, from an offset on.
func content(id uint32, from int, offset uint64, n int) []byte {
	start := (uint64(id)*40_503 + uint64(from)*30_011 + offset) % (1 << 16)
	return noise[start : start+uint64(min(n, 1<<15))]
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 77)), resets: map[uint32]bool{}}
	l := limits{initWindow: 1024 << w.rng.IntN(6), maxStreams: 40, maxLanes: 8}
	credit := uint64(l.initWindow)*uint64(l.maxStreams) + uint64(w.rng.IntN(1<<20))
	for i := range w.ends {
		e := newEnd(i == 0, l, credit, 1<<uint(14+w.rng.IntN(6)))
		w.growth[i] = e.growth
		w.ends[i], w.users[i] = e, map[uint32]*simStream{}
	}
	w.ends[1].offer = func(s *stream, _ Meta) { w.adopt(1, s) }
	w.quiet = 8 << w.rng.IntN(8)
	w.ends[0].copying, w.ends[1].copying = w.rng.IntN(3) == 0, w.rng.IntN(3) == 0
	for range 1 + w.rng.IntN(4) {
		w.addLane()
	}
	return w
}

func (w *world) addLane() {
	w.laneID++
	class := Class(w.rng.IntN(2))
	w.lanes = append(w.lanes, &simLane{at: [2]*lane{w.ends[0].laneUp(w.laneID, class, w.now), w.ends[1].laneUp(w.laneID, class, w.now)}})
}

func (w *world) adopt(at int, s *stream) *simStream {
	u := &simStream{s: s, id: s.id, stalled: w.rng.IntN(8) == 0}
	switch w.rng.IntN(4) {
	case 0:
		u.total = uint64(w.rng.IntN(100))
	case 1:
		u.total = uint64(w.rng.IntN(100_000))
	default:
		u.total = uint64(w.rng.IntN(5000))
	}
	w.users[at][s.id] = u
	return u
}

func (w *world) fail(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf(format, args...)
	}
}

// send gathers one record at an end. Now and then the record is lost with a lane that is dead for the other end only.
func (w *world) send(l *simLane, from int) bool {
	if l.dead[from] {
		return false
	}
	w.written(l, from)
	ready := w.ends[from].ready(l.at[from])
	if w.rng.IntN(3) == 0 {
		l.at[from].waited(w.now)
	}
	b, held := w.ends[from].gather(l.at[from], w.now)
	if len(b) > 0 && !ready {
		w.fail("end %d had a record for a lane that it called idle", from)
	}
	if len(b) == 0 {
		return false
	}
	if len(b) > maxFrame {
		w.fail("record of %d bytes", len(b))
	}
	p := &l.to[1-from]
	if p.cut = p.cut || l.dead[1-from] && w.rng.IntN(2) == 0; !p.cut {
		p.flight = append(p.flight, b)
	}
	l.writing[from] = held
	return true
}

// written ends the writing of a record: until then its bytes must not change.
func (w *world) written(l *simLane, from int) {
	p := &l.to[1-from]
	if n := len(p.flight); n > 0 {
		p.flight[n-1] = bytes.Clone(p.flight[n-1])
	}
	if l.writing[from] != nil {
		l.writing[from].release()
		l.writing[from] = nil
	}
}

// deliver hands the oldest record of a lane to an end. A dead lane may still deliver for a while.
func (w *world) deliver(l *simLane, to int) bool {
	p := &l.to[to]
	if len(p.flight) == 0 {
		return false
	}
	w.written(l, 1-to)
	b := p.flight[0]
	p.flight = p.flight[1:]
	for len(b) > 0 {
		h, err := parseHeader(b)
		if err != nil {
			w.fail("header: %v", err)
			return false
		}
		n := headerSize + h.length
		w.receive(l.at[to], to, b[:n])
		if k := h.kind; k != typePing && k != typeDrain && w.rng.IntN(20) == 0 {
			w.copies[to] = append(w.copies[to], frameCopy{body: bytes.Clone(b[:n])})
		}
		b = b[n:]
	}
	return true
}

func (w *world) receive(l *lane, to int, b []byte) {
	f, ok, err := decodeOne(b)
	if err != nil || !ok {
		w.fail("frame %x: %v", b[:8], err)
		return
	}
	if err := w.ends[to].receive(l, f, w.now); err != nil {
		w.fail("end %d refused frame %d of stream %d: %v", to, f.kind, f.stream, err)
	}
	if s := w.ends[to].streams[f.stream]; s != nil {
		w.gaps = max(w.gaps, len(s.in.runs))
	}
}

// copyAgain delivers a frame once more, on any lane.
func (w *world) copyAgain(to int) {
	c := w.copies[to]
	l := w.lanes[w.rng.IntN(len(w.lanes))]
	if len(c) == 0 {
		return
	}
	i := w.rng.IntN(len(c))
	w.receive(l.at[to], to, c[i].body)
}

// kill lets one end see the death of a lane; what is on its way there is lost, what is on its way from there arrives in
// part.
func (w *world) kill(l *simLane, at int) {
	if l.dead[at] {
		return
	}
	whole := 0
	for _, o := range w.lanes {
		if o != l && !o.dead[0] && !o.dead[1] && !o.at[0].leaving() && !o.at[1].leaving() {
			whole++
		}
	}
	if whole == 0 {
		return
	}
	w.written(l, at)
	l.dead[at] = true
	w.ends[at].laneDown(l.at[at], w.now)
	if w.rng.IntN(3) > 0 {
		l.to[at] = pipe{cut: true}
	}
	p := &l.to[1-at]
	p.flight = p.flight[:w.rng.IntN(len(p.flight)+1)]
}

// act lets the programs do something.
func (w *world) act(at int) {
	if at == 0 && len(w.ends[0].streams) < 30 && w.rng.IntN(6) == 0 {
		meta, _ := (&Meta{ALPN: "model", Leaf: make([]byte, w.rng.IntN(3000))}).append(nil)
		w.adopt(0, w.ends[0].open(meta, uint64(w.rng.IntN(3)), w.now))
	}
	if w.rng.IntN(w.quiet) == 0 {
		w.say(at, w.rng.IntN(maxMessage))
	}
	w.takeMessages(at)
	for _, id := range sortedIDs(w.users[at]) {
		u := w.users[at][id]
		switch w.rng.IntN(5) {
		case 0, 1:
			w.write(at, u, w.rng.IntN(20_000))
		case 2:
			if !u.stalled {
				w.readSome(at, u, 1+w.rng.IntN(20_000))
			}
		case 3:
			if w.rng.IntN(150) == 0 && u.err == nil && !u.s.closed {
				w.resets[u.id] = true
				w.ends[at].reset(u.s, CodeCancel, "model")
			} else if w.rng.IntN(150) == 0 && u.closed && !u.left {
				w.resets[u.id], u.left = true, true
				w.ends[at].leave(u.s, w.now)
			}
		}
	}
}

// say sends a control message when there is room.
func (w *world) say(at, n int) {
	start := w.rng.IntN(1 << 14)
	if m := noise[start : start+n]; w.ends[at].control.send(m) {
		w.sent[at] = append(w.sent[at], m...)
	}
}

func (w *world) takeMessages(at int) {
	for {
		m, ok, err := w.ends[at].control.take()
		if err != nil {
			w.fail("control: %v", err)
		}
		if !ok {
			return
		}
		w.got[at] = append(w.got[at], m...)
	}
}

func (w *world) write(at int, u *simStream, most int) {
	if u.err != nil || u.closed {
		return
	}
	p := content(u.id, at, u.wrote, int(min(uint64(most), u.total-u.wrote)))
	n, err := w.ends[at].write(u.s, p, w.now)
	u.wrote += uint64(n)
	if err == nil && u.wrote == u.total {
		u.closed = true
		err = w.ends[at].closeWrite(u.s, w.now)
	}
	w.note(u, err)
}

func (w *world) readSome(at int, u *simStream, most int) {
	if u.err != nil || u.eof || u.left {
		return
	}
	p := w.buffer[:most]
	n, done, err := w.ends[at].read(u.s, p, w.now)
	if !bytes.Equal(p[:n], content(u.id, 1-at, u.read, n)) {
		w.fail("stream %d: end %d read wrong bytes between %d and %d", u.id, at, u.read, u.read+uint64(n))
		return
	}
	u.read += uint64(n)
	w.note(u, err)
	if done {
		u.eof = true
		if o := w.users[1-at][u.id]; !o.closed || o.total != u.read {
			w.fail("stream %d: end %d read the end after %d bytes, the peer wrote %d of %d", u.id, at, u.read, o.wrote, o.total)
		}
	}
}

func (w *world) note(u *simStream, err error) {
	if err == nil || u.err != nil {
		return
	}
	u.err = err
	if r := (*ResetError)(nil); !errors.As(err, &r) || !w.resets[u.id] {
		w.fail("stream %d ended with %v, and nobody had reset it", u.id, err)
	}
}

func (w *world) step() {
	w.now += time.Duration(w.rng.IntN(20)) * time.Millisecond
	l := w.lanes[w.rng.IntN(len(w.lanes))]
	at := w.rng.IntN(2)
	switch k := w.rng.IntN(100); {
	case k < 40:
		w.send(l, at)
	case k < 80:
		w.deliver(l, at)
	case k < 92:
		w.act(at)
	case k < 94:
		w.copyAgain(at)
	case k < 96:
		w.kill(l, at)
	case k < 97:
		if len(w.lanes) < 12 {
			w.addLane()
		}
	case k < 98:
		w.ends[at].flushAcks()
		w.ends[at].tick(w.now)
		if w.rng.IntN(4) == 0 {
			w.ends[at].copying = !w.ends[at].copying
		}
		w.doubt(l, at)
	default:
		w.drainSome(l, at)
	}
}

func (w *world) drainSome(l *simLane, at int) {
	whole := 0
	for _, o := range w.lanes {
		if o != l && !o.dead[0] && !o.dead[1] && !o.at[0].leaving() && !o.at[1].leaving() {
			whole++
		}
	}
	if whole > 0 && !l.dead[at] && w.rng.IntN(4) == 0 {
		w.ends[at].drain(l.at[at], w.now)
	}
}

// doubt lets an end pass a lane over, or trust it again.
func (w *world) doubt(l *simLane, at int) {
	switch {
	case l.dead[at]:
	case l.at[at].shunned:
		w.ends[at].trust(l.at[at])
	default:
		if w.ends[at].shun(l.at[at], w.now); l.at[at].shunned {
			w.shunned++
		}
	}
}

// finish lets everything that was begun come to its end, and says what did not.
func (w *world) finish() {
	for turn := range 3000 {
		busy := false
		w.now += 20 * time.Millisecond
		for _, l := range w.lanes {
			for i := range 2 {
				if !l.dead[i] && (l.at[i].drained() || l.dead[1-i] && w.rng.IntN(3) == 0) {
					w.kill(l, i)
				}
				if l.at[i].shunned && turn > 10 {
					w.doubt(l, i)
				}
				busy = w.send(l, i) || busy
				busy = w.deliver(l, i) || busy
			}
			busy = busy || l.dead[0] != l.dead[1] // the other end finds out in time, and says again what was lost
		}
		for at := range 2 {
			w.takeMessages(at)
			if w.quiet < 16 && turn < 20 {
				w.say(at, 50_000) // so that the control stream needs new credit
			}
			w.ends[at].flushAcks()
			w.ends[at].tick(w.now)
			for _, id := range sortedIDs(w.users[at]) {
				w.write(at, w.users[at][id], 32_000)
				w.readSome(at, w.users[at][id], 32_000)
			}
		}
		if w.broken != nil || !busy && len(w.ends[0].streams)+len(w.ends[1].streams) == 0 {
			break
		}
	}
	for _, l := range w.lanes {
		w.written(l, 0)
		w.written(l, 1)
	}
	for at, e := range w.ends {
		for _, s := range e.inOrder() {
			w.fail("end %d: stream %d hangs: confirmed %v resetting %v due %v out %d/%d/%d credit %d fin %v %v in %d/%d final %v", at, s.id,
				s.confirmed, s.resetting, s.resetDue, s.out.acked, s.out.sent, s.out.written, s.out.credit, s.out.finSent, s.out.finAcked, s.in.read, s.in.next, s.in.hasFinal)
		}
		for _, u := range w.users[at] {
			if !u.eof && u.err == nil && !u.left && u.s.err == nil {
				w.fail("end %d: stream %d closed and its reader was not told", at, u.id)
			}
		}
		if e.retained != 0 || e.resetting != 0 || e.growth != w.growth[at] || len(e.control.kept) != 0 {
			w.fail("end %d: at the end %d bytes retained, %d resetting, growth %d of %d, %d control bytes", at, e.retained, e.resetting, e.growth, w.growth[at], len(e.control.kept))
		}
		if got, want := w.got[1-at], w.sent[at]; !bytes.Equal(got, want) {
			w.fail("control messages of end %d: %d bytes came of %d", at, len(got), len(want))
		}
	}
}

func sortedIDs(m map[uint32]*simStream) []uint32 {
	ids := make([]uint32, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	for i := 1; i < len(ids); i++ {
		for j := i; j > 0 && ids[j] < ids[j-1]; j-- {
			ids[j], ids[j-1] = ids[j-1], ids[j]
		}
	}
	return ids
}
