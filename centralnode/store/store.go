package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"vedette/internal/kv"
)

// Program is the name in the state file's header.
const Program = "centralnode"

// Migrations brings older state files to this program's schema, in order.
func Migrations() []kv.Migration { return nil }

// ErrNotFound is returned for an entity that does not exist.
var ErrNotFound = kv.ErrNotFound

// Store reads entities. It is safe for concurrent use.
type Store struct{ kv *kv.Store }

// New reads entities from an open state file.
func New(s *kv.Store) *Store { return &Store{kv: s} }

// Change collects the operations of one act.
type Change struct {
	Ops    []kv.Op
	Expect []kv.Expect
}

// Seen makes the change fail with a *kv.ConflictError when key was written
// after revision. Zero means that the key did not exist.
func (c *Change) seen(key string, revision kv.Revision) {
	c.Expect = append(c.Expect, kv.Expect{Key: key, Revision: revision})
}

func (c *Change) put(key string, value any) {
	raw, err := json.Marshal(value)
	if err != nil { // our own plain structs always marshal
		panic(fmt.Sprintf("marshal %s: %v", key, err))
	}
	c.Ops = append(c.Ops, kv.Op{Key: key, Value: raw})
}

func (c *Change) delete(key string) { c.Ops = append(c.Ops, kv.Op{Key: key, Delete: true}) }

// version is the first member of every value. A value of a later version than
// the reader knows is refused, never guessed at.
type version struct {
	V int `json:"v"`
}

func decode(e kv.Entry, known int, into any) error {
	var v version
	if err := json.Unmarshal(e.Value, &v); err != nil {
		return fmt.Errorf("read %s from the state file: %w", e.Key, err)
	}
	if v.V > known {
		return fmt.Errorf("read %s from the state file: value has version %d, this program knows %d", e.Key, v.V, known)
	}
	if err := json.Unmarshal(e.Value, into); err != nil {
		return fmt.Errorf("read %s from the state file: %w", e.Key, err)
	}
	return nil
}

// get reads one entity into the given value; the revision is 0 and found false
// when it does not exist.
func (s *Store) get(ctx context.Context, key string, known int, into any) (rev kv.Revision, found bool, err error) {
	e, err := s.kv.Get(ctx, key)
	if errors.Is(err, kv.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return e.Revision, true, decode(e, known, into)
}
