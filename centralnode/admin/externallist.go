package admin

import (
	"context"

	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/pki"
)

// ExternalSystemPage shows what a filter chooses of the table of external
// systems: those that wait for a decision first, of each state the oldest
// request first.
func (a *Admin) ExternalSystemPage(ctx context.Context, actor acts.Actor, f acts.ServerFilter) (acts.ExternalSystemPage, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewSystems); err != nil {
		return acts.ExternalSystemPage{}, err
	}
	if err := checkFilter(f); err != nil {
		return acts.ExternalSystemPage{}, err
	}
	page, err := a.chosenSystems(ctx, f)
	if err != nil {
		return acts.ExternalSystemPage{}, a.desk.Failed(ctx, actor, acts.ActViewSystems, nil, err)
	}
	return page, nil
}

// chosenSystems looks at the rows that are shown, and at the others only where
// their texts are asked for: many may be accepted.
func (a *Admin) chosenSystems(ctx context.Context, f acts.ServerFilter) (page acts.ExternalSystemPage, err error) {
	rows, revision, err := a.keptSystems(ctx)
	if err != nil {
		return page, err
	}
	list, set, err := a.aboveSystems(ctx)
	if err != nil {
		return page, err
	}
	for i := range rows {
		switch rows[i].kept.State {
		case store.Accepted:
			page.Counts.Accepted++
		case store.Rejected:
			page.Counts.Rejected++
		default:
			page.Counts.Pending++
		}
		if f.Text != "" {
			a.lookAt(&rows[i])
		}
	}
	chosen := chooseServers(rows, f, func(r systemRow) (acts.RequestState, bool) {
		s := r.shown
		return stateOf(r.kept.State), says(f.Text, []pki.Fingerprint{r.kept.Fingerprint}, append(s.Addresses, s.Sensor, s.ID, s.Name, s.Subject, string(s.Type))...)
	})
	part, offset := section(chosen, f)
	list.Systems, list.Revision = make([]acts.ExternalSystem, len(part)), uint64(revision)
	for i := range part {
		if f.Text == "" {
			a.lookAt(&part[i])
		}
		list.Systems[i] = part[i].shown
	}
	page.ExternalSystemList, page.Matching, page.Offset = list, len(chosen), offset
	page.PriorityRevision = max(1, uint64(set)) // nothing is older than a switch that was never set
	return page, nil
}

// ExternalSystemDetail shows one external system by its ID together with its
// certificate, as exactly which it is known, and what the check of its
// connection needs.
func (a *Admin) ExternalSystemDetail(ctx context.Context, actor acts.Actor, id string, certificate pki.Fingerprint) (acts.ExternalSystemDetail, error) {
	return viewOne(ctx, a, actor, acts.ActViewSystems, id+"/"+certificate.String(), func() (acts.ExternalSystemDetail, error) {
		rows, _, err := a.keptSystems(ctx)
		if err != nil {
			return acts.ExternalSystemDetail{}, err
		}
		above, _, err := a.aboveSystems(ctx)
		if err != nil {
			return acts.ExternalSystemDetail{}, err
		}
		for _, row := range rows {
			if row.kept.ID == id && row.kept.Fingerprint == certificate {
				a.lookAt(&row)
				return acts.ExternalSystemDetail{ExternalSystem: row.shown, ServerCertificate: above.ServerCertificate, Address: a.c.Address}, nil
			}
		}
		return acts.ExternalSystemDetail{}, &acts.Error{Code: acts.NotFound, Text: "no external system \"" + foreign.Line(id) + "\" with this certificate is known",
			Hint: "somebody deleted it, or its request made room for another one after it was silent for long; if it calls again, it asks anew"}
	})
}
