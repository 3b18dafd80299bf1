package admin

import (
	"context"
	"slices"
	"strings"

	"vedette/internal/acts"
)

// Status says what the Sensor is doing, and what needs a person.
func (a *Admin) Status(ctx context.Context, actor acts.Actor) (acts.SensorStatus, error) {
	if err := a.desk.Permit(ctx, actor, actViewStatus); err != nil {
		return acts.SensorStatus{}, err
	}
	s, err := a.status(ctx)
	if err != nil {
		return acts.SensorStatus{}, a.desk.Failed(ctx, actor, actViewStatus, nil, err)
	}
	return s, nil
}

func (a *Admin) status(ctx context.Context) (acts.SensorStatus, error) {
	certificate, err := a.c.Base.Serving.Show(ctx)
	if err != nil {
		return acts.SensorStatus{}, err
	}
	l, err := a.link(ctx)
	if err != nil {
		return acts.SensorStatus{}, err
	}
	s := acts.SensorStatus{
		Daemon: "sensor", Version: a.c.Version, Started: a.started, Address: a.c.Address,
		StoreID: a.c.Base.State.ID(), Revision: uint64(a.c.Store.Revision()),
		SSH: a.c.Base.SSHDoor(a.c.SSHAddress), Certificate: certificate.Certificate, Link: l,
	}
	if reason := a.c.StateDegraded(); reason != "" {
		s.Problems = append(s.Problems, "The state file takes no writes: "+reason)
	}
	if l.State != acts.LinkAccepted {
		s.Problems = append(s.Problems, strings.Join(nonEmpty("No agent is carried: "+string(l.State)+".", l.Detail, l.Next), " "))
	}
	s.Problems = append(s.Problems, certificate.Warnings...)
	s.Problems = append(s.Problems, l.Quality.Problems()...)
	s.Problems = append(s.Problems, l.Warnings...)
	if l.Ingress.Held && !judged(l.Quality, acts.LimitIngress) {
		s.Problems = append(s.Problems, "The ingress limit holds agents back now.")
	}
	return s, nil
}

// judged says whether a limit is among the problems.
func judged(q acts.LinkQuality, limit acts.LimitName) bool {
	return slices.ContainsFunc(q.Limits, func(j acts.Judged) bool { return j.Limit == limit && j.Verdict.Worse(acts.VerdictOK) })
}

func nonEmpty(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}
