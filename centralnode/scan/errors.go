package scan

import (
	"errors"
	"fmt"
	"os"
	"time"

	"vedette/internal/kv"
)

var (
	// ErrUnavailable says that objects are not taken now; the error it is in says
	// why. Nothing was taken.
	ErrUnavailable = errors.New("scanning is not available")

	// ErrTooLarge says that the object is larger than Limits.MaxObjectSize.
	ErrTooLarge = errors.New("the object is too large")

	// ErrScanIDTaken says that the scan ID names another object.
	ErrScanIDTaken = errors.New("the scan ID is in use for another object")

	// ErrNotFound says that there is no such scan.
	ErrNotFound = errors.New("no such scan")

	// errUnreadable says that something in the state file cannot be read.
	errUnreadable = errors.New("the state file holds what cannot be read")

	// ErrEnded says that the upload was committed, abandoned or failed before.
	ErrEnded = errors.New("the upload has ended")
)

// BusyError says that there is no room for the object now.
type BusyError struct {
	Text string
	// RetryAfter is when it is worth trying again.
	RetryAfter time.Duration
}

func (e *BusyError) Error() string { return e.Text }

// StorageError says that the disk refused the object, or what was to be noted
// about it. Of an object nothing stays.
type StorageError struct {
	Text string
	// Full: there was no space. It heals by itself when there is.
	Full  bool
	Cause error
}

func (e *StorageError) Error() string {
	if e.Cause == nil {
		return e.Text
	}
	return fmt.Sprintf("%s: %v", e.Text, e.Cause)
}

func (e *StorageError) Unwrap() error { return e.Cause }

// refusal puts an error of the state file or the spool into this package's words.
func refusal(err error) error {
	if stopped(err) {
		return fmt.Errorf("%w: the daemon stops", ErrUnavailable)
	}
	if noSpace(err) {
		return &StorageError{Text: "the disk is full", Full: true, Cause: err}
	}
	return &StorageError{Text: "the disk reports errors", Cause: err}
}

// stopped reports whether the room was closed meanwhile.
func stopped(err error) bool { return errors.Is(err, kv.ErrClosed) || errors.Is(err, os.ErrClosed) }
