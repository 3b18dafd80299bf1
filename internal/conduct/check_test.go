package conduct

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

// walks counts walks, which go on until they are let or nobody waits.
func walks(let <-chan struct{}) (c *check, begun *int) {
	begun = new(int)
	return &check{walk: func(ctx context.Context) (int, error) {
		*begun++
		select {
		case <-let:
			return 7, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}}, begun
}

func TestAWalkServesAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		c, begun := walks(let)
		impatient, leave := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() {
			if _, err := c.wait(impatient); !errors.Is(err, context.Canceled) {
				t.Errorf("who leaves gets %v", err)
			}
		})
		synctest.Wait()
		for range 8 {
			wait.Go(func() {
				if n, err := c.wait(t.Context()); n != 7 || err != nil {
					t.Error(n, err)
				}
			})
		}
		synctest.Wait()
		leave() // who was first takes nothing from the others
		synctest.Wait()
		close(let)
		wait.Wait()
		if *begun != 1 {
			t.Errorf("%d walks", *begun)
		}
		if n, err := c.wait(t.Context()); n != 7 || err != nil || *begun != 2 {
			t.Errorf("later: %d, %v, walk %d", n, err, *begun)
		}
	})
}

func TestAWalkEndsWithTheLastWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		c, begun := walks(let)
		var wait sync.WaitGroup
		ctx, leave := context.WithCancel(t.Context())
		for range 2 {
			wait.Go(func() {
				if _, err := c.wait(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		leave()
		wait.Wait() // the bubble ends only when the walk has
		close(let)
		if n, err := c.wait(t.Context()); n != 7 || err != nil || *begun != 2 {
			t.Errorf("the next one: %d, %v, walk %d", n, err, *begun)
		}
	})
}
