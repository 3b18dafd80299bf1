package kv

import (
	"errors"
	"fmt"
)

// Sentinel errors that callers branch on.
var (
	ErrNotFound  = errors.New("no such key")
	ErrListAgain = errors.New("the history does not reach back to this revision: list again")
	ErrClosed    = errors.New("the store is closed")

	// ErrStorage is in every error that the disk caused; see StorageError.
	ErrStorage = errors.New("storage error")

	// Why a file could not be opened; each comes inside an OpenError.
	ErrInUse    = errors.New("in use by another process")
	ErrForeign  = errors.New("not a state file of this program")
	ErrNewer    = errors.New("written by a newer version")
	ErrDamaged  = errors.New("damaged")
	ErrExposed  = errors.New("readable by others")
	ErrMigrated = errors.New("migration did not succeed")
)

// ConflictError says that a key was not at the revision a change expected.
// Zero stands for a key that does not exist.
type ConflictError struct {
	Key        string
	Want, Have Revision
}

func (e *ConflictError) Error() string {
	switch {
	case e.Want == 0:
		return fmt.Sprintf("key %q exists already, at revision %d", e.Key, e.Have)
	case e.Have == 0:
		return fmt.Sprintf("key %q does not exist any more, expected revision %d", e.Key, e.Want)
	}
	return fmt.Sprintf("key %q is at revision %d, expected %d", e.Key, e.Have, e.Want)
}

// OpenError says why a state file could not be opened or made, and what to do.
// Kind is one of the sentinels above, or nil when only Cause explains it.
type OpenError struct {
	Path  string
	Kind  error
	Text  string
	Next  string // the next step for the person in charge
	Cause error
}

func (e *OpenError) Error() string {
	s := fmt.Sprintf("open state file %s: %s", e.Path, e.Text)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Hint is the next step.
func (e *OpenError) Hint() string { return e.Next }

func (e *OpenError) Unwrap() []error { return present(e.Kind, e.Cause) }

// StorageError says that the disk refused a change. It wraps ErrStorage and
// the cause.
type StorageError struct {
	Path  string
	Text  string
	Next  string
	Cause error

	// Uncertain: the change may or may not be there after a restart.
	// Otherwise nothing of it remains.
	Uncertain bool
}

func (e *StorageError) Error() string {
	s := fmt.Sprintf("write state file %s: %s", e.Path, e.Text)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Hint is the next step.
func (e *StorageError) Hint() string { return e.Next }

func (e *StorageError) Unwrap() []error { return present(ErrStorage, e.Cause) }

func present(errs ...error) []error {
	var out []error
	for _, err := range errs {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}
