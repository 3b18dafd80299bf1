package cli

import (
	"context"
	"errors"
)

var errDraining = errors.New("the daemon is stopping")

// Live runs a live view, whose context also ends when the daemon begins to
// stop: a view must not hold the daemon up. Interrupting is how a person ends
// one, so nothing is said about that.
func Live(ctx context.Context, draining <-chan struct{}, view func(context.Context) error) error {
	viewing, stop := untilDraining(ctx, draining)
	defer stop()
	err := view(viewing)
	switch {
	case errors.Is(context.Cause(viewing), errDraining):
		return &Error{Exit: ExitCannotConnect, Text: errDraining.Error()}
	case ctx.Err() != nil:
		return &Error{Exit: ExitInterrupted, Err: ctx.Err()}
	}
	return err
}

// untilDraining makes a context that also ends when the daemon begins to stop.
func untilDraining(ctx context.Context, draining <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-draining:
			cancel(errDraining)
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-watched
	}
}
