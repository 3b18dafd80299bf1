package events_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/external/events"
	"vedette/centralnode/trust"
	"vedette/proto/problem"
)

func TestWaitingCallAnswersTheEventThatComes(t *testing.T) {
	d := newDisk(t, 1)
	n, s := d.start(t), d.systems[0]
	n.append(1, 1)
	token := s.poll(t).ContinuationToken
	for seq := uint64(2); seq < 10; seq++ {
		call := s.parkedCall(t.Context(), t, token)
		select {
		case r := <-call:
			t.Fatalf("answered before anything came: %+v", r)
		default:
		}
		n.append(seq, 1)
		r := await(t, call)
		if r.err != nil || !slices.Equal(r.answer.names(), []string{name(seq, 0)}) {
			t.Fatalf("after package %d: %+v", seq, r)
		}
		token = r.answer.ContinuationToken
	}
}

func TestWithdrawalEndsWaitingCalls(t *testing.T) {
	d := newDisk(t, 2)
	n := d.start(t)
	gone, stays := d.systems[0], d.systems[1]
	token := gone.poll(t).ContinuationToken
	ended, waits := gone.parkedCall(t.Context(), t, token), stays.parkedCall(t.Context(), t, token)
	_, err := n.gateway.Change(t.Context(), trust.Scope{Systems: []trust.System{gone.who()}}, func() (*trust.Snapshot, error) {
		return n.gateway.Trust().WithSystem(gone.who(), trust.Rejected), nil
	})
	must(t, err)
	if r := await(t, ended); r.err == nil {
		t.Errorf("a withdrawn system was answered %+v", r.answer)
	}
	n.append(1, 1)
	if r := await(t, waits); r.err != nil || len(r.answer.Events) != 1 {
		t.Errorf("the other system: %+v", r)
	}
	gone.refused(t, "/events", "rejected")
}

func TestTwoHundredWaitingCallsAreCheapAndEndAtStop(t *testing.T) {
	d := newDisk(t, 8)
	n := d.start(t)
	token := d.systems[0].poll(t).ContinuationToken
	const calls = 200
	before := measure()
	var all []<-chan result
	for i := range calls {
		all = append(all, d.systems[i%len(d.systems)].waitingCall(t.Context(), token))
	}
	deadline := time.After(3 * time.Minute) // 200 handshakes, also on a busy machine
	for i := range calls {
		select {
		case <-n.parked:
		case <-deadline:
			t.Fatalf("%d of %d calls wait", i, calls)
		}
	}
	after := measure()
	// Both ends of every connection are in this process: at the server those of
	// the connection, its watch for the caller going away and nothing else.
	if more := after.goroutines - before.goroutines; more > 6*calls {
		t.Errorf("%d goroutines for %d calls", more, calls)
	}
	each := (after.memory - before.memory) / calls
	t.Logf("%d goroutines, %d KiB a call, both ends", after.goroutines-before.goroutines, each>>10)
	if each > 192<<10 {
		t.Errorf("%d KiB a call", each>>10)
	}
	n.end()
	for _, c := range all {
		if r := await(t, c); r.err != nil || len(r.answer.Events) != 0 || r.answer.ContinuationToken != token {
			t.Fatalf("at stop: %+v", r)
		}
	}
}

type measured struct {
	goroutines int
	memory     int64
}

func measure() measured {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return measured{runtime.NumGoroutine(), int64(m.HeapInuse + m.StackInuse)}
}

func TestEveryEventComesOnceInOrderAcrossRestarts(t *testing.T) {
	d := newDisk(t, 1)
	s := d.systems[0]
	const packages = 160
	rng := rand.New(rand.NewPCG(3, 4))
	lengths := make([]int, packages)
	var want []string
	for i := range lengths {
		lengths[i] = 1 + rng.IntN(20)
		for k := range lengths[i] {
			want = append(want, name(uint64(i+1), k))
		}
	}
	var at atomic.Pointer[node]
	at.Store(d.start(t))
	// The writer goes on whatever happens: a package that was not acknowledged is
	// sent again, as agents do.
	var writer sync.WaitGroup
	var written atomic.Int64
	defer writer.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	writer.Go(func() {
		for i := 0; i < packages && ctx.Err() == nil; {
			if _, err := at.Load().log.Append(ctx, pack(uint64(i+1), lengths[i])); err == nil {
				i++
				written.Store(int64(i))
			}
		}
	})
	restarts := []int{packages / 4, packages / 2, 3 * packages / 4}
	var got []string
	token := ""
	for len(got) < len(want) {
		if len(restarts) > 0 && int(written.Load()) >= restarts[0] {
			at.Load().end()
			at.Store(d.start(t))
			restarts = restarts[1:]
		}
		path := "/events?max_timeout=PT5S&max_events=" + strconv.Itoa(1+rng.IntN(60)) + "&continuation_token=" + token
		a, err := s.try(ctx, s.client, path)
		if err != nil {
			t.Fatal(err)
		}
		got, token = append(got, a.names()...), a.ContinuationToken
		for i := len(got) - len(a.Events); i < len(got); i++ {
			if got[i] != want[i] {
				t.Fatalf("event %d is %s, want %s", i, got[i], want[i])
			}
		}
	}
	if a := s.poll(t, "continuation_token", token); len(restarts) > 0 || len(a.Events) != 0 {
		t.Errorf("in the end %d restarts are left, and %v came", len(restarts), a.names())
	}
}

func TestSlowAnswersOfOneSystemHoldUpNobodyElse(t *testing.T) {
	d := newDisk(t, 2)
	d.limits = events.Limits{Calls: 3, CallsPerSystem: 2, Answers: 2, AnswersPerSystem: 1, AnswerBytes: 64 << 20}
	n := d.start(t)
	for seq := uint64(1); seq <= 4; seq++ {
		p := pack(seq, 1000)
		p.Host = bigHost // more than the kernel holds for a caller that does not read
		_, err := n.log.Append(t.Context(), p)
		must(t, err)
	}
	slow, quick := d.systems[0], d.systems[1]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := slow.get(ctx, slow.plain, "/events?max_events=10000")
	must(t, err)
	defer res.Body.Close()
	second := make(chan result, 1)
	go func() {
		a, err := slow.try(ctx, slow.plain, "/events?max_events=10000")
		second <- result{a, err}
	}()
	for { // until the second one is in
		_, err := quick.try(t.Context(), quick.client, "/events?max_events=1")
		must(t, err)
		third, leave := context.WithTimeout(ctx, 100*time.Millisecond)
		_, err = slow.try(third, slow.plain, "/events?max_events=1")
		leave()
		var p *problem.Problem
		if errors.As(err, &p) && p.Code == problem.Busy {
			break
		}
	}
	if a := quick.poll(t, "max_events", "10"); len(a.Events) != 10 {
		t.Errorf("%d events", len(a.Events))
	}
	select {
	case r := <-second:
		t.Errorf("the second answer did not wait for the first: %d events, %v", len(r.answer.Events), r.err)
	default:
	}
	cancel()
	await(t, second)
}
