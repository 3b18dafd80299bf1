package conduct

import (
	"context"
	"sync"
)

// check walks the chain of records once for all who wait for it: it reads all of
// them, and who clicks again is not to make it read them twice.
type check struct {
	walk func(context.Context) (records int, err error)

	mu  sync.Mutex // guards now and its waiting
	now *walking   // nil: nobody waits
}

// walking is one walk.
type walking struct {
	cancel  context.CancelFunc
	waiting int
	done    chan struct{} // closed when there is an answer
	records int
	err     error
}

// wait gives what the walk of now finds, which begins unless one is under way.
// It ends with the last of those who wait.
func (c *check) wait(ctx context.Context) (records int, err error) {
	w := c.join(ctx)
	defer c.leave(w)
	select {
	case <-w.done:
		return w.records, w.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (c *check) join(ctx context.Context) *walking {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		w := &walking{cancel: cancel, done: make(chan struct{})}
		c.now = w
		go func() {
			w.records, w.err = c.walk(shared)
			c.mu.Lock()
			if c.now == w {
				c.now = nil
			}
			c.mu.Unlock()
			close(w.done)
		}()
	}
	c.now.waiting++
	return c.now
}

// leave is for those who wait no longer. The walk of the last one ends before
// that one goes.
func (c *check) leave(w *walking) {
	c.mu.Lock()
	w.waiting--
	last := w.waiting == 0
	if last && c.now == w {
		c.now = nil
	}
	c.mu.Unlock()
	if last {
		w.cancel()
		<-w.done
	}
}
