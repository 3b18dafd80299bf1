package link

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestStreamsLeaveALaneThatIsFull has one lane carry two streams and wait once for room: whatever it can take at once
// then, what the streams send next is free for the lane that has nothing to do.
func TestStreamsLeaveALaneThatIsFull(t *testing.T) {
	const size = 20 << 10
	e := newEnd(true, testLimits, 1<<30, 1<<30)
	full, free := e.laneUp(1, Bulk, 0), e.laneUp(2, Bulk, 0)
	e.gather(full, 0)
	e.gather(free, 0)
	var streams []*stream
	for range 2 {
		s := e.open(nil, 1, 0)
		e.gather(full, 0)
		e.confirm(s, 0)
		s.allow = allowance{} // what it sends is bulk
		s.out.credit = 100 * size
		streams = append(streams, s)
	}
	pour := func(now time.Duration) {
		t.Helper()
		for _, s := range streams {
			if _, err := e.write(s, make([]byte, size), now); err != nil {
				t.Fatal(err)
			}
		}
	}
	take := func(l *lane, now time.Duration) (n int) {
		b, held := e.gather(l, now)
		if held != nil {
			held.release()
		}
		return len(b)
	}
	pour(0)
	for take(full, 0) > 0 {
	}
	pour(0)
	if take(free, 0) > 0 {
		t.Fatal("what follows bytes under way overtakes them although their lane has room")
	}
	full.waited(0)
	for now := time.Millisecond; now < fullTime; now += 10 * time.Millisecond {
		pour(now)
		if take(full, now) == 0 || take(free, now) == 0 {
			t.Fatalf("%v after a write had to wait: a lane has nothing to do", now)
		}
	}
	for take(full, fullTime) > 0 {
	}
	pour(fullTime)
	for _, s := range streams {
		if s.queue != &e.lanes[s.out.lane].own[Bulk] {
			t.Error("a stream changes lanes although its own has room again")
		}
	}
}

// begun is a connection that says when somebody writes.
type begun struct {
	net.Conn
	writing chan struct{}
}

func (b begun) Write(p []byte) (int, error) {
	select {
	case b.writing <- struct{}{}:
	default:
	}
	return b.Conn.Write(p)
}

// TestAWriteThatHadToWaitMakesALaneFull has a write wait and another one not.
func TestAWriteThatHadToWaitMakesALaneFull(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	writing := make(chan struct{}, 1)
	n := &Lane{link: newLink(Config{}.withDefaults()), conn: begun{near, writing}, state: new(lane)}
	if n.state.isFull(n.link.now()) {
		t.Fatal("a lane is full that was never written to")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-writing // or nothing would have to wait on a busy machine
		<-time.After(20 * slowWrite)
		_, _ = io.Copy(io.Discard, far)
	}()
	n.write([]byte("waits"), false)
	until := time.Duration(n.state.full.Load())
	if until < 20*slowWrite+fullTime {
		t.Errorf("the lane is full until %v after a write of %v", until, 20*slowWrite)
	}
	n.write([]byte("does not"), false)
	if again := time.Duration(n.state.full.Load()); again < until {
		t.Errorf("full until %v, and until %v after a write that did not wait", until, again)
	}
	_ = far.Close()
	<-done
}
