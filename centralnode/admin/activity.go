package admin

import (
	"context"
	"fmt"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/conduct"
)

// The thresholds until somebody sets them: a week of silence may be a holiday, a
// month of it hardly. The document says that there are some, and not which.
const (
	defaultWarningDays  = 7
	defaultCriticalDays = 30
	maxActivityDays     = 3650
)

// Activity shows the thresholds of the hosts' activity.
func (a *Admin) Activity(ctx context.Context, actor acts.Actor) (acts.ActivityThresholds, error) {
	return viewOne(ctx, a, actor, acts.ActViewHosts, "activity", func() (acts.ActivityThresholds, error) { return a.activity(ctx) })
}

func (a *Admin) activity(ctx context.Context) (acts.ActivityThresholds, error) {
	t := acts.ActivityThresholds{Revision: uint64(a.c.Store.Revision())} // read first, so that what is set meanwhile is newer
	kept, err := a.keptActivity(ctx)
	t.Warning, t.Critical = kept.Warning, kept.Critical
	return t, err
}

func (a *Admin) keptActivity(ctx context.Context) (store.Activity, error) {
	kept, found, err := a.c.Store.Activity(ctx)
	if !found {
		kept.Warning, kept.Critical = defaultWarningDays, defaultCriticalDays
	}
	return kept, err
}

// PreviewSetActivity says how many hosts would be called what. The documented
// product asks nothing before it.
func (a *Admin) PreviewSetActivity(ctx context.Context, actor acts.Actor, in acts.SetActivity) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActSetActivity); err != nil {
		return acts.Preview{}, err
	}
	revision := a.c.Store.Revision() // read first: thresholds that are set meanwhile make the act stale
	before, err := a.seenActivity(ctx, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, acts.ActSetActivity, []string{activitySubject(in)}, err)
	}
	p := acts.Preview{Act: acts.ActSetActivity, Revision: uint64(revision)}
	was, will := make(map[acts.Activity]int), make(map[acts.Activity]int)
	then, after := thresholds(before), acts.ActivityThresholds{Warning: in.Warning, Critical: in.Critical}
	if then == after {
		p.Lines = []string{"The thresholds are " + activitySubject(in) + " already."}
		return p, nil
	}
	now := a.c.Now()
	for _, h := range a.c.Hosts.Hosts() {
		silent := now.Sub(h.Last)
		was[then.Of(silent)]++
		will[after.Of(silent)]++
	}
	for _, activity := range acts.Activities() {
		p.Lines = append(p.Lines, fmt.Sprintf("%s: %d hosts (now: %d).", activity, will[activity], was[activity]))
	}
	return p, nil
}

// SetActivity sets the thresholds. They are in force when SetActivity returns.
func (a *Admin) SetActivity(ctx context.Context, actor acts.Actor, in acts.SetActivity) (acts.ActivityThresholds, error) {
	subject := activitySubject(in)
	if err := a.desk.Permit(ctx, actor, acts.ActSetActivity, subject); err != nil {
		return acts.ActivityThresholds{}, err
	}
	done, err := a.setActivity(ctx, actor, in, subject)
	if err != nil {
		return acts.ActivityThresholds{}, a.desk.Failed(ctx, actor, acts.ActSetActivity, []string{subject}, err)
	}
	return done, nil
}

func (a *Admin) setActivity(ctx context.Context, actor acts.Actor, in acts.SetActivity, subject string) (acts.ActivityThresholds, error) {
	done := acts.ActivityThresholds{Warning: in.Warning, Critical: in.Critical}
	before, err := a.seenActivity(ctx, in)
	if err != nil || thresholds(before) == done {
		done.Revision = uint64(before.Version)
		return done, err
	}
	var change store.Change
	change.SetActivity(store.Activity{Warning: in.Warning, Critical: in.Critical, Version: before.Version})
	was := activitySubject(acts.SetActivity{Warning: before.Warning, Critical: before.Critical})
	revision, err := a.desk.Commit(ctx, actor, acts.ActSetActivity, []string{subject}, "before: "+was, change.Ops, change.Expect)
	done.Revision = uint64(revision)
	return done, err
}

// seenActivity checks what is to be set, and reads what it takes the place of. It
// refuses when that was set after the revision that the administrator saw.
func (a *Admin) seenActivity(ctx context.Context, in acts.SetActivity) (store.Activity, error) {
	const hint = "give whole days, Warning fewer than Critical inactivity"
	switch {
	case in.Warning < 1:
		return store.Activity{}, conduct.Invalid(fmt.Sprintf("Warning after %d days is too early: 1 is the least", in.Warning), hint)
	case in.Critical > maxActivityDays:
		return store.Activity{}, conduct.Invalid(fmt.Sprintf("Critical inactivity after %d days is too late: %d is the most", in.Critical, maxActivityDays), hint)
	case in.Warning >= in.Critical:
		return store.Activity{}, conduct.Invalid(fmt.Sprintf("Warning after %d days does not come before Critical inactivity after %d", in.Warning, in.Critical), hint)
	}
	before, err := a.keptActivity(ctx)
	if err == nil {
		err = conduct.Seen(in.Revision, before.Version)
	}
	return before, err
}

// thresholds are those that are kept, without a revision.
func thresholds(kept store.Activity) acts.ActivityThresholds {
	return acts.ActivityThresholds{Warning: kept.Warning, Critical: kept.Critical}
}

func activitySubject(in acts.SetActivity) string {
	return fmt.Sprintf("warning %d days, critical %d days", in.Warning, in.Critical)
}
