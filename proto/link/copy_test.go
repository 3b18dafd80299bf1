package link

import (
	"bytes"
	"testing"
	"time"
)

// twoLanes returns two ends joined by two small lanes, and a function that lets an end write one record on one of them.
// The record arrives unless it is lost.
func twoLanes(t *testing.T) (ends [2]*end, lanes [2][2]*lane, move func(from, lane int, lost bool) []byte) {
	t.Helper()
	for i := range ends {
		ends[i] = newEnd(i == 0, limits{initWindow: 4 << 20, maxStreams: 1000, maxLanes: 8}, 8<<30, 1<<30)
		for n := range lanes[i] {
			lanes[i][n] = ends[i].laneUp(uint16(n+1), Small, 0)
		}
	}
	return ends, lanes, func(from, lane int, lost bool) []byte {
		t.Helper()
		b, held := ends[from].gather(lanes[from][lane], 0)
		if held != nil {
			defer held.release()
		}
		if !lost {
			receiveAll(t, ends[1-from], lanes[1-from][lane], b)
		}
		return bytes.Clone(b)
	}
}

// kinds says how many frames of each type are in a record.
func kinds(t *testing.T, record []byte) map[frameType]int {
	t.Helper()
	n := map[frameType]int{}
	for len(record) > 0 {
		h, err := parseHeader(record)
		if err != nil {
			t.Fatal(err)
		}
		n[h.kind]++
		record = record[headerSize+h.length:]
	}
	return n
}

func TestOneLaneIsEnoughForSmallFramesWhileTheyAreCopied(t *testing.T) {
	for lost := range 2 {
		ends, lanes, move := twoLanes(t)
		ends[0].copying, ends[1].copying = true, true
		// The first record of either end goes out on the lane that loses everything, what else there is follows there.
		exchange := func(from int) {
			for moved := true; moved; {
				a, b := move(from, lost, true), move(from, 1-lost, false)
				moved = len(a)+len(b) > 0
			}
		}
		for i := range 50 {
			s := ends[0].open(nil, 1, 0)
			request, answer := bytes.Repeat([]byte{byte(i)}, 1500), bytes.Repeat([]byte{byte(i + 1)}, 700)
			if n, err := ends[0].write(s, request, 0); n != len(request) || err != nil {
				t.Fatal(n, err)
			}
			if err := ends[0].closeWrite(s, 0); err != nil {
				t.Fatal(err)
			}
			exchange(0)
			peer := ends[1].streams[s.id]
			got := make([]byte, 2000)
			if n, done, err := ends[1].read(peer, got, 0); n != len(request) || !done || err != nil || !bytes.Equal(got[:n], request) {
				t.Fatalf("lane %d lost: %d bytes, done %v, %v", lost, n, done, err)
			}
			if n, err := ends[1].write(peer, answer, 0); n != len(answer) || err != nil {
				t.Fatal(n, err)
			}
			if err := ends[1].closeWrite(peer, 0); err != nil {
				t.Fatal(err)
			}
			exchange(1)
			if n, done, err := ends[0].read(s, got, 0); n != len(answer) || !done || err != nil || !bytes.Equal(got[:n], answer) {
				t.Fatalf("lane %d lost: %d bytes, done %v, %v", lost, n, done, err)
			}
			for _, from := range []int{0, 1, 0} {
				ends[from].flushAcks()
				exchange(from)
			}
		}
		if n := len(ends[0].streams) + len(ends[1].streams); n != 0 || ends[0].retained+ends[1].retained != 0 || lanes[0][lost].unacked != 0 {
			t.Errorf("lane %d lost: %d streams are left", lost, n)
		}
		for _, e := range ends {
			if e.copiedBytes < e.sentBytes/3 || e.copiedBytes > e.sentBytes/2 {
				t.Errorf("%d of %d bytes were copies", e.copiedBytes, e.sentBytes)
			}
		}
	}
}

