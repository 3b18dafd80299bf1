package uplink

import (
	"context"
	"errors"
	"time"

	"vedette/proto/capacity"
	"vedette/proto/link"
)

// ErrNotCarrying is a link that carries no agents, and so no test; State says
// why.
var ErrNotCarrying = errors.New("the link carries nobody now")

// openTime is what a test has to get its stream.
const openTime = 5 * time.Second

// Test measures what the link carries. The Central Node makes one test of a
// Sensor at a time, and few in all. agents counts the bytes that agents send in the direction of the test.
// Errors are ErrNotCarrying, those of proto/capacity, and why the link or
// its stream ended.
func (u *Uplink) Test(ctx context.Context, spec capacity.Spec, agents func() uint64) (capacity.Result, error) {
	spec, err := spec.Check()
	if err != nil {
		return capacity.Result{}, err
	}
	u.mu.Lock()
	l := u.carrier
	u.mu.Unlock()
	if l == nil {
		return capacity.Result{}, ErrNotCarrying
	}
	opening, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	stream, err := l.link.Open(opening, link.Meta{Measure: true})
	if err != nil {
		return capacity.Result{}, err
	}
	result, err := capacity.Test(ctx, stream, spec, capacity.OverLanes(l.lanes, agents))
	if refused := capacity.Refusal(0); err != nil && !errors.As(err, &refused) {
		stream.Reset(link.CodeCancel, "")
		return result, err
	}
	_ = stream.Close() // both ends have said everything
	return result, err
}
