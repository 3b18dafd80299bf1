package admin

import (
	"context"

	"vedette/internal/acts"
)

// defaultLimit is how many rows a view shows when nobody says.
const defaultLimit = 1000

// viewOne shows the one thing that somebody named, if they may see it.
func viewOne[T any](ctx context.Context, a *Admin, actor acts.Actor, act, which string, find func() (T, error)) (T, error) {
	var none T
	if err := a.desk.Permit(ctx, actor, act); err != nil {
		return none, err
	}
	found, err := find()
	switch acts.CodeOf(err) {
	case "":
		return found, nil
	case acts.NotFound, acts.Invalid:
		return none, err // a slip of the pen is no matter of the audit
	default:
		return none, a.desk.Failed(ctx, actor, act, []string{which}, err)
	}
}
