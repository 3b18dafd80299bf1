package budget

import "context"

// Gate lets a fixed number of costly things happen at a time: handshakes,
// password checks.
type Gate chan struct{}

// NewGate returns a gate for n at a time.
func NewGate(n int) Gate { return make(Gate, n) }

// Enter waits for a place until the context ends. Every success is followed by
// one Leave.
func (g Gate) Enter(ctx context.Context) error {
	// Who is late already does not get a place that happens to be free.
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Leave gives the place back.
func (g Gate) Leave() { <-g }
