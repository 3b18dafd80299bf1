// Package eventlogtest helps to test what stands on package eventlog.
package eventlogtest

import (
	"context"
	"maps"
	"sync"

	"vedette/centralnode/eventlog"
)

// Checkpoints keeps queue states in memory. The zero value is ready.
type Checkpoints struct {
	mu     sync.Mutex // guards what follows
	queues map[eventlog.QueueKey]eventlog.QueueState
	at     eventlog.Position
}

// Load implements eventlog.Checkpoints.
func (c *Checkpoints) Load(_ context.Context, key eventlog.QueueKey) (eventlog.QueueState, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.queues[key]
	return s, ok, nil
}

// Position implements eventlog.Checkpoints.
func (c *Checkpoints) Position(context.Context) (eventlog.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, nil
}

// Save implements eventlog.Checkpoints.
func (c *Checkpoints) Save(_ context.Context, changed map[eventlog.QueueKey]eventlog.QueueState, at eventlog.Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.queues == nil {
		c.queues = make(map[eventlog.QueueKey]eventlog.QueueState)
	}
	maps.Copy(c.queues, changed)
	c.at = at
	return nil
}
