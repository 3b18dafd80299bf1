package pagetest

import (
	"context"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// permit refuses as the daemon does.
func permit(may func(acts.Actor, string) bool) func(context.Context, acts.Actor, string) error {
	return func(_ context.Context, a acts.Actor, act string) error {
		if may(a, act) {
			return nil
		}
		return conduct.NotAllowed(a.Role, act, func(r acts.Role, act string) bool {
			other := a
			other.Role = r
			return may(other, act)
		})
	}
}
