package store

import (
	"context"
	"slices"
)

const (
	eventQueuePrefix = "event-queue/"
	eventPositionKey = "event-log"
	// queuesPerChange bounds one transaction, so that an act waits for no more
	// than one.
	queuesPerChange = 1000
)

// EventQueue is what the event log remembers of one disk queue of one agent.
// The queue's id is a secret between the two: it is never shown.
type EventQueue struct {
	V       int    `json:"v"`
	AgentID string `json:"-"`
	QueueID string `json:"-"`
	Highest uint64 `json:"highest"`
	Recent  []byte `json:"recent,omitempty"`
}

// EventPosition says up to where checkpoints cover the event store.
type EventPosition struct {
	V     int    `json:"v"`
	Store string `json:"store"`
	Seq   uint64 `json:"seq"`
}

func eventQueueKey(agentID, queueID string) string { return eventQueuePrefix + agentID + "." + queueID }

// EventQueue reads the checkpoint of one queue.
func (s *Store) EventQueue(ctx context.Context, agentID, queueID string) (EventQueue, bool, error) {
	q := EventQueue{AgentID: agentID, QueueID: queueID}
	_, found, err := s.get(ctx, eventQueueKey(agentID, queueID), 1, &q)
	return q, found, err
}

// EventPosition reads the position, zero before the first checkpoint.
func (s *Store) EventPosition(ctx context.Context) (EventPosition, error) {
	var p EventPosition
	_, _, err := s.get(ctx, eventPositionKey, 1, &p)
	return p, err
}

// SaveEventCheckpoint writes queues, and the position with the last of them.
func (s *Store) SaveEventCheckpoint(ctx context.Context, queues []EventQueue, at EventPosition) error {
	var c Change
	for batch := range slices.Chunk(queues, queuesPerChange) {
		if len(c.Ops) > 0 {
			if err := c.ApplyQuietly(ctx, s.kv); err != nil {
				return err
			}
		}
		c = Change{}
		for _, q := range batch {
			q.V = 1
			c.Put(eventQueueKey(q.AgentID, q.QueueID), q)
		}
	}
	at.V = 1
	c.Put(eventPositionKey, at)
	return c.ApplyQuietly(ctx, s.kv)
}
