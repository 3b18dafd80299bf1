package link

import (
	"bytes"
	"testing"
	"time"
)

// bench is a link whose lanes' kernels say what the test wants.
type bench struct {
	*Link
	now   time.Duration
	looks []look
}

func newBench(classes ...Class) *bench {
	b := &bench{Link: newLink(Config{}.withDefaults()), now: time.Minute}
	b.end = newEnd(true, testLimits, 1<<20, 1<<20)
	for i, class := range classes {
		lane := &Lane{link: b.Link, state: b.end.laneUp(uint16(i+1), class, b.now)}
		b.looks = append(b.looks, look{lane: lane, TCP: TCP{RTT: 50 * time.Millisecond}})
	}
	return b
}

// pass lets a look go by, after which these lanes got on and the others did not.
func (b *bench) pass(moving ...int) (stuck []look, doubt bool) {
	for i := range b.looks {
		b.looks[i].Unacked, b.looks[i].Backoff = 10, min(b.looks[i].Backoff+1, 5)
	}
	for _, i := range moving {
		b.looks[i].AckedBytes += 1000
		b.looks[i].Backoff = 0
	}
	b.now += lookSoon
	stuck, doubt, _ = b.judge(b.looks, b.now, lookSoon)
	for _, k := range stuck {
		k.lane.advance = advance{} // another one in its place
		k.lane.state.shunned = false
	}
	return stuck, doubt
}

func (b *bench) shunned(i int) bool { return b.looks[i].lane.state.shunned }

func TestALaneThatDoesNotGetOnIsPassedOverAndThenReplaced(t *testing.T) {
	b := newBench(Small, Small, Bulk, Bulk)
	b.pass(0, 1, 2, 3)
	began := b.now
	for !b.shunned(1) {
		if _, doubt := b.pass(0, 2, 3); !doubt {
			t.Fatal("the next look is not soon")
		}
	}
	if after := b.now - began; after < shunAfter || after > 2*shunAfter {
		t.Errorf("passed over after %v", after)
	}
	stuck, _ := b.pass(0, 2, 3)
	for len(stuck) == 0 {
		stuck, _ = b.pass(0, 2, 3)
	}
	if after := b.now - began; after < stuckAfter || after > stuckAfter+time.Second || stuck[0].lane != b.looks[1].lane {
		t.Errorf("given up after %v", after)
	}
	given := b.now
	for stuck, _ = b.pass(0, 2, 3); len(stuck) == 0; {
		stuck, _ = b.pass(0, 2, 3)
	}
	if again := b.now - given; again < stuckPause {
		t.Errorf("the next one is given up after %v", again)
	}
}

func TestALinkThatIsDownKeepsItsLanes(t *testing.T) {
	b := newBench(Small, Small, Bulk, Bulk)
	b.pass(0, 1, 2, 3)
	for range 240 {
		if stuck, _ := b.pass(); len(stuck) > 0 || b.shunned(0) || b.shunned(1) || b.shunned(2) || b.shunned(3) {
			t.Fatal("a lane is blamed although no other gets on")
		}
	}
	for range 3 * int(time.Second/lookSoon) { // the way is back, and the timers run out one after the other
		if stuck, _ := b.pass(0); len(stuck) > 0 {
			t.Fatal("a lane is given up soon after the way came back")
		}
	}
	b.pass(0, 1, 2, 3)
	for i := range b.looks {
		if b.shunned(i) {
			t.Errorf("lane %d is still passed over", i)
		}
	}
}

func TestASlowWayKeepsItsLanes(t *testing.T) {
	b := newBench(Small, Bulk)
	for i := range 1000 { // now one gets on, then the other, each after its timer ran out
		if stuck, _ := b.pass(i % 2); len(stuck) > 0 || b.shunned(0) || b.shunned(1) {
			t.Fatalf("a lane is blamed at look %d", i)
		}
	}
	far := newBench(Small, Small)
	for i := range far.looks {
		far.looks[i].RTT = 2 * time.Second
	}
	far.pass(0, 1)
	for range int(8*time.Second/lookSoon) - 1 {
		if far.pass(0); far.shunned(1) {
			t.Fatal("a lane is passed over within four round trips")
		}
	}
}

func TestALaneThatGetsOnAgainIsTrusted(t *testing.T) {
	b := newBench(Small, Small)
	for !b.shunned(1) {
		b.pass(0)
	}
	if b.pass(0, 1); b.shunned(1) || !b.looks[1].lane.state.carries[0] {
		t.Error("the lane gets on and is still passed over")
	}
}

