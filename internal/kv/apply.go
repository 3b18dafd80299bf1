package kv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// Apply makes one change: all operations or none, if every key in expect is at
// its expected revision. It returns after the file was synced, with the new
// revision. A key that moved gives a *ConflictError; the disk's refusal gives
// a *StorageError. Without operations it only checks the expectations and
// returns the current revision. Deleting a key that does not exist is allowed.
//
// The context ends the wait for other changes, never a change under way.
func (s *Store) Apply(ctx context.Context, ops []Op, expect []Expect) (Revision, error) {
	if err := checkOps(ops); err != nil {
		return 0, err
	}
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	current, err := s.admit(expect)
	if err != nil || len(ops) == 0 {
		return current, err
	}
	next := current + 1
	if err := s.commit(next, ops); err != nil {
		return 0, s.failed(current, err)
	}
	if err := s.publish(next, ops); err != nil {
		return 0, s.failed(current, err)
	}
	s.reserve()
	return next, nil
}

// reserve has the file system set aside what the file will need before it
// grows again, so that small changes, such as withdrawing a certificate, still
// succeed when something else has filled the disk. Where that is not possible
// nothing is lost: changes are then refused a little earlier.
func (s *Store) reserve() {
	info, err := s.file.Stat()
	if err != nil || info.Size() == s.reserved {
		return
	}
	if unix.Fallocate(int(s.file.Fd()), 0, 0, info.Size()) == nil {
		s.reserved = info.Size()
	}
}

func checkOps(ops []Op) error {
	if len(ops) > MaxOps {
		return fmt.Errorf("change of %d operations, at most %d", len(ops), MaxOps)
	}
	size := 0
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if err := checkKey(op.Key); err != nil {
			return err
		}
		if seen[op.Key] {
			return fmt.Errorf("key %q twice in one change", op.Key)
		}
		seen[op.Key] = true
		if len(op.Value) > MaxValue {
			return fmt.Errorf("key %q: value of %d bytes, at most %d", op.Key, len(op.Value), MaxValue)
		}
		size += len(op.Key) + len(op.Value)
	}
	if size > MaxChange {
		return fmt.Errorf("change of %d bytes, at most %d", size, MaxChange)
	}
	return nil
}

// admit checks health and expectations. The caller holds the writing token, so
// the view is the newest state and stays so.
func (s *Store) admit(expect []Expect) (Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0, ErrClosed
	case s.state.Degraded:
		return 0, &StorageError{Path: s.path, Text: "refused since an earlier error: " + s.state.Reason,
			Next: "check the disk, then restart"}
	}
	err := guard(func() error {
		for _, want := range expect {
			var have Revision
			if stored := s.view.data.Get([]byte(want.Key)); stored != nil {
				e, err := decode([]byte(want.Key), stored)
				if err != nil {
					return err
				}
				have = e.Revision
			}
			if have != want.Revision {
				return &ConflictError{Key: want.Key, Want: want.Revision, Have: have}
			}
		}
		return nil
	})
	return s.view.revision, err
}

// commit writes and syncs the change.
func (s *Store) commit(next Revision, ops []Op) error {
	return guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			data := tx.Bucket(dataBucket)
			for _, op := range ops {
				var err error
				if op.Delete {
					err = data.Delete([]byte(op.Key))
				} else {
					err = data.Put([]byte(op.Key), encode(next, op.Value))
				}
				if err != nil {
					return fmt.Errorf("key %q: %w", op.Key, err)
				}
			}
			return tx.Bucket(metaBucket).Put(metaCurrent, number(uint64(next)))
		})
	})
}

// publish shows a synced change to readers and watchers.
func (s *Store) publish(next Revision, ops []Op) error {
	var fresh *view
	err := guard(func() error {
		var err error
		fresh, err = newView(s.db)
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	old := s.view
	s.view = fresh
	s.state.Full, s.state.Reason = false, ""
	s.history.add(next, ops)
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
	return guard(old.tx.Rollback)
}

// failed judges a change that was not acknowledged. Lack of space found while
// writing leaves the file as it was. Any other failure, above all of a sync,
// leaves open what is on disk: from then on no change is accepted, and readers
// stay on the last acknowledged state.
func (s *Store) failed(current Revision, cause error) error {
	folder := filepath.Dir(s.path)
	var fault *faultError
	broken := errors.As(cause, &fault)
	if noSpace(cause) && !broken && s.unchanged(current) {
		s.mu.Lock()
		s.state.Full = true
		s.state.Reason = "the disk is full"
		s.mu.Unlock()
		s.logger.Error("change refused: no space for the state file", "path", s.path, "error", cause)
		return &StorageError{Path: s.path, Text: "the disk is full, nothing was changed",
			Next: "free space on the file system of " + folder + " and try again", Cause: cause}
	}
	s.mu.Lock()
	s.state.Degraded = true
	s.state.Reason = "the disk failed while a change was being written"
	s.broken = s.broken || broken
	s.mu.Unlock()
	s.logger.Error("changes are refused from now on: the outcome of a write is unknown", "path", s.path, "error", cause)
	return &StorageError{Path: s.path, Uncertain: true, Cause: cause,
		Text: "the disk failed, it is not known whether the change was kept; further changes are refused",
		Next: "check the disk and the kernel log, then restart"}
}

// noSpace tells a refused write from a failed sync: data that a sync could not
// write may be lost although it had been accepted.
func noSpace(err error) bool {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return true
	}
	var path *fs.PathError
	return errors.As(err, &path) && path.Op == "write" &&
		(errors.Is(path.Err, syscall.ENOSPC) || errors.Is(path.Err, syscall.EDQUOT))
}

// unchanged reports whether the file still shows the given revision.
func (s *Store) unchanged(current Revision) bool {
	var same bool
	err := guard(func() error {
		v, err := newView(s.db)
		if err != nil {
			return err
		}
		same = v.revision == current
		return v.tx.Rollback()
	})
	return err == nil && same
}
