package kv

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"
)

// Migration brings a file from one schema to the next. Migrations are
// numbered by their place: the first leads from schema 0 to 1. All that a file
// needs run in one transaction, after the old file was kept beside the new one
// as FILE.schema-N. They do no I/O and look at nothing outside the file.
type Migration struct {
	Name string
	Run  func(*Moving) error
}

// Moving is the key space during a migration.
type Moving struct {
	data *bbolt.Bucket
	next Revision
}

// Each calls fn for every entry under a prefix, in order of key, as they were
// when Each was called: fn may put and delete.
func (m *Moving) Each(prefix string, fn func(Entry) error) error {
	entries, err := (&view{data: m.data}).scan(context.Background(), prefix, after(prefix), 0)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// Put sets a key.
func (m *Moving) Put(key string, value []byte) error {
	if err := checkOps([]Op{{Key: key, Value: value}}); err != nil {
		return err
	}
	return m.data.Put([]byte(key), encode(m.next, value))
}

// Delete removes a key; one that does not exist is no error.
func (m *Moving) Delete(key string) error { return m.data.Delete([]byte(key)) }

// migrate brings an open file up to the schema of the program.
func migrate(db *bbolt.DB, from int, migrations []Migration) error {
	return db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		current, err := parseNumber(meta.Get(metaCurrent))
		if err != nil {
			return fmt.Errorf("read revision: %w", err)
		}
		m := &Moving{data: tx.Bucket(dataBucket), next: Revision(current) + 1}
		for i, step := range migrations[from:] {
			if err := step.Run(m); err != nil {
				return fmt.Errorf("migration %d (%s): %w", from+i+1, step.Name, err)
			}
		}
		if err := meta.Put(metaCurrent, number(uint64(m.next))); err != nil {
			return err
		}
		return meta.Put(metaSchema, number(uint64(len(migrations))))
	})
}
