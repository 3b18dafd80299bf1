package eventlog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	agentv1 "vedette/proto/agent/v1"
)

// harness lets a child append, crashes it, and checks what is there after.
type harness struct {
	t   *testing.T
	rng *rand.Rand
	// Spec.Next is what each appender sends next: all before it is acknowledged.
	spec childSpec
	// size is how large each appender's packages are.
	size func(appender int, seq uint64) int
	// kill ends the child, and with it perhaps its file system.
	kill func(child *os.Process)
	// cutsPower says that kill takes the disk away before the child.
	cutsPower bool
	// recovered brings the file system back after that.
	recovered func()
	// acked counts the packages of all rounds.
	acked int
}

const (
	appenders = 12
	// roundAcks is how many packages must be acknowledged for a round to count.
	roundAcks = 20
)

func newHarness(t *testing.T, dir, checkpoints string, maxBytes int64, churn bool) *harness {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := &harness{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
	h.recovered = func() {}
	h.kill = func(child *os.Process) { _ = child.Kill() }
	h.spec = childSpec{Dir: dir, Checkpoints: checkpoints, MaxBytes: maxBytes, Scale: 1, Churn: churn}
	h.size = h.spec.size
	for range appenders {
		h.spec.Next = append(h.spec.Next, 1)
	}
	return h
}

// round lets a child append until so many packages are acknowledged, and for a
// while, crashes it and notes what it had acknowledged. It returns how many
// packages that were.
func (h *harness) round(enough int, after time.Duration) int {
	h.t.Helper()
	spec, err := json.Marshal(h.spec)
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childEnv+"="+string(spec))
	var stderr bytes.Buffer
	child.Stderr = &stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		h.t.Fatal(err)
	}
	count := 0
	lines := bufio.NewScanner(stdout)
	var killer *time.Timer
	var mu sync.Mutex // guards over
	over := false
	for lines.Scan() {
		var a ack
		if json.Unmarshal(lines.Bytes(), &a) != nil {
			break // cut in the middle of a line
		}
		mu.Lock()
		ended := over
		mu.Unlock()
		if ended {
			continue
		}
		if a.Seq != h.spec.Next[a.Appender] {
			h.t.Fatalf("appender %d: acknowledged %d, expected %d", a.Appender, a.Seq, h.spec.Next[a.Appender])
		}
		if a.Outcome == Stored {
			count++
		}
		h.spec.Next[a.Appender]++
		if killer == nil && count >= enough {
			killer = time.AfterFunc(after, func() {
				if h.cutsPower {
					// Who is cut off with the disk tells nobody anything: the
					// kernel may even call a sync done that the cut undid.
					mu.Lock()
					over = true
					mu.Unlock()
				}
				h.kill(child.Process)
			})
		}
	}
	if killer == nil {
		_ = child.Process.Kill()
	}
	_ = child.Wait() // it was killed
	if killer == nil || killer.Stop() {
		h.t.Fatalf("child ended by itself: %s", &stderr)
	}
	h.acked += count
	return count
}

// interrupt starts a child and kills it while it opens the store.
func (h *harness) interrupt(after time.Duration) {
	h.t.Helper()
	spec, err := json.Marshal(childSpec{Dir: h.spec.Dir, Checkpoints: h.spec.Checkpoints, MaxBytes: h.spec.MaxBytes})
	if err != nil {
		h.t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childEnv+"="+string(spec))
	stdin, err := child.StdinPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	defer stdin.Close()
	if err := child.Start(); err != nil {
		h.t.Fatal(err)
	}
	killer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
	defer killer.Stop()
	_ = child.Wait()
}

// verify opens the log in this process and checks that everything that was
// acknowledged is there once, in order and unchanged; then it sends again what
// was not acknowledged and the last that was, and checks that each has one
// effect.
func (h *harness) verify() {
	t := h.t
	t.Helper()
	cp, err := openFile(h.spec.Checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), Config{Dir: h.spec.Dir, MaxBytes: h.spec.MaxBytes, Checkpoints: cp})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if s := l.State(); s.Degraded || len(s.Warnings) > 0 {
		t.Fatalf("after the crash: %+v", s)
	}
	there := h.check(l)
	for i, next := range h.spec.Next {
		if next > 1 {
			if r, err := l.Append(t.Context(), newPackage(i, next-1, h.size(i, next-1))); err != nil || r.Outcome != Duplicate {
				t.Fatalf("appender %d: acknowledged %d sent again: %v, %v", i, next-1, r, err)
			}
		}
		// Stored without an acknowledgement that counts, then a new one.
		for seq := next; seq <= there[i]+1; seq++ {
			want := Stored
			if seq <= there[i] {
				want = Duplicate
			}
			r, err := l.Append(t.Context(), newPackage(i, seq, h.size(i, seq)))
			if err != nil || r.Outcome != want || r.DurableSeq != max(seq, there[i]) {
				t.Fatalf("appender %d: unacknowledged %d sent again: %v, %v; expected %v", i, seq, r, err, want)
			}
			h.spec.Next[i] = seq + 1
		}
	}
	h.check(l)
}

// check reads the whole store and returns the highest seq of each appender.
func (h *harness) check(l *Log) []uint64 {
	t := h.t
	t.Helper()
	s, err := l.session()
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := make([]uint64, appenders)
	last := make([]uint64, appenders)
	at := max(st.FirstSeq, 1)
	err = s.scan(t.Context(), scan{from: st.FirstSeq, to: st.LastSeq, filter: subjectAll}, func(e envelope) (bool, error) {
		if e.streamSeq != at {
			t.Fatalf("store: found message %d, expected %d", e.streamSeq, at)
		}
		at++
		i := appenderOf(e.key)
		switch {
		case first[i] == 0:
			first[i] = e.seq
		case e.seq != last[i]+1:
			t.Fatalf("appender %d: found seq %d after %d", i, e.seq, last[i])
		}
		last[i] = e.seq
		p := newPackage(i, e.seq, h.size(i, e.seq))
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(&agentv1.SendEventsRequest{
			AgentId: p.AgentID, QueueId: p.QueueID, Seq: p.Seq, Events: p.Events,
		})
		if err != nil || !bytes.Equal(want, e.body) {
			t.Fatalf("appender %d: seq %d is not what was sent (%v)", i, e.seq, err)
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if at != st.LastSeq+1 {
		t.Fatalf("store ends at %d, expected %d", at-1, st.LastSeq)
	}
	for i, next := range h.spec.Next {
		if last[i] == 0 && h.spec.Churn {
			last[i] = next - 1 // all removed by age; the checkpoint must know it
		}
		if last[i] < next-1 {
			t.Fatalf("appender %d: acknowledged up to %d, stored up to %d: LOST", i, next-1, last[i])
		}
		if first[i] > 1 && !h.spec.Churn {
			t.Fatalf("appender %d: stored from %d on: the beginning is LOST", i, first[i])
		}
		q, err := l.table.acquire(t.Context(), QueueKey{id(i), id(1<<20 + i)})
		if err != nil {
			t.Fatal(err)
		}
		if got := q.history.highest; got < last[i] || last[i] > 0 && first[i] > 0 && got != last[i] {
			t.Fatalf("appender %d: highest is %d, stored up to %d", i, got, last[i])
		}
		last[i] = q.history.highest
		l.table.release(q)
	}
	return last
}

// appenderOf is the appender that a queue belongs to.
func appenderOf(key QueueKey) int {
	for i := range appenders {
		if id(i) == key.AgentID {
			return i
		}
	}
	return -1
}
