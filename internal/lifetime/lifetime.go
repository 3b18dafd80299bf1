// Package lifetime is how the parts of a daemon begin and end together. Doors
// are what the outside comes in by. Keepers are what work under way at the doors
// still needs when they close, so they outlive them. What was opened is closed
// at last, the newest first.
package lifetime

import (
	"context"
	"errors"
	"net"

	"golang.org/x/sync/errgroup"
)

// Part runs until its context ends. A part that returns an error before takes
// the others down.
type Part func(context.Context) error

// Run runs doors and keepers until ctx ends or one of them breaks, ends the
// doors and then the keepers, and returns what went wrong.
func Run(ctx context.Context, doors, keepers []Part) error {
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	defer stopKeeping()
	inside, keeping := errgroup.WithContext(keeping)
	for _, k := range keepers {
		inside.Go(func() error { return k(keeping) })
	}
	outside, ctx := errgroup.WithContext(ctx)
	for _, d := range doors {
		outside.Go(func() error { return d(ctx) })
	}
	outside.Go(func() error {
		select {
		case <-keeping.Done(): // a keeper broke: stop the doors too
			return context.Cause(keeping)
		case <-ctx.Done():
			return nil
		}
	})
	err := outside.Wait()
	stopKeeping()
	kept := inside.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil // what broke is told by the keeper
	}
	return errors.Join(err, kept)
}

// Opened is what has to be closed. The zero value is nothing.
type Opened struct{ closers []func() error }

// Add notes how something is closed that was opened last.
func (o *Opened) Add(closer func() error) { o.closers = append(o.closers, closer) }

// Close closes everything once, the newest first. Listeners that are closed
// already are no error.
func (o *Opened) Close() error {
	var errs []error
	for i := len(o.closers) - 1; i >= 0; i-- {
		if err := o.closers[i](); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	o.closers = nil
	return errors.Join(errs...)
}
