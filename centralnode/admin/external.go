package admin

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"vedette/centralnode/external"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
	"vedette/internal/kv"
	"vedette/pki"
)

// External is the room of external systems.
type External interface {
	Look(who trust.System) external.Look
	// Changed tells that an act has decided about an external system.
	Changed(ctx context.Context, who trust.System)
}

// ExternalSystems shows the table of external systems, requests and all.
func (a *Admin) ExternalSystems(ctx context.Context, actor acts.Actor) (acts.ExternalSystemList, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewSystems); err != nil {
		return acts.ExternalSystemList{}, err
	}
	list, err := a.listSystems(ctx)
	if err != nil {
		return acts.ExternalSystemList{}, a.desk.Failed(ctx, actor, acts.ActViewSystems, nil, err)
	}
	return list, nil
}

func (a *Admin) listSystems(ctx context.Context) (acts.ExternalSystemList, error) {
	rows, revision, err := a.externalSystems(ctx)
	if err != nil {
		return acts.ExternalSystemList{}, err
	}
	list, _, err := a.aboveSystems(ctx)
	list.Systems, list.Revision = make([]acts.ExternalSystem, len(rows)), uint64(revision)
	for i, row := range rows {
		list.Systems[i] = row.shown
	}
	return list, err
}

// aboveSystems is what stands above the table, with the revision of the switch.
func (a *Admin) aboveSystems(ctx context.Context) (acts.ExternalSystemList, kv.Revision, error) {
	first, set, err := a.c.Store.ScanPriority(ctx)
	if err != nil {
		return acts.ExternalSystemList{}, 0, err
	}
	certificate, err := a.c.Base.Serving.Show(ctx)
	return acts.ExternalSystemList{ServerCertificate: certificate.Fingerprint, MaximumScanPriority: first}, set, err
}

// ExternalSystem shows one external system: the administrator's side of the
// check of its connection. It is named by ID, by fingerprint, or by both as
// ID/FINGERPRINT.
func (a *Admin) ExternalSystem(ctx context.Context, actor acts.Actor, which string) (acts.ExternalSystem, error) {
	return viewOne(ctx, a, actor, acts.ActViewSystems, which, func() (acts.ExternalSystem, error) {
		row, _, err := a.findSystem(ctx, which, pki.Fingerprint{}, true)
		return row.shown, err
	})
}

// systemRow is an external system as it is kept, and as it is shown.
type systemRow struct {
	kept store.ExternalSystem
	look external.Look
	// same are the systems of its ID, itself among them, the accepted first; at
	// most a few.
	same  []store.ExternalSystem
	shown acts.ExternalSystem
}

// others are the same without the system itself.
func (r systemRow) others() (out []store.ExternalSystem) {
	for _, v := range r.same {
		if v.Fingerprint != r.kept.Fingerprint && len(out) < acts.MaxOthers {
			out = append(out, v)
		}
	}
	return out
}

// externalSystems reads the table, the oldest request first.
func (a *Admin) externalSystems(ctx context.Context) ([]systemRow, kv.Revision, error) {
	rows, revision, err := a.keptSystems(ctx)
	for i := range rows {
		a.lookAt(&rows[i])
	}
	return rows, revision, err
}

// keptSystems reads the table as it is kept, without a look at what the systems
// do now.
func (a *Admin) keptSystems(ctx context.Context) ([]systemRow, kv.Revision, error) {
	kept, revision, err := a.c.Store.ExternalSystems(ctx)
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(kept, func(x, y store.ExternalSystem) int {
		return cmp.Or(x.Requested.Compare(y.Requested), strings.Compare(x.ID, y.ID), bytes.Compare(x.Fingerprint[:], y.Fingerprint[:]))
	})
	same := make(map[string][]store.ExternalSystem)
	for _, state := range []store.RequestState{store.Accepted, store.Rejected, store.Pending} {
		for _, v := range kept {
			// One ID may ask with any number of certificates.
			if v.State == state && len(same[v.ID]) <= acts.MaxOthers {
				same[v.ID] = append(same[v.ID], v)
			}
		}
	}
	rows := make([]systemRow, len(kept))
	for i, v := range kept {
		rows[i] = systemRow{kept: v, same: same[v.ID]}
	}
	return rows, revision, nil
}

// lookAt fills in what a system does now, and how it is shown.
func (a *Admin) lookAt(r *systemRow) {
	r.look = a.c.External.Look(r.kept.System())
	r.shown = a.describeSystem(*r)
}

func (a *Admin) describeSystem(r systemRow) acts.ExternalSystem {
	v, look := r.kept, r.look
	s := acts.ExternalSystem{
		ID: foreign.Line(v.ID), Fingerprint: v.Fingerprint, Type: v.Type, Name: external.Title(cmp.Or(look.Name, v.Name)),
		Subject: foreign.Line(v.Subject), NotAfter: v.NotAfter, State: stateOf(v.State), Changed: v.Changed,
		Requested: v.Requested, Decided: v.Decided, DecidedBy: foreign.Line(v.DecidedBy), Revision: uint64(v.Version),
		Sensor: foreign.Line(v.Address), Addresses: []string{}, LastCall: look.Last,
		Calls: look.Calls, Submitted: look.Submitted, Refused: look.Refused,
		LastError: foreign.Line(look.LastError), LastErrorAt: look.LastErrorAt,
		Connections: look.Connections, Waiting: a.c.Scan.Waiting(v.ID),
	}
	for _, address := range look.Addresses {
		s.Addresses = append(s.Addresses, address.String())
	}
	if len(s.Addresses) > 0 {
		s.Sensor = s.Addresses[0]
	}
	others := r.others()
	for _, other := range others {
		s.Others = append(s.Others, other.Fingerprint)
	}
	s.NextStep = nextStep(s, others, a.c.Now())
	return s
}

