package eventlog

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrUnavailable says that the package is not known to be durable: it was
	// not stored, or the outcome could not be learnt. The agent must send it
	// again; sending it again is always safe.
	ErrUnavailable = errors.New("event log unavailable")

	// ErrSeqJump says that seq is 0 or more than MaxSeqJump ahead of the
	// queue's highest one.
	ErrSeqJump = errors.New("sequence number out of range")

	// ErrConflict says that this seq of this queue was already used for other
	// content, or was passed over: two agents work on copies of one queue.
	ErrConflict = errors.New("queue is used by two agents")

	// ErrTooLarge says that the package would take more than MaxStored bytes.
	ErrTooLarge = errors.New("package too large")

	// ErrInvalid says that a field of the package can never be accepted.
	ErrInvalid = errors.New("invalid package")

	// ErrBound is matched by the error that List returns when it stopped
	// before the end of the range. See BoundError.
	ErrBound = errors.New("search stopped at a bound")

	// ErrCursor says that a Cursor does not lie in this event store: it is of
	// another one, or of a time whose end this one has lost. A reader has to Start
	// again.
	ErrCursor = errors.New("no place in this event store")

	// ErrClosed says that Close has been called.
	ErrClosed = errors.New("event log closed")
)

// BoundError says where List stopped before it had seen the whole range.
type BoundError struct {
	// Packages is how many packages were looked at.
	Packages uint64
	// After is the place of the last of them: the same search with
	// Filter.After set to it goes on from there.
	After uint64
	// Next is when the first package that was not looked at arrived.
	Next time.Time
}

// Error implements error.
func (e *BoundError) Error() string {
	return fmt.Sprintf("search stopped after %d packages, at those of %s: narrow the time range",
		e.Packages, e.Next.UTC().Format(time.DateTime))
}

// Is matches ErrBound.
func (e *BoundError) Is(target error) bool { return target == ErrBound }

// Reasons why the store cannot be opened, for State and for what Run does next.
var (
	errForeign = errors.New("folder holds something else")
	errDamaged = errors.New("event store is damaged")
	errLocked  = errors.New("folder is used by another process")
)