func TestQuietLanesAreAskedWhenOneIsInDoubt(t *testing.T) {
	b := newBench(Small, Small)
	b.pass(0, 1)
	quiet := b.looks[0].lane.state
	quiet.pingDue, quiet.nonce = false, 0
	if b.pass(); !quiet.pingDue {
		t.Error("nothing asks whether the other lane gets on")
	}
	quiet.pingDue, quiet.nonce = false, 7
	if b.pass(); quiet.pingDue {
		t.Error("a second PING before the answer to the first")
	}
}

func TestAShunnedLaneLeavesItsSmallFramesToAnother(t *testing.T) {
	ends, lanes, move := twoLanes(t)
	all := func(from, lane int, lost bool) {
		for len(move(from, lane, lost)) > 0 {
		}
	}
	s := ends[0].open(nil, 1, 0)
	request := bytes.Repeat([]byte("small "), 200)
	if _, err := ends[0].write(s, request, 0); err != nil {
		t.Fatal(err)
	}
	if err := ends[0].closeWrite(s, 0); err != nil {
		t.Fatal(err)
	}
	all(0, 0, true)
	ends[0].shun(lanes[0][0], 0)
	if lanes[0][0].unacked != 0 || ends[0].ready(lanes[0][0]) {
		t.Errorf("%d frames are still counted where they are stuck", lanes[0][0].unacked)
	}
	all(0, 1, false)
	peer := ends[1].streams[s.id]
	if peer == nil || !peer.in.complete() || peer.in.next != uint64(len(request)) {
		t.Fatal("the frames of the shunned lane did not go again")
	}
	all(1, 0, true) // the answer to OPEN and to FIN
	ends[1].shun(lanes[1][0], 0)
	all(1, 1, false)
	if !s.confirmed || !s.out.finAcked || ends[0].retained != 0 {
		t.Error("the acknowledgement on the shunned lane did not go again")
	}
	ends[0].laneDown(lanes[0][1], 0)
	if lanes[0][0].shunned || !lanes[0][0].carries[0] || !lanes[0][0].carries[2] {
		t.Error("the last lane that is left is passed over")
	}
}

func TestBulkStaysOnAShunnedLane(t *testing.T) {
	ends, lanes, move := pairOfEnds(t, testLimits)
	s := ends[0].open(nil, 1, 0)
	move()
	if n, _ := ends[0].write(s, make([]byte, 32<<10), 0); n != 32<<10 {
		t.Fatal(n)
	}
	var late [][]byte
	for l := lanes[0][Bulk]; ends[0].ready(l); {
		b, held := ends[0].gather(l, 0)
		late = append(late, bytes.Clone(b))
		if held != nil {
			held.release()
		}
	}
	ends[0].shun(lanes[0][Bulk], 0)
	if s.out.again != 0 || lanes[0][Bulk].unacked == 0 {
		t.Error("bulk goes again although its lane lives")
	}
	for _, b := range late {
		receiveAll(t, ends[1], lanes[1][Bulk], b)
	}
	if got := ends[1].streams[s.id].in.next; got != 32<<10 {
		t.Errorf("%d bytes came", got)
	}
}

func TestBulkOfShunnedLanesDoesNotFollowSmallFrames(t *testing.T) {
	ends, lanes, _ := pairOfEnds(t, testLimits)
	ends[0].shun(lanes[0][Bulk], 0)
	if c := lanes[0][Small].carries; !c[0] || !c[1] || c[2] {
		t.Errorf("while the bulk lane is shunned the small one carries %v", c)
	}
	ends[0].laneDown(lanes[0][Bulk], 0)
	if !lanes[0][Small].carries[2] {
		t.Error("bulk goes nowhere after the death of its lane")
	}
}

func TestBulkThatGoesAgainStaysBulk(t *testing.T) {
	ends, lanes, move := pairOfEnds(t, testLimits)
	another := ends[0].laneUp(9, Bulk, 0)
	s := ends[0].open(nil, 1, 0)
	move()
	if n, _ := ends[0].write(s, make([]byte, 32<<10), 0); n != 32<<10 {
		t.Fatal(n)
	}
	for l := lanes[0][Bulk]; ends[0].ready(l); {
		if _, held := ends[0].gather(l, 0); held != nil {
			held.release()
		}
	}
	ends[0].laneDown(lanes[0][Bulk], time.Minute) // its allowance is full by then
	small, held := ends[0].gather(lanes[0][Small], time.Minute)
	if held != nil || kinds(t, small)[typeData] > 0 {
		t.Error("what a bulk lane had goes again on a small one")
	}
	if !ends[0].ready(another) {
		t.Error("what a bulk lane had does not go again on another one")
	}
}