// findSystem finds the one external system that an administrator named, by ID,
// by fingerprint or by both; both may also be the one text ID/FINGERPRINT. What
// reads as the fingerprint of a known certificate is that, so that no external
// system can take the place of another by what it calls itself. Of several of one
// ID the accepted one is meant, if there is one and standing says so: a stranger
// who knows the ID and asks with it must not change what the ID means.
func (a *Admin) findSystem(ctx context.Context, which string, compared pki.Fingerprint, standing bool) (systemRow, kv.Revision, error) {
	which = strings.TrimSpace(which)
	if which == "" {
		return systemRow{}, 0, conduct.Invalid("no external system was named", "name it by ID or certificate fingerprint; the list shows them")
	}
	id, both := which, false
	if before, after, found := strings.Cut(which, "/"); found {
		f, err := pki.ParseFingerprint(after)
		if err != nil {
			return systemRow{}, 0, conduct.Invalid("\""+foreign.Line(after)+"\" is not a fingerprint", "name both as ID/FINGERPRINT, with the whole SHA-256 fingerprint")
		}
		if !compared.IsZero() && compared != f {
			return systemRow{}, 0, conduct.Invalid("two fingerprints were named", "name the one that was compared")
		}
		id, compared, both = before, f, true
	}
	rows, revision, err := a.externalSystems(ctx)
	if err != nil {
		return systemRow{}, 0, err
	}
	var found []systemRow
	if named, err := pki.ParseFingerprint(id); err == nil && !both {
		found = slices.DeleteFunc(slices.Clone(rows), func(r systemRow) bool { return r.kept.Fingerprint != named })
	}
	if len(found) == 0 {
		found = slices.DeleteFunc(slices.Clone(rows), func(r systemRow) bool { return r.kept.ID != id })
		if standing && compared.IsZero() {
			if i := accepted(found); i >= 0 {
				found = found[i : i+1]
			}
		}
	}
	known := found
	if !compared.IsZero() {
		found = slices.DeleteFunc(slices.Clone(found), func(r systemRow) bool { return r.kept.Fingerprint != compared })
	}
	switch {
	case len(found) == 1:
		return found[0], revision, nil
	case len(found) > 1:
		return systemRow{}, 0, severalSystems(found, id)
	case len(known) > 0:
		return systemRow{}, 0, &acts.Error{Code: acts.Refused, Text: "the external system " + foreign.Line(id) + " has another certificate than the one that was compared: nothing was done",
			Hint: "compare " + known[0].kept.Fingerprint.String() + " with the certificate that the external system uses"}
	default:
		return systemRow{}, 0, &acts.Error{Code: acts.NotFound, Text: "no external system \"" + foreign.Line(which) + "\" is known", Hint: "the list shows the external systems that asked; an ID counts with its upper and lower case"}
	}
}

// accepted is the place of the only accepted one; -1 when none or several are.
func accepted(rows []systemRow) int {
	place := -1
	for i, r := range rows {
		if r.kept.State != store.Accepted {
			continue
		}
		if place >= 0 {
			return -1
		}
		place = i
	}
	return place
}

// maxCandidates is how many of those that answer to a name are listed.
const maxCandidates = 5

func severalSystems(found []systemRow, id string) error {
	candidates := make([]string, 0, maxCandidates)
	for _, row := range found[:min(len(found), maxCandidates)] {
		s := row.shown
		candidates = append(candidates, s.ID+"/"+s.Fingerprint.String()+" ("+string(s.State)+", "+s.Sensor+")")
	}
	text := fmt.Sprintf("%d external systems answer to \"%s\": %s", len(found), foreign.Line(id), strings.Join(candidates, ", "))
	if more := len(found) - len(candidates); more > 0 {
		text += ", and more"
	}
	return conduct.Invalid(text, "name one as ID/FINGERPRINT")
}

// systemCounts counts external systems and their connections, and says what
// needs a person.
func (a *Admin) systemCounts(ctx context.Context) (c acts.SystemCounts, connections int, problems []string, err error) {
	rows, _, err := a.externalSystems(ctx)
	if err != nil {
		return c, 0, nil, err
	}
	for _, row := range rows {
		connections += row.look.Connections
		switch row.kept.State {
		case store.Accepted:
			c.Accepted++
			if w, soon := expiry(row.shown, a.c.Now()); soon {
				problems = append(problems, "External system "+row.shown.ID+": "+w)
			}
		case store.Rejected:
			c.Rejected++
		default:
			c.Pending++
		}
	}
	switch c.Pending {
	case 0:
	case 1:
		problems = append(problems, "1 external system waits for Accept or Reject.")
	default:
		problems = append(problems, fmt.Sprintf("%d external systems wait for Accept or Reject.", c.Pending))
	}
	return c, connections, problems, nil
}
