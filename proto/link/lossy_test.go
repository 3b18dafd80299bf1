package link

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// voyage is a record on its way on a lane.
type voyage struct {
	at   time.Duration
	to   int
	lane int
	b    []byte
}

// lossyRequests plays small requests and answers on an ideal TCP that loses packets: each loss costs a round trip and a
// quarter, and what follows on the lane waits for it. It returns how long the answers took, in order, and the share of
// bytes that were copies.
func lossyRequests(t *testing.T, loss float64, small int, copying bool, every time.Duration) (took []time.Duration, copied float64) {
	t.Helper()
	const trip = 100 * time.Millisecond
	rng := rand.New(rand.NewPCG(5, 5))
	var ends [2]*end
	var lanes [2][]*lane
	for i := range ends {
		ends[i] = newEnd(i == 0, limits{initWindow: 32 << 10, maxStreams: 2000, maxLanes: 8}, 1<<30, 1<<30)
		ends[i].copying = copying
		for n := range small {
			lanes[i] = append(lanes[i], ends[i].laneUp(uint16(n+1), Small, 0))
		}
	}
	type request struct {
		s     *stream
		began time.Duration
		done  bool
	}
	var (
		now      time.Duration
		flight   []voyage
		last     [2][8]time.Duration
		first    [2]int // the lane whose turn it is, as in Link.kick
		requests []*request
	)
	ends[1].offer = func(s *stream, _ Meta) {}
	b := make([]byte, 4000)
	for ; now < 2*time.Minute; now += time.Millisecond {
		if now%every == 0 && now < 110*time.Second {
			r := &request{s: ends[0].open(nil, uint64(now), now), began: now}
			if _, err := ends[0].write(r.s, b[:1000], now); err != nil {
				t.Fatal(err)
			}
			requests = append(requests, r)
		}
		for len(flight) > 0 && flight[0].at <= now {
			v := flight[0]
			flight = flight[1:]
			for rest := v.b; len(rest) > 0; {
				f, _, err := decodeOne(rest)
				if err != nil {
					t.Fatal(err)
				}
				if err := ends[v.to].receive(lanes[v.to][v.lane], f, now); err != nil {
					t.Fatal(err)
				}
				h, _ := parseHeader(rest)
				rest = rest[headerSize+h.length:]
			}
		}
		for _, s := range ends[1].inOrder() {
			if n, _, _ := ends[1].read(s, b, now); s.in.read == 1000 && n > 0 {
				if _, err := ends[1].write(s, b[:200], now); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, r := range requests {
			if n, _, _ := ends[0].read(r.s, b, now); n > 0 && !r.done {
				r.done = true
				took = append(took, now-r.began)
				ends[0].reset(r.s, CodeCancel, "")
			}
		}
		requests = slices.DeleteFunc(requests, func(r *request) bool { return r.done })
		for from, e := range ends {
			if now%ackDelay == 0 {
				e.flushAcks()
			}
			begin := first[from]
			for i := range small {
				n := (begin + i) % small
				for record, held := e.gather(lanes[from][n], now); len(record) > 0; record, held = e.gather(lanes[from][n], now) {
					first[from] = n + 1
					at := now + trip/2
					for rng.Float64() < loss {
						at += trip + trip/4
					}
					at = max(at, last[from][n])
					last[from][n] = at
					v := voyage{at, 1 - from, n, bytes.Clone(record)}
					place, _ := slices.BinarySearchFunc(flight, v, func(a, b voyage) int {
						if a.at <= b.at {
							return -1
						}
						return 1
					})
					flight = slices.Insert(flight, place, v)
					if held != nil {
						held.release()
					}
				}
			}
		}
	}
	slices.Sort(took)
	return took, float64(ends[0].copiedBytes+ends[1].copiedBytes) / float64(ends[0].sentBytes+ends[1].sentBytes)
}

func TestCopiesBeatLoss(t *testing.T) {
	const every = 20 * time.Millisecond
	if clean := requestShares(t, 0, 2, false, every); clean[2] != 100*time.Millisecond {
		t.Errorf("without loss %v", clean)
	}
	plain, copied, three := requestShares(t, 0.10, 2, false, every), requestShares(t, 0.10, 2, true, every), requestShares(t, 0.10, 3, true, every)
	if copied[1] > plain[1]*3/4 || three[1] > plain[1]*7/10 {
		t.Errorf("p50, p95, p99 at 10 %% loss: one lane %v, two %v, two of three %v", plain, copied, three)
	}
}

// TestMoreLanesBeatLossWithMoreRequests shows what many small lanes are for: the more follows a lost packet on its lane,
// the more waits for it, also of what goes out twice.
func TestMoreLanesBeatLossWithMoreRequests(t *testing.T) {
	const every = 8 * time.Millisecond
	three, six := requestShares(t, 0.10, 3, true, every), requestShares(t, 0.10, 6, true, every)
	if six[0] > three[0]*3/4 || six[2] > three[2] {
		t.Errorf("p50, p95, p99 at 10 %% loss: two of three lanes %v, two of six %v", three, six)
	}
}

// requestShares returns p50, p95 and p99, and logs them.
func requestShares(t *testing.T, loss float64, small int, copying bool, every time.Duration) []time.Duration {
	t.Helper()
	took, copied := lossyRequests(t, loss, small, copying, every)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	t.Logf("loss %.2f, %d small lanes, copies %v, a request every %v: %d answers, p50 %v p95 %v p99 %v, %.2f of bytes are copies", loss, small, copying, every, len(took), at(.5), at(.95), at(.99), copied)
	return []time.Duration{at(.5), at(.95), at(.99)}
}
