package kv

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// view is a read transaction on the newest acknowledged state. The engine
// shows a change to new read transactions before it is synced; readers
// therefore share this one, which is replaced after each sync. It is used
// under Store.mu only, since engine transactions are not safe for concurrent
// use.
type view struct {
	tx       *bbolt.Tx
	data     *bbolt.Bucket
	revision Revision
}

// newView begins a read transaction.
func newView(db *bbolt.DB) (*view, error) {
	tx, err := db.Begin(false)
	if err != nil {
		return nil, err
	}
	v := &view{tx: tx, data: tx.Bucket(dataBucket)}
	meta := tx.Bucket(metaBucket)
	if v.data == nil || meta == nil {
		_ = tx.Rollback() // only releases
		return nil, fmt.Errorf("buckets are missing: %w", ErrDamaged)
	}
	n, err := parseNumber(meta.Get(metaCurrent))
	if err != nil {
		_ = tx.Rollback() // only releases
		return nil, fmt.Errorf("read revision: %w: %w", err, ErrDamaged)
	}
	v.revision = Revision(n)
	return v, nil
}

// read runs fn on the acknowledged state.
func (s *Store) read(ctx context.Context, fn func(*view) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return guard(func() error { return fn(s.view) })
}

// Get returns one entry, or ErrNotFound.
func (s *Store) Get(ctx context.Context, key string) (Entry, error) {
	var e Entry
	err := s.read(ctx, func(v *view) error {
		stored := v.data.Get([]byte(key))
		if stored == nil {
			return fmt.Errorf("%q: %w", key, ErrNotFound)
		}
		var err error
		e, err = decode([]byte(key), stored)
		return err
	})
	return e, err
}

// List returns all entries whose key begins with the prefix, in order of key,
// and the revision they were read at.
func (s *Store) List(ctx context.Context, prefix string) ([]Entry, Revision, error) {
	return s.Range(ctx, prefix, after(prefix), 0)
}

// Range returns the entries with from <= key < to in order of key, at most
// limit of them (zero: all), and the revision they were read at. An empty to
// means to the end.
func (s *Store) Range(ctx context.Context, from, to string, limit int) ([]Entry, Revision, error) {
	var entries []Entry
	var revision Revision
	err := s.read(ctx, func(v *view) error {
		revision = v.revision
		var err error
		entries, err = v.scan(ctx, from, to, limit)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return entries, revision, nil
}

// View lists several prefixes in one consistent snapshot.
func (s *Store) View(ctx context.Context, prefixes ...string) (map[string][]Entry, Revision, error) {
	lists := make(map[string][]Entry, len(prefixes))
	var revision Revision
	err := s.read(ctx, func(v *view) error {
		revision = v.revision
		for _, prefix := range prefixes {
			entries, err := v.scan(ctx, prefix, after(prefix), 0)
			if err != nil {
				return err
			}
			lists[prefix] = entries
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return lists, revision, nil
}

func (v *view) scan(ctx context.Context, from, to string, limit int) ([]Entry, error) {
	var entries []Entry
	c := v.data.Cursor()
	for key, stored := c.Seek([]byte(from)); key != nil; key, stored = c.Next() {
		if to != "" && bytes.Compare(key, []byte(to)) >= 0 {
			break
		}
		if limit > 0 && len(entries) == limit {
			break
		}
		if len(entries)%1024 == 1023 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e, err := decode(key, stored)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// after is the first key behind all keys that begin with the prefix; empty
// when there is none. Keys are UTF-8 and never hold the byte 0xFF.
func after(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "\xff"
}

// guard turns a panic or a memory fault of the engine into an error: a file
// that shrank or a page that the disk cannot read any more must not end the
// process.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &faultError{fmt.Sprint(r)}
		}
	}()
	return fn()
}

// faultError is what guard caught.
type faultError struct{ text string }

func (e *faultError) Error() string   { return "reading the file failed: " + e.text }
func (e *faultError) Unwrap() []error { return []error{ErrStorage, ErrDamaged} }
