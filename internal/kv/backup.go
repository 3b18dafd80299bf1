package kv

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// Backup writes the acknowledged state to w as a state file of its own. Changes
// go on meanwhile, unless the store is degraded.
func (s *Store) Backup(w io.Writer) error {
	if err := s.begin(context.Background()); err != nil {
		return err
	}
	s.mu.Lock()
	closed, degraded, current := s.closed, s.state.Degraded, s.view
	s.mu.Unlock()
	if closed {
		s.end()
		return ErrClosed
	}
	if degraded {
		// Only the readers' own transaction is sure to hold nothing but what
		// was acknowledged. It stays for as long as the token is held; copying
		// does not touch the parts of it that readers use.
		defer s.end()
		return guard(func() error { return copyTo(w, current.tx) })
	}
	v, err := s.snapshot()
	s.end()
	if err != nil {
		return err
	}
	return guard(func() error {
		defer v.tx.Rollback() //nolint:errcheck // only releases
		return copyTo(w, v.tx)
	})
}

func copyTo(w io.Writer, tx *bbolt.Tx) error {
	if _, err := tx.WriteTo(w); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	return nil
}

func (s *Store) snapshot() (v *view, err error) {
	err = guard(func() error {
		var err error
		v, err = newView(s.db)
		return err
	})
	return v, err
}

// Check reads the whole file and reports every fault of its structure.
// Changes wait until it is done.
func (s *Store) Check() error {
	if err := s.begin(context.Background()); err != nil {
		return err
	}
	defer s.end()
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	return guard(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return s.check(tx) })
	})
}

func (s *Store) check(tx *bbolt.Tx) error {
	if info, err := s.file.Stat(); err != nil || info.Size() < tx.Size() {
		return fmt.Errorf("the file should have %d bytes: %w", tx.Size(), ErrDamaged)
	}
	var faults []error
	current, err := parseNumber(tx.Bucket(metaBucket).Get(metaCurrent))
	if err != nil {
		faults = append(faults, fmt.Errorf("read revision: %w", err))
	}
	// Walked here first: a fault in the engine's own checker could not be
	// caught, since it runs in a goroutine of its own.
	c := tx.Bucket(dataBucket).Cursor()
	for key, stored := c.First(); key != nil; key, stored = c.Next() {
		e, err := decode(key, stored)
		switch {
		case err != nil:
			faults = append(faults, err)
		case checkKey(e.Key) != nil:
			faults = append(faults, checkKey(e.Key))
		case uint64(e.Revision) > current:
			faults = append(faults, fmt.Errorf("key %q: revision %d is newer than the store", e.Key, e.Revision))
		}
	}
	for err := range tx.Check() {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w: %w", ErrDamaged, errors.Join(faults...))
	}
	return nil
}