func TestNothingIsCopiedOnACleanLink(t *testing.T) {
	ends, _, move := twoLanes(t)
	s := ends[0].open(nil, 1, 0)
	if _, err := ends[0].write(s, make([]byte, 1000), 0); err != nil {
		t.Fatal(err)
	}
	a, b := kinds(t, move(0, 0, false)), kinds(t, move(0, 1, false))
	if a[typeOpen] != 1 || a[typeData] != 1 || b[typeOpen]+b[typeData] != 0 || ends[0].copiedBytes != 0 || ends[0].sentBytes == 0 {
		t.Errorf("first lane %v, second %v, %d bytes of copies", a, b, ends[0].copiedBytes)
	}
}

func TestBulkIsNotCopied(t *testing.T) {
	ends, _, move := twoLanes(t)
	ends[0].copying = true
	s := ends[0].open(nil, 1, 0)
	for range 200 { // small pieces of a long transfer are no small frames
		if _, err := ends[0].write(s, make([]byte, 2000), 0); err != nil {
			t.Fatal(err)
		}
	}
	for moved := true; moved; {
		moved = len(move(0, 0, false))+len(move(0, 1, false)) > 0
		b := move(1, 0, false)
		moved = moved || len(b) > 0
	}
	if ends[0].sentBytes < 400_000 || ends[0].copiedBytes > 2*allowanceCap {
		t.Errorf("%d of %d bytes were copies", ends[0].copiedBytes, ends[0].sentBytes)
	}
}

func TestACopyDoesNotWaitBehindBulk(t *testing.T) {
	ends, lanes, move := pairOfEnds(t, testLimits)
	bulk := ends[0].open(nil, 1, 0)
	move()
	if n, _ := ends[0].write(bulk, make([]byte, 30_000), 0); n != 30_000 {
		t.Fatal(n)
	}
	ends[0].copying = true
	ends[0].open(nil, 2, 0)
	small, _ := ends[0].gather(lanes[0][Small], 0)
	if n := kinds(t, small); n[typeOpen] != 1 {
		t.Fatalf("on the small lane: %v", n)
	}
	if !ends[0].readyAlone(lanes[0][Bulk]) {
		t.Error("the second lane is not told of its copy")
	}
	second, _ := ends[0].gather(lanes[0][Bulk], 0)
	if h, _ := parseHeader(second); h.kind != typeOpen {
		t.Errorf("the second lane's next frame is of type %d", h.kind)
	}
}

func TestCopiesMakeFewGaps(t *testing.T) {
	ends, lanes, move := twoLanes(t)
	ends[0].copying = true
	s := ends[0].open(nil, 1, 0)
	move(0, 0, false)
	move(0, 1, false)
	move(1, 0, false)
	var late [][]byte
	for range 250 { // small frames between large ones: only the small ones arrive for now
		for _, size := range []int{16_000, 100} {
			s.allow.saved = 1 << 20
			if n, err := ends[0].write(s, make([]byte, size), 0); n != size || err != nil {
				t.Fatal(n, err)
			}
			late = append(late, move(0, 0, true))
			move(0, 1, false)
		}
	}
	peer := ends[1].streams[s.id]
	if n := len(peer.in.runs); n == 0 || n > maxSplits {
		t.Errorf("%d gaps by copies", n)
	}
	for _, b := range late {
		receiveAll(t, ends[1], lanes[1][0], b)
	}
	if peer.in.next != 250*16_100 || len(peer.in.runs) != 0 {
		t.Errorf("%d bytes came, %d gaps stay", peer.in.next, len(peer.in.runs))
	}
}

