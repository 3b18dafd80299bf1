package admin

import (
	"cmp"
	"context"
	"fmt"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/kv"
)

// PreviewAcceptExternalSystem shows whom accepting would let in and as what, and
// the fingerprint that has to be compared.
func (a *Admin) PreviewAcceptExternalSystem(ctx context.Context, actor acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return a.previewSystem(ctx, actor, acts.ActAcceptSystem, in)
}

// AcceptExternalSystem lets an external system in, and confirms or corrects its
// type. Of one that is accepted already it corrects the type.
func (a *Admin) AcceptExternalSystem(ctx context.Context, actor acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return a.decideSystem(ctx, actor, acts.ActAcceptSystem, in)
}

// PreviewRejectExternalSystem says what rejecting would cut off.
func (a *Admin) PreviewRejectExternalSystem(ctx context.Context, actor acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return a.previewSystem(ctx, actor, acts.ActRejectSystem, in)
}

// RejectExternalSystem refuses an external system. When it returns, every
// connection of it is cut, uploads and all, and nothing of it was taken after
// the returned revision.
func (a *Admin) RejectExternalSystem(ctx context.Context, actor acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return a.decideSystem(ctx, actor, acts.ActRejectSystem, in)
}

// PreviewDeleteExternalSystem says what deleting would cut off.
func (a *Admin) PreviewDeleteExternalSystem(ctx context.Context, actor acts.Actor, in acts.DecideExternalSystem) (acts.Preview, error) {
	return a.previewSystem(ctx, actor, acts.ActDeleteSystem, in)
}

// DeleteExternalSystem forgets an external system, with the effect of rejecting
// it. If it calls again it asks anew.
func (a *Admin) DeleteExternalSystem(ctx context.Context, actor acts.Actor, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	return a.decideSystem(ctx, actor, acts.ActDeleteSystem, in)
}

// systemToDecide finds the external system that an act is about, and says when
// it cannot be done.
func (a *Admin) systemToDecide(ctx context.Context, act string, in acts.DecideExternalSystem) (systemRow, uint64, error) {
	if in.Type != "" {
		if _, err := acts.ParseSystemType(string(in.Type)); err != nil {
			return systemRow{}, 0, conduct.InvalidInput(err)
		}
	}
	row, revision, err := a.findSystem(ctx, in.Which, in.Fingerprint, act != acts.ActAcceptSystem)
	switch acts.CodeOf(err) {
	case "":
		err = conduct.Seen(in.Revision, row.kept.Version)
	case acts.NotFound, acts.Refused:
		if !in.Fingerprint.IsZero() {
			err = conduct.Gone(in.Revision, acts.ActDeleteSystem, in.Fingerprint.String(), err)
		}
	}
	if err != nil {
		return row, 0, err
	}
	open := in.Type == "" && in.EachType // which type it will be is not said yet
	again := act == acts.ActRejectSystem && row.kept.State == store.Rejected ||
		act == acts.ActAcceptSystem && row.kept.State == store.Accepted && !open && (in.Type == "" || in.Type == row.kept.Type)
	if again {
		hint := "the list shows what was decided, when and by whom"
		if act == acts.ActAcceptSystem {
			hint = "accepting it with another type corrects the type"
		}
		return row, 0, &acts.Error{Code: acts.Refused, Text: fmt.Sprintf("the external system %s is %s already: nothing was done", row.shown.ID, row.shown.State), Hint: hint}
	}
	return row, uint64(revision), nil
}

func (a *Admin) previewSystem(ctx context.Context, actor acts.Actor, act string, in acts.DecideExternalSystem) (acts.Preview, error) {
	if err := a.desk.Permit(ctx, actor, act, in.Which); err != nil {
		return acts.Preview{}, err
	}
	row, revision, err := a.systemToDecide(ctx, act, in)
	if err != nil {
		return acts.Preview{}, a.desk.NotPreviewed(ctx, act, []string{in.Which}, err)
	}
	s := row.shown
	p := acts.Preview{Act: act, Revision: revision, Asks: true, Lines: []string{
		"External system: " + s.ID + ", which calls from " + s.Sensor + ".",
		"Name: " + orNone(s.Name) + ". Its certificate is for " + orNone(s.Subject) + ".",
		"Certificate fingerprint: " + s.Fingerprint.String(),
		fmt.Sprintf("State: %s. Type: %s%s.", s.State, s.Type, claimed(row.kept)),
	}}
	switch act {
	case acts.ActAcceptSystem:
		lines, err := a.acceptLines(ctx, row, in)
		if err != nil {
			return acts.Preview{}, a.desk.NotPreviewed(ctx, act, []string{in.Which}, err)
		}
		p.Lines, p.Fingerprint = append(p.Lines, lines...), s.Fingerprint
		return p, nil
	case acts.ActRejectSystem:
		p.Lines = append(p.Lines, "It is told that it was rejected whenever it calls, and does not ask again. Delete it to let it ask anew.")
	case acts.ActDeleteSystem:
		p.Lines = append(p.Lines, "It is forgotten. If it calls again it makes a new request; to keep it away, reject it.")
		if n := a.c.Scan.Results(s.ID); n > 0 {
			p.Lines = append(p.Lines, fmt.Sprintf("Results belong to the ID (kept now: %d): whoever is accepted as %s later can read them.", n, s.ID))
		}
	}
	p.Consequences = []acts.Consequence{
		{Text: "Connections of this external system that are cut at once, uploads and all.", InUse: true, Count: a.c.Door.Affected(a.c.Door.Trust().WithSystem(row.kept.System(), trust.Rejected))},
		{Text: "Objects of this ID that have no verdict yet. They are scanned all the same, and what is found in them becomes an alert; nobody is given their verdicts over this certificate.", InUse: true, Count: s.Waiting},
	}
	return p, nil
}

