package eventlog

import (
	"context"
	"testing"
	"time"
)

// TestEachTurnWaitsForQueuesSideBySide holds the turn of every queue and gives
// them back in the other order: a queue that is waited for must not keep the
// others waiting.
func TestEachTurnWaitsForQueuesSideBySide(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	queues := make([]*queue, 10)
	for i := range queues {
		queues[i] = &queue{turn: make(chan struct{}, 1)}
		if !queues[i].tryTake() || queues[i].tryTake() {
			t.Fatal("a turn was taken twice")
		}
	}
	done := make(chan *queue, len(queues))
	ended := make(chan error, 1)
	go func() {
		ended <- eachTurn(ctx, queues, func(_ context.Context, q *queue) error { done <- q; return nil })
	}()
	for i := len(queues) - 1; i >= 0; i-- {
		queues[i].give()
		select {
		case q := <-done:
			if q != queues[i] {
				t.Fatalf("another queue than %d came first", i)
			}
		case <-ctx.Done():
			t.Fatalf("queue %d waits for the others", i)
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for i, q := range queues {
		if !q.tryTake() {
			t.Errorf("the turn of queue %d was not given back", i)
		}
	}
}

func TestEachTurnEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	held := &queue{turn: make(chan struct{}, 1)}
	held.tryTake()
	cancel()
	if err := eachTurn(ctx, []*queue{held}, func(context.Context, *queue) error { t.Error("called without the turn"); return nil }); err == nil {
		t.Fatal("no error")
	}
}
