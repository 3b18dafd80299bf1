// Package entity is how both daemons keep typed values in their state file: as
// JSON whose first member is a version, changed together or not at all. A value
// of a later version than the reader knows is refused, never guessed at.
package entity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"vedette/internal/kv"
)

// Change collects the operations of one act and what they were decided on.
type Change struct {
	Ops    []kv.Op
	Expect []kv.Expect
}

// Put writes a value, which must have a member "v" with its version.
func (c *Change) Put(key string, value any) {
	raw, err := json.Marshal(value)
	if err != nil { // our own plain structs always marshal
		panic(fmt.Sprintf("marshal %s: %v", key, err))
	}
	c.Ops = append(c.Ops, kv.Op{Key: key, Value: raw})
}

// Delete removes a value.
func (c *Change) Delete(key string) { c.Ops = append(c.Ops, kv.Op{Key: key, Delete: true}) }

// Seen makes the change fail with a *kv.ConflictError when key is not at this
// revision any more. Zero means that the key did not exist.
func (c *Change) Seen(key string, revision kv.Revision) {
	c.Expect = append(c.Expect, kv.Expect{Key: key, Revision: revision})
}

// ApplyQuietly makes the change off the watch, for what is no act.
func (c *Change) ApplyQuietly(ctx context.Context, s *kv.Store) error {
	for i := range c.Ops {
		c.Ops[i].Quiet = true
	}
	_, err := s.Apply(ctx, c.Ops, c.Expect)
	return err
}

// Decode reads a value whose version is at most known.
func Decode(e kv.Entry, known int, into any) error {
	var version struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(e.Value, &version); err != nil {
		return fmt.Errorf("read %s from the state file: %w", e.Key, err)
	}
	if version.V > known {
		return fmt.Errorf("read %s from the state file: value has version %d, this program knows %d", e.Key, version.V, known)
	}
	if err := json.Unmarshal(e.Value, into); err != nil {
		return fmt.Errorf("read %s from the state file: %w", e.Key, err)
	}
	return nil
}

// Get reads one value into into; found is false, and the revision 0, when it
// does not exist.
func Get(ctx context.Context, s *kv.Store, key string, known int, into any) (rev kv.Revision, found bool, err error) {
	e, err := s.Get(ctx, key)
	if errors.Is(err, kv.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return e.Revision, true, Decode(e, known, into)
}
