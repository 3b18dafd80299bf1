package eventlog

import "context"

// QueueKey names one disk queue of one agent. The queue's id is a secret
// between the agent and the Central Node: it must not be shown or logged.
type QueueKey struct {
	AgentID, QueueID string
}

// QueueState is what must be remembered of a queue for ever.
type QueueState struct {
	// Highest is the highest durable seq.
	Highest uint64 `json:"highest"`
	// Recent holds the digests of the newest packages, at most 256 bytes,
	// opaque to whoever keeps it.
	Recent []byte `json:"recent,omitempty"`
}

// Position says up to where checkpoints cover an event store.
type Position struct {
	// Store is the identity of the event store that Seq belongs to.
	Store string `json:"store"`
	// Seq is the stream sequence of the last message that is covered.
	Seq uint64 `json:"seq"`
}

// Checkpoints keeps queue states durably. It is called by several goroutines.
type Checkpoints interface {
	// Load returns the saved state of one queue, or false when there is none.
	Load(ctx context.Context, key QueueKey) (QueueState, bool, error)
	// Position returns the last saved position, zero when there is none.
	Position(ctx context.Context) (Position, error)
	// Save makes the states of the changed queues and the position durable. It
	// may use several transactions as long as the position comes with the last.
	Save(ctx context.Context, changed map[QueueKey]QueueState, at Position) error
}