func TestALaneThatTakesNoCopiesHoldsFew(t *testing.T) {
	ends, lanes, move := twoLanes(t)
	ends[0].copying = true
	for range 400 {
		s := ends[0].open(make([]byte, 600), 1, 0)
		if _, err := ends[0].write(s, []byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		move(0, 0, true)
		if n := len(lanes[0][1].copied); n > maxCopied {
			t.Fatalf("%d bytes of copies wait", n)
		}
	}
	if len(lanes[0][1].copied) < maxCopied/2 {
		t.Fatal("nothing was copied")
	}
	for len(lanes[0][1].copied) > 0 { // receiveAll fails if a frame came before its OPEN
		move(0, 1, false)
	}
	ends[0].copying = false
	move(0, 1, false)
	if lanes[0][1].copied != nil {
		t.Error("the buffer stays although nothing is copied any more")
	}
}

func TestAPeerThatSendsEverythingTwiceIsFine(t *testing.T) {
	ends, lanes, _ := twoLanes(t)
	var now time.Duration
	move := func() {
		for moved := true; moved; now += time.Millisecond {
			moved = false
			for from := range ends {
				for n, l := range lanes[from] {
					b, held := ends[from].gather(l, now)
					for _, at := range []int{n, 1 - n} {
						if rest := bytes.Clone(b); n == at || kinds(t, rest)[typePing] == 0 {
							for ; len(rest) > 0; moved = true {
								f, _, err := decodeOne(rest)
								if err != nil {
									t.Fatal(err)
								}
								if err := ends[1-from].receive(lanes[1-from][at], f, now); err != nil {
									t.Fatal(err)
								}
								h, _ := parseHeader(rest)
								rest = rest[headerSize+h.length:]
							}
						}
					}
					if held != nil {
						held.release()
					}
				}
				ends[from].flushAcks()
			}
		}
	}
	for round := range 20 {
		now += 50 * time.Millisecond // about as many as a dialing end opens
		for range 400 {
			s := ends[0].open(nil, 1, now)
			if _, err := ends[0].write(s, make([]byte, 3000), now); err != nil {
				t.Fatal(err)
			}
			if round%2 == 0 {
				ends[0].reset(s, CodeCancel, "")
			} else {
				ends[0].leave(s, now)
			}
		}
		move()
		for _, s := range ends[1].inOrder() {
			ends[1].leave(s, now)
		}
		move()
	}
	for at, e := range ends {
		found := leftovers(e)
		delete(found, "lingering") // looked at by the next tick
		if len(found) > 0 {
			t.Errorf("end %d still holds %v", at, found)
		}
	}
}

func TestCopiesGoRoundTheSmallLanes(t *testing.T) {
	e := newEnd(true, testLimits, 1<<20, 1<<20)
	var lanes []*lane
	for i, class := range []Class{Small, Bulk, Small, Small, Bulk} {
		lanes = append(lanes, e.laneUp(uint16(i+1), class, 0))
	}
	check := func(when string, want ...*lane) {
		t.Helper()
		for i, l := range lanes {
			if l.twin != want[i] {
				t.Errorf("%s: the second lane of lane %d is %v", when, l.id, l.twin)
			}
		}
	}
	check("three small ones", lanes[2], lanes[0], lanes[3], lanes[0], lanes[0])
	e.shun(lanes[2], 0)
	check("one of them shunned", lanes[3], lanes[0], lanes[0], lanes[0], lanes[0])
	e.shun(lanes[3], 0)
	check("one left", lanes[1], lanes[0], lanes[0], lanes[0], lanes[0])
	for _, l := range lanes[1:] {
		e.laneDown(l, 0)
	}
	if lanes[0].twin != nil {
		t.Error("a lane alone has a second one")
	}
}

func TestASteadyStreamOfSmallRequestsStaysInteractive(t *testing.T) {
	for _, every := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second} {
		a := allowance{saved: allowanceStart}
		const size = 1000
		late, bulk := 0, 0
		for now, n := time.Duration(0), 0; now < 5*time.Minute; now, n = now+every, n+1 {
			if !a.interactive(size, now) {
				bulk++
				if now > 30*time.Second {
					late++
				}
			}
			a.spend(size, now)
		}
		if every > 100*time.Millisecond && (bulk > 0 || late > 0) {
			t.Errorf("every %v: %d requests went as bulk, %d after the first half minute", every, bulk, late)
		}
		if every < 100*time.Millisecond && late == 0 {
			t.Error("20 KB/s are interactive for ever")
		}
	}
}
