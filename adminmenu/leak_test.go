package adminmenu

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// faulty is a terminal whose connection breaks at some byte.
type faulty struct{ left atomic.Int64 }

var errFaulty = errors.New("broken pipe")

func (f *faulty) Write(p []byte) (int, error) {
	if f.left.Add(-int64(len(p))) < 0 {
		return 0, errFaulty
	}
	return len(p), nil
}

func TestDroppedSessionsLeaveNothingBehind(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var all sync.WaitGroup
	slots := make(chan struct{}, 8)
	var loads atomic.Int64
	for n := range 300 {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			dropSession(t, n, &loads)
		})
	}
	all.Wait()
	if loads.Load() < 300 {
		t.Errorf("only %d updates ran", loads.Load())
	}
}

// dropSession opens a menu whose window is updated without a pause, types, and
// drops it at a random moment in one of the ways that connections end.
func dropSession(t *testing.T, n int, loads *atomic.Int64) {
	chance := rand.New(rand.NewPCG(uint64(n), 1))
	in, keys := io.Pipe()
	out := &faulty{}
	out.left.Store(1 << 40)
	if n%3 == 2 {
		out.left.Store(int64(chance.IntN(20_000)))
	}
	resized := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	updates := make(chan struct{}, 1)
	var w *window
	build := func(s *menuSession) *window {
		w = &window{title: "busy"}
		w.live = watch(func(context.Context) (int64, error) {
			select {
			case updates <- struct{}{}:
			default:
			}
			w.live.refresh()
			return loads.Add(1), nil
		}, func(v int64) { w.text.set([]line{value("Loads", fingerprint(string(rune(v))).String())}) })
		s.open(&window{title: "below"})
		return w
	}
	done := make(chan error, 1)
	go func() {
		done <- runMenu(ctx, testActor(), Config{}, Terminal{Name: "xterm", In: in, Out: out, Resized: resized}, build)
	}()
	go func() { // types until nobody reads any more
		chance := rand.New(rand.NewPCG(uint64(n), 2))
		for {
			if _, err := io.WriteString(keys, []string{"x", "\x1b[A", "\x1b", "?", "\r"}[chance.IntN(5)]); err != nil {
				return
			}
			select {
			case resized <- struct{}{}:
			default:
			}
		}
	}()
	moment := time.NewTimer(time.Duration(chance.IntN(int(20 * time.Millisecond))))
	defer moment.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	var ended bool
	for phase := updates; !ended; {
		select {
		case <-phase:
			phase = nil
			if n%3 == 0 {
				<-moment.C
				_ = keys.Close()
			} else if n%3 == 1 {
				<-moment.C
				cancel()
			}
		case <-done:
			ended = true
		case <-deadline.C:
			t.Errorf("session %d does not end", n)
			ended = true
		}
	}
	_ = in.Close()
}
