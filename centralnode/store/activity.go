package store

import (
	"context"

	"vedette/internal/kv"
)

const activityKey = "host-activity"

// Activity is after how many days without contact a host's activity is called
// Warning and Critical inactivity.
type Activity struct {
	V        int `json:"v"`
	Warning  int `json:"warning"`
	Critical int `json:"critical"`

	Version kv.Revision `json:"-"`
}

// Activity reads the thresholds; found is false until they were set.
func (s *Store) Activity(ctx context.Context) (_ Activity, found bool, err error) {
	var v Activity
	v.Version, found, err = s.get(ctx, activityKey, 1, &v)
	return v, found, err
}

// SetActivity writes the thresholds over the version that was read; 0: none were
// set.
func (c *Change) SetActivity(v Activity) {
	v.V = 1
	c.Put(activityKey, v)
	c.Seen(activityKey, v.Version)
}
