package admin

import (
	"context"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// LinkHistory gives the minutes of the last 24 hours that began within a time,
// the oldest first, and in between an empty one for each that was not recorded.
func (a *Admin) LinkHistory(ctx context.Context, actor acts.Actor, in acts.ViewHistory) ([]acts.QualityMinute, error) {
	if err := a.desk.Permit(ctx, actor, actViewLink); err != nil {
		return nil, err
	}
	if in.To.IsZero() {
		in.To = a.c.Now()
	}
	if in.To.Before(in.From) {
		return nil, a.desk.Failed(ctx, actor, actViewLink, nil, conduct.Invalid("the end of the time lies before its beginning", "give the earlier one first"))
	}
	return acts.Unbroken(a.c.Quality.History(in.From, in.To)), nil
}
