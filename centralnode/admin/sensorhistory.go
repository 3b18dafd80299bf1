package admin

import (
	"context"

	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// SensorHistory shows what a Sensor found of its link, by the minute, the oldest
// first, and in between an empty one for each that it did not tell. What is longer ago than 24 hours is forgotten.
func (a *Admin) SensorHistory(ctx context.Context, actor acts.Actor, which string, v acts.ViewHistory) ([]acts.QualityMinute, error) {
	return viewOne(ctx, a, actor, acts.ActViewSensors, which, func() ([]acts.QualityMinute, error) {
		if !v.To.IsZero() && v.From.After(v.To) {
			return nil, conduct.Invalid("the time ends before it begins", "give an end after "+v.From.UTC().Format("2006-01-02 15:04 UTC"))
		}
		row, _, err := a.findSensor(ctx, which)
		if err != nil {
			return nil, err
		}
		return acts.Unbroken(a.c.Sensors.History(row.kept.Fingerprint, v.From, v.To)), nil
	})
}
