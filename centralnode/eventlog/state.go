package eventlog

import "time"

// StoreKind says what keeps the events.
type StoreKind string

const (
	// Embedded: the NATS server inside this process.
	Embedded StoreKind = "embedded"
	// Cluster: the NATS server or cluster of Config.NATSURL.
	Cluster StoreKind = "cluster"
)

// State describes the log as it is now, for people and metrics.
type State struct {
	Kind StoreKind
	// Degraded is true while packages are not acknowledged.
	Degraded bool
	// Reason says in plain words why it is degraded and what ends it.
	Reason string
	// Durability says what an acknowledged package has survived by then.
	Durability string
	// Warnings are lasting findings, such as packages missing at start.
	Warnings []string
	// Messages and Bytes count what is stored, as of the last look, at most a
	// few seconds ago while Run runs.
	Messages uint64
	Bytes    uint64
	// Oldest is when the oldest stored package arrived; zero when none is.
	Oldest time.Time
	// Checkpointed is when queue states were last saved.
	Checkpointed time.Time
}