// claimed marks a type that no administrator has confirmed.
func claimed(v store.ExternalSystem) string {
	if v.Confirmed {
		return ""
	}
	return ", as it said itself when it asked"
}

func article(kind acts.SystemType) string {
	if kind == acts.OtherSystem {
		return "one of the other systems"
	}
	return "a " + string(kind)
}

// order says when objects of systems of a type are scanned.
func order(kind acts.SystemType) string {
	if kind == acts.OtherSystem {
		return "after those of mail sensors while Maximum scan priority is on"
	}
	return "before those of all other systems while Maximum scan priority is on"
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// acceptLines say what accepting an external system means.
func (a *Admin) acceptLines(ctx context.Context, row systemRow, in acts.DecideExternalSystem) ([]string, error) {
	first, _, err := a.c.Store.ScanPriority(ctx)
	if err != nil {
		return nil, err
	}
	var lines []string
	if now := row.look.Type; !row.kept.Confirmed && now != "" && now != row.kept.Type {
		lines = append(lines, "Now it says that it is "+article(now)+".")
	}
	if in.EachType {
		for _, kind := range []acts.SystemType{acts.MailSensor, acts.OtherSystem} {
			lines = append(lines, "As "+article(kind)+", its objects are scanned "+order(kind)+".")
		}
		lines = append(lines, "The switch is "+onOff(first)+" now.")
	} else {
		kind := cmp.Or(in.Type, row.kept.Type)
		lines = append(lines, fmt.Sprintf("It will be treated as %s: its objects are scanned %s. The switch is %s now.", article(kind), order(kind), onOff(first)))
	}
	for _, e := range a.scanStatus(ctx).Engines {
		if e.Trouble == testFileOnly {
			lines = append(lines, engineProblem(e))
		}
	}
	if row.kept.State == store.Accepted {
		return append(lines, "It is accepted already: only its type is corrected."), nil
	}
	if n := a.c.Scan.Results(row.shown.ID); n > 0 {
		lines = append(lines, fmt.Sprintf("Results belong to the ID (kept now: %d): it will be able to read those of earlier submissions.", n))
	}
	for _, other := range row.others() {
		switch other.State {
		case store.Accepted:
			lines = append(lines, "This ID is accepted already with another certificate, "+other.Fingerprint.String()+", which stays accepted until you delete it.")
		case store.Rejected:
			lines = append(lines, "This ID was rejected with another certificate, "+other.Fingerprint.String()+", which stays rejected.")
		default:
			lines = append(lines, "This ID asks with another certificate as well, "+other.Fingerprint.String()+": be sure which of them is the one you know.")
		}
	}
	if row.kept.Changed && len(row.others()) == 0 {
		lines = append(lines, "This ID was known with another certificate when it asked.")
	}
	return append(lines, "Compare the fingerprint with the certificate that the external system uses. Accept it only if they are equal."), nil
}

func (a *Admin) decideSystem(ctx context.Context, actor acts.Actor, act string, in acts.DecideExternalSystem) (acts.ExternalSystemDecision, error) {
	var none acts.ExternalSystemDecision
	if err := a.desk.Permit(ctx, actor, act, in.Which); err != nil {
		return none, err
	}
	in.EachType = false // that is a matter of previews
	row, _, err := a.systemToDecide(ctx, act, in)
	if err != nil {
		return none, a.desk.Failed(ctx, actor, act, []string{in.Which}, err)
	}
	before, who := row.kept, row.kept.System()
	var change store.Change
	state, kept := trust.Unknown, before
	kept.Decided, kept.DecidedBy = a.c.Now(), actor.Account
	switch act {
	case acts.ActAcceptSystem:
		kept.State, kept.Confirmed, state = store.Accepted, true, trust.Accepted
		if in.Type != "" {
			kept.Type = in.Type
		}
		change.PutExternalSystem(kept)
	case acts.ActRejectSystem:
		kept.State, state = store.Rejected, trust.Rejected
		change.PutExternalSystem(kept)
	case acts.ActDeleteSystem:
		change.DeleteExternalSystem(before)
	}
	d := deed{act: act, subject: []string{who.Leaf.String(), who.ID}, detail: string(kept.Type)}
	if act == acts.ActAcceptSystem && kept.Type != before.Type {
		d.detail += ", before: " + string(before.Type)
	}
	done, err := a.change(ctx, actor, d, trust.Scope{Systems: []trust.System{who}}, change,
		func(s *trust.Snapshot) *trust.Snapshot { return s.WithSystem(who, state) })
	if err != nil {
		return none, err
	}
	a.c.External.Changed(ctx, who)
	if act != acts.ActDeleteSystem {
		kept.Version = kv.Revision(done.Revision)
		row.kept = kept
		a.lookAt(&row)
	}
	return acts.ExternalSystemDecision{System: row.shown, Revision: done.Revision, Cut: done.Cut, Took: done.Took}, nil
}
