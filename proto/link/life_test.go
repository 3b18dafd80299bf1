package link

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

// begin begins a link over a pipe.
func begin(t *testing.T, a *Acceptor, peer string) *Link {
	t.Helper()
	c, s := overPipe(t)
	joined := make(chan error, 1)
	go func() { _, err := a.Join(context.Background(), s, peer); joined <- err }()
	l := NewDialing(Config{})
	_, err := l.AddLane(context.Background(), c, Small)
	if err := errors.Join(err, <-joined); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTakeOversLeaveNothingBehind(t *testing.T) {
	a := NewAccepting(Config{MaxStreams: 10}, func(peer string) { t.Errorf("alarm about %s", peer) })
	for i := range 1000 {
		peer := fmt.Sprint("stranger ", i)
		first := begin(t, a, peer)
		second := begin(t, a, peer)
		first.Wait()
		second.Close(CodeShutdown, "")
	}
	a.Close(CodeShutdown, "")
	eventually(t, "the acceptor remembers nobody", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		v := reflect.ValueOf(a).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); (f.Kind() == reflect.Map || f.Kind() == reflect.Slice) && f.Len() > 0 {
				return false
			}
		}
		return true
	})
}

func TestTakeOversFarApartAreNoAlarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alarms := 0
		a := NewAccepting(Config{}, func(string) { alarms++ })
		last := begin(t, a, "one identity")
		for range 8 {
			<-time.After(takeOverSpan/2 + time.Second)
			l := begin(t, a, "one identity")
			last.Wait()
			last = l
		}
		if alarms != 0 {
			t.Errorf("%d alarms about two take-overs a minute", alarms)
		}
		for range 2 {
			l := begin(t, a, "one identity")
			last.Wait()
			last = l
		}
		if alarms != 1 {
			t.Errorf("%d alarms about three in a minute", alarms)
		}
		last.Close(CodeShutdown, "")
		a.Close(CodeShutdown, "")
	})
}

// TestALinkOutlivesItsLaneNumbers goes over the highest number with lanes that
// live and one that only the accepting end still has.
func TestALinkOutlivesItsLaneNumbers(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small, Bulk)
	add := func() uint16 {
		t.Helper()
		if err := r.add(Bulk); err != nil {
			t.Fatal(err)
		}
		return r.lanes[len(r.lanes)-1].state.id
	}
	drop := func() {
		t.Helper()
		last := r.lanes[len(r.lanes)-1]
		last.fail(errors.New("cut"))
		eventually(t, "the lane is dead at both ends", func() bool { return r.dial.Stats().Lanes == 2 && r.accept.Stats().Lanes == 2 })
	}
	if id := add(); id != 3 {
		t.Fatalf("third lane is %d", id)
	}
	drop()
	r.dial.laneID = 1<<16 - 3
	for _, want := range []uint16{1<<16 - 2, 1<<16 - 1, 3, 4} { // 1 and 2 live
		if id := add(); id != want {
			t.Errorf("lane %d, want %d", id, want)
		}
		drop()
	}
	exchange(t, r, 20, 5000, nil)

	r.dial.laneID = 0
	r.dial.mu.Lock()
	ours := r.dial.end.lanes[1]
	delete(r.dial.end.lanes, 1) // as if it had died here alone
	r.dial.mu.Unlock()
	var e *Error
	if err := r.add(Bulk); !errors.As(err, &e) || e.Code != CodeBusy {
		t.Errorf("a number that lives at the other end: %v", err)
	}
	r.dial.mu.Lock()
	r.dial.end.lanes[1] = ours
	r.dial.mu.Unlock()
	if id := add(); id != 3 {
		t.Errorf("after the refusal came lane %d", id)
	}
	exchange(t, r, 20, 5000, nil)
}
