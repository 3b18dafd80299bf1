package eventlog

import "context"

// Log is the durable log of events. Its methods may be called by many
// goroutines.
type Log struct {
	cfg Config
}

// Open opens the log. It returns an error only for a Config that can never
// work; whatever else is wrong leaves the log degraded, see State.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Log{cfg: cfg}, nil
}

// Run keeps the log in order until ctx ends: it recovers from faults, saves
// checkpoints and removes what is too old.
func (l *Log) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Close saves a last checkpoint and releases the store. Call it after Run has
// returned and the last Append has been answered.
func (l *Log) Close() error { return nil }

// Append makes a package durable. It returns only when that is done, or with
// one of this package's errors; after any error the agent may send the package
// again.
func (l *Log) Append(ctx context.Context, p Package) (Receipt, error) {
	return Receipt{}, ErrUnavailable
}

// List yields the stored records that match, oldest arrival first, until yield
// returns false. A *BoundError says that it stopped before the end.
func (l *Log) List(ctx context.Context, f Filter, yield func(Record) bool) error {
	return ErrUnavailable
}

// Watch yields matching records as they become durable, from now on, until
// yield returns false or ctx ends. It outlives faults of the store.
func (l *Log) Watch(ctx context.Context, f Filter, yield func(Record) bool) error {
	return ErrUnavailable
}

// State says how the log is.
func (l *Log) State() State { return State{} }
