package eventlog

import "errors"

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

	// ErrCursor says that a Cursor does not lie in this event store: it is of
	// another one, or of a time whose end this one has lost. A reader has to Start
	// again.
	ErrCursor = errors.New("no place in this event store")

	// ErrClosed says that Close has been called.
	ErrClosed = errors.New("event log closed")
)

// Reasons why the store cannot be opened, for State and for what Run does next.
var (
	errForeign = errors.New("folder holds something else")
	errDamaged = errors.New("event store is damaged")
	errLocked  = errors.New("folder is used by another process")
)
