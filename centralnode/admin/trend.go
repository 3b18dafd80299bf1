package admin

import (
	"context"
	"slices"

	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
)

// Trends is the room that remembers what is counted.
type Trends interface {
	Series(f acts.TrendFilter) acts.TrendList
}

// Trends shows how what the daemon counts went up and down.
func (a *Admin) Trends(ctx context.Context, actor acts.Actor, f acts.TrendFilter) (acts.TrendList, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewStatus); err != nil {
		return acts.TrendList{}, err
	}
	switch f.Period {
	case "", acts.TrendDay, acts.TrendMonth:
	default:
		return acts.TrendList{}, conduct.Invalid("period \""+foreign.Line(string(f.Period))+"\" is not known", "the periods are day and month")
	}
	for _, t := range f.Trends {
		if !slices.Contains(acts.Trends(), t) {
			return acts.TrendList{}, conduct.Invalid("trend \""+foreign.Line(string(t))+"\" is not known", "the trends are "+joinWords(acts.Trends()))
		}
	}
	return a.c.Trends.Series(f), nil
}
