package admin

import (
	"context"
	"fmt"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/kv"
)

// PreviewSetScanPriority says what the switch Maximum scan priority changes. The
// documented product asks nothing before it.
func (a *Admin) PreviewSetScanPriority(ctx context.Context, actor acts.Actor, in acts.SetScanPriority) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActSetScanPriority); err != nil {
		return acts.Preview{}, err
	}
	revision := a.c.Store.Revision() // read first: a switch that is set meanwhile makes the act stale
	on, _, err := a.scanPriority(ctx, in.Revision)
	var rows []systemRow
	if err == nil {
		rows, _, err = a.keptSystems(ctx)
	}
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, acts.ActSetScanPriority, []string{onOff(in.On)}, err)
	}
	p := acts.Preview{Act: acts.ActSetScanPriority, Revision: uint64(revision)}
	if on == in.On {
		p.Lines = []string{"Maximum scan priority is " + onOff(on) + " already."}
		return p, nil
	}
	mail, other := 0, 0
	for _, row := range rows {
		switch {
		case row.kept.State != store.Accepted:
		case row.kept.Type == acts.MailSensor:
			mail++
		default:
			other++
		}
	}
	if in.On {
		p.Lines = []string{
			fmt.Sprintf("Objects of mail sensors (%d accepted) will be scanned before all others.", mail),
			fmt.Sprintf("Other systems (%d accepted) wait for their verdicts as long as mail keeps all workers busy.", other),
		}
	} else {
		p.Lines = []string{fmt.Sprintf("Mail sensors (%d accepted) and other systems (%d accepted) will take turns.", mail, other)}
	}
	return p, nil
}

// scanPriority reads the switch, and refuses when it was set after the revision
// that the administrator saw.
func (a *Admin) scanPriority(ctx context.Context, revision uint64) (bool, kv.Revision, error) {
	on, version, err := a.c.Store.ScanPriority(ctx)
	if err == nil {
		err = conduct.Seen(revision, version)
	}
	return on, version, err
}

// SetScanPriority sets the documented switch Maximum scan priority. It is in
// force when SetScanPriority returns.
func (a *Admin) SetScanPriority(ctx context.Context, actor acts.Actor, in acts.SetScanPriority) (acts.ScanPriority, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActSetScanPriority, onOff(in.On)); err != nil {
		return acts.ScanPriority{}, err
	}
	subject := []string{onOff(in.On)}
	// What is written last is what is in force.
	a.switching.Lock()
	defer a.switching.Unlock()
	on, version, err := a.scanPriority(ctx, in.Revision)
	if err == nil && on == in.On {
		return acts.ScanPriority{On: on, Revision: uint64(version)}, nil
	}
	if err == nil {
		var change store.Change
		change.SetScanPriority(in.On, version)
		version, err = a.desk.Commit(ctx, actor, acts.ActSetScanPriority, subject, "", change.Ops, change.Expect)
	}
	if err != nil {
		return acts.ScanPriority{}, a.desk.Failed(ctx, actor, acts.ActSetScanPriority, subject, err)
	}
	a.c.Scan.SetPriority(in.On)
	return acts.ScanPriority{On: in.On, Revision: uint64(version)}, nil
}
