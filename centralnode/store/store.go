package store

import (
	"context"

	"vedette/internal/entity"
	"vedette/internal/kv"
)

// Change collects the operations of one act.
type Change struct{ entity.Change }

// Program is the name in the state file's header.
const Program = "centralnode"

// Migrations brings older state files to this program's schema, in order.
func Migrations() []kv.Migration { return nil }

// Store reads entities. It is safe for concurrent use.
type Store struct {
	kv     *kv.Store
	agents agentIndex
}

// New reads entities from an open state file.
func New(s *kv.Store) *Store { return &Store{kv: s} }

// get reads one entity; the revision is 0 and found false when there is none.
func (s *Store) get(ctx context.Context, key string, known int, into any) (rev kv.Revision, found bool, err error) {
	return entity.Get(ctx, s.kv, key, known, into)
}
