package scan

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestClockThatLeapsForAWhileRemovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead atomic.Int64
		r := open(t, Config{Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
		stop := run(t, r)
		submitOK(t, r, "gate", "s", []byte("x"))
		awaitVerdict(r, "gate", "s")
		<-time.After(2 * expireEvery)
		ahead.Store(int64(8 * 24 * time.Hour))
		<-time.After(10 * expireEvery)
		if got := stateOf(r, "gate", "s"); got != NotDetected {
			t.Errorf("while the clock is ahead: %q", got)
		}
		ahead.Store(0)
		<-time.After(2 * clockPatience)
		if got := stateOf(r, "gate", "s"); got != NotDetected {
			t.Errorf("after that: %q", got)
		}
		ahead.Store(int64(8 * 24 * time.Hour)) // for good
		<-time.After(clockPatience + 3*expireEvery)
		if got := stateOf(r, "gate", "s"); got != "" {
			t.Errorf("after a lasting change of the clock: %q", got)
		}
		stop()
	})
}

// TestNoFloodTakesTheLastPlaces lets several systems fill what they can.
func TestNoFloodTakesTheLastPlaces(t *testing.T) {
	const kib = 1 << 10
	r := open(t, Config{
		Limits: Limits{InFlight: 80, InFlightPerSystem: 40, MaxObjectSize: 100 * kib, SpoolQuota: 800 * kib},
		First:  func(id string) bool { return id == "mail" },
	})
	fill := func(system string, size int) (n int) {
		for {
			err := submit(r, system, fmt.Sprint(n), bytes.Repeat([]byte{'x'}, size))
			var b *BusyError
			if errors.As(err, &b) {
				return n
			}
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	all := 0
	for i := range 6 {
		all += fill(fmt.Sprint("flood", i), 1)
	}
	if all < 70 || all >= 80 {
		t.Errorf("the flood has %d of 80 places", all)
	}
	if n := fill("gate", 1); n < 1 || n > 10 {
		t.Errorf("another system has %d places", n)
	}
	// What goes first has what is left, also more than its even share.
	r.SetPriority(true)
	if n := r.uploading + r.unfinished; n < 80 {
		fill("mail", 1)
		if now := r.uploading + r.unfinished; now != 80 {
			t.Errorf("mail fills %d of 80 places", now)
		}
	}
	for i := range 6 {
		if _, err := r.DeleteAll(t.Context(), fmt.Sprint("flood", i), "", true); err != nil && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		fill(fmt.Sprint("large", i), 100*kib)
	}
	if err := submit(r, "newcomer", "s", make([]byte, 10*kib)); err != nil {
		t.Errorf("there is no room for an object of a system that has none: %v", err)
	}
}
