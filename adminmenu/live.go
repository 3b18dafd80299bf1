package adminmenu

import (
	"context"
	"time"

	"vedette/internal/acts"
)

// How often a window is loaded: each second, and slower where loading is slow,
// so that no more than a fifth of the time is spent on it.
const (
	loadPause  = time.Second
	loadFactor = 4
)

// live loads what a window shows while it is on top: at once, then again and
// again. What was loaded last is shown without touching selection, focus or
// scrolling; an error is shown beside it.
type live struct {
	// load runs off the loop and returns what shows its result on the loop.
	load func(context.Context) (show func(), err error)

	stop   context.CancelFunc // while it runs
	again  chan struct{}      // loads without waiting; one signal, at most, waits
	loaded bool               // something was shown
}

// watch loads a value for a window, and shows it.
func watch[T any](load func(context.Context) (T, error), show func(T)) *live {
	return &live{again: make(chan struct{}, 1), load: func(ctx context.Context) (func(), error) {
		v, err := load(ctx)
		if err != nil {
			return nil, err
		}
		return func() { show(v) }, nil
	}}
}

// refresh loads now.
func (l *live) refresh() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// follow loads for the window on top, and for no other.
func (s *menuSession) follow() {
	top := s.top()
	for _, w := range s.stack {
		if w != top && w.live != nil && w.live.stop != nil {
			w.live.stop()
			w.live.stop = nil
		}
	}
	if top == nil || top.live == nil || top.live.stop != nil || s.ended {
		return
	}
	top.live.stop = s.start(func(ctx context.Context) { s.load(ctx, top) })
}

// load is the goroutine of a live window. What the person's role forbids is
// asked for once: each refusal leaves an audit record.
func (s *menuSession) load(ctx context.Context, w *window) {
	timer := time.NewTimer(loadPause)
	defer timer.Stop()
	for {
		began := time.Now()
		show, err := w.live.load(ctx)
		if ctx.Err() != nil {
			return
		}
		took := time.Since(began)
		shown := make(chan struct{})
		s.post(func() {
			defer close(shown)
			if s.top() != w || ctx.Err() != nil {
				return
			}
			if err != nil {
				if w.problem = s.loadProblem(err); !w.live.loaded {
					w.text.set(nil) // nothing is on its way
				}
				return
			}
			w.problem, w.live.loaded = "", true
			show()
		})
		select { // a slow terminal is not given more than it can show
		case <-shown:
		case <-ctx.Done():
			return
		}
		if acts.CodeOf(err) == acts.NotAllowed {
			timer.Stop()
		} else {
			timer.Reset(max(loadPause, loadFactor*took))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.live.again:
		}
	}
}
