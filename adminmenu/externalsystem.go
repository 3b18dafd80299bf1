package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// externalSystemKey is what an external system is known by: one ID can have
// several certificates, and one certificate several IDs.
type externalSystemKey struct {
	id          string
	fingerprint pki.Fingerprint
}

func keyOf(v acts.ExternalSystem) externalSystemKey {
	return externalSystemKey{v.ID, v.Fingerprint}
}

// String names the system so that no ID can be taken for a fingerprint.
func (k externalSystemKey) String() string { return k.id + "/" + k.fingerprint.String() }

// externalSystemWindow is the window of one external system, which is also the
// administrator's check of the connection to it.
type externalSystemWindow struct {
	list   *externalSystemsWindow
	key    externalSystemKey
	window *window
	last   acts.ExternalSystem // as shown
	said   []line              // how the last act ended
}

// Words of the first button: what can be done about the type is different
// before and after Accept.
const (
	wordAccept     = "Accept"
	wordChangeType = "Change type"
)

// externalSystem opens the window of one external system.
func (m *externalSystemsWindow) externalSystem(key externalSystemKey) {
	s, b := m.menu, m.backend
	w := &window{title: "External system", text: text{lines: []line{words("Loading ...")}}}
	d := &externalSystemWindow{list: m, key: key, window: w}
	leave := button{wordClose, func() { s.close(w) }}
	w.buttons = []button{leave}
	why := s.mayNot("accept, reject or delete external systems", acts.LocalAdministrator)
	w.live = watch(func(ctx context.Context) (acts.ExternalSystemList, error) { return b.ExternalSystems(ctx, s.who) }, func(l acts.ExternalSystemList) {
		i := slices.IndexFunc(l.Systems, func(v acts.ExternalSystem) bool { return keyOf(v) == key })
		if i < 0 {
			how := "another administrator deleted it"
			if d.last.State == acts.Pending {
				how += ", or its request made room for another one after it was silent for long"
			}
			w.text.set([]line{alarm("This external system is not on the list any more: " + how + ". If it calls again, it asks anew."), blank(),
				value("ID", key.id), value("Fingerprint", key.fingerprint.String())})
			w.buttons, w.focus = []button{leave}, 0
			return
		}
		was := d.last
		d.last = l.Systems[i]
		switch all := append(d.buttons(), leave); {
		case len(why) > 0:
		case len(w.buttons) == len(all):
			w.buttons = all
		case was.ID == "": // seen for the first time
			w.buttons, w.focus = all, 0
		default: // it asked anew, or somebody else decided
			w.buttons, w.focus = all, len(all)-1
		}
		w.text.set(slices.Concat(said(d.said), externalSystemLines(d.last, s.config.Now()), why))
	})
	s.open(w)
}

// buttons are what an administrator can do with the system as it is now.
func (d *externalSystemWindow) buttons() []button {
	b := d.list.backend
	all := []button{{wordAccept, d.accept}}
	if d.last.State == acts.Accepted {
		all[0].word = wordChangeType
	}
	if d.last.State != acts.Rejected {
		all = append(all, button{"Reject", func() {
			d.decide("Reject this external system?", "Rejecting the external system", "", b.PreviewRejectExternalSystem, b.RejectExternalSystem, d.decided("Rejected"))
		}})
	}
	return append(all, button{"Delete", func() {
		d.decide("Delete this external system?", "Deleting the external system", "", b.PreviewDeleteExternalSystem, b.DeleteExternalSystem, d.deleted)
	}})
}

// accept asks first what the system is: what it said of itself is a claim.
func (d *externalSystemWindow) accept() {
	d.said = nil
	s, v := d.list.menu, d.last
	question, doing, done := "Accept this external system?", "Accepting the external system", "Accepted"
	lines := []line{words("What " + v.ID + " is treated as. It says that it is: " + string(v.Type) + ".")}
	if v.State == acts.Accepted {
		question, doing, done = "Change the type of this external system?", "Changing the type", "Changed"
		lines = []line{words("What " + v.ID + " is treated as. Now: " + string(v.Type) + ".")}
	}
	lines = append(lines, words("With Maximum scan priority on, mail sensors come first."))
	kinds := []string{string(acts.MailSensor), string(acts.OtherSystem)}
	if v.Type == acts.OtherSystem {
		slices.Reverse(kinds)
	}
	kind := newPicker("Type", kinds)
	var w *window
	next := func() {
		s.close(w)
		b := d.list.backend
		d.decide(question, doing, acts.SystemType(kind.word()), b.PreviewAcceptExternalSystem, b.AcceptExternalSystem, d.decided(done))
	}
	f := &pickForm{form: form{fields: []*field{kind.field}, done: next}, picker: kind}
	w = &window{title: "Type of the external system", text: text{lines: lines}, part: f}
	w.buttons = []button{{wordOk, next}, {wordCancel, func() { s.close(w) }}}
	s.open(w)
}

// decide asks before a decision, with the fingerprint to compare, and carries
// it out for exactly the system that was shown.
func (d *externalSystemWindow) decide(question, doing string, kind acts.SystemType,
	preview func(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.Preview, error),
	deed func(context.Context, acts.Actor, acts.DecideExternalSystem) (acts.ExternalSystemDecision, error),
	then func(acts.ExternalSystemDecision)) {
	d.said = nil
	s, in := d.list.menu, acts.DecideExternalSystem{Which: d.key.String(), Fingerprint: d.key.fingerprint, Type: kind}
	decide(s, decision[acts.ExternalSystemDecision]{question: question, doing: doing, then: then,
		preview: func(ctx context.Context) (acts.Preview, error) { return preview(ctx, s.who, in) },
		deed: func(ctx context.Context, revision uint64) (acts.ExternalSystemDecision, error) {
			in.Revision = revision
			return deed(ctx, s.who, in)
		}})
}

// decided says in the system's window what came of a decision.
func (d *externalSystemWindow) decided(done string) func(acts.ExternalSystemDecision) {
	return func(r acts.ExternalSystemDecision) {
		d.said, d.window.focus = externalDecisionLines(done, r), len(d.window.buttons)-1
	}
}

// deleted says it in the list: the system's window is of nothing any more.
func (d *externalSystemWindow) deleted(r acts.ExternalSystemDecision) {
	d.list.said = externalDecisionLines("Deleted", r)
	d.list.menu.close(d.window)
}

// externalDecisionLines says what came of a decision.
func externalDecisionLines(done string, r acts.ExternalSystemDecision) []line {
	cut := "nobody was cut"
	if r.Cut > 0 {
		cut = counted(r.Cut, "connection") + " cut"
	}
	return []line{heading(fmt.Sprintf("%s: %s, %s. Done in %s, %s; revision %d.", done, r.System.ID, r.System.Type, took(r.Took), cut, r.Revision))}
}

// externalSystemLines is all that is known of one external system.
func externalSystemLines(v acts.ExternalSystem, now time.Time) []line {
	state := line{label: "State", text: string(v.State)}
	kind := value("Type", string(v.Type))
	switch v.State {
	case acts.Pending:
		if v.Changed {
			state.text += ", with a new certificate"
		}
		state.text, state.ink = state.text+": waits for Accept or Reject", warning
		kind.text += ", as it says; Accept can correct it"
	case acts.Rejected:
		state.ink = bad
	}
	lines := optional([]line{state}, "Next step", v.NextStep)
	lines = append(lines, value("Fingerprint", v.Fingerprint.String()))
	lines = append(lines, value("ID", v.ID), value("Sensor", v.Sensor), kind)
	lines = optional(lines, "Name", v.Name)
	lines = append(lines, contactLines(v, now)...)
	lines = optional(lines, "Subject", v.Subject)
	if !v.NotAfter.IsZero() {
		lines = append(lines, expires(v.NotAfter, now))
	}
	lines = append(lines, value("Requested", moment(v.Requested)))
	if !v.Decided.IsZero() {
		lines = append(lines, value("Decided", strings.TrimSuffix(moment(v.Decided)+" by "+v.DecidedBy, " by ")))
	}
	if v.LastError != "" {
		lines = append(lines, errorLine(v, now))
	}
	if len(v.Others) > 0 {
		lines = append(lines, words("Other certificates of this ID, the accepted ones first:"))
		for _, f := range v.Others {
			lines = append(lines, item(f.String()))
		}
	}
	return lines
}

// contactLines is how the system and this server speak with each other.
func contactLines(v acts.ExternalSystem, now time.Time) []line {
	last := line{label: "Last call", text: "none", ink: warning}
	if !v.LastCall.IsZero() {
		last.text, last.ink = moment(v.LastCall)+" ("+span(now.Sub(v.LastCall))+" ago)", normal
	}
	lines := []line{last}
	if !slices.Equal(v.Addresses, []string{v.Sensor}) {
		lines = optional(lines, "Calls come from", strings.Join(v.Addresses, ", "))
	}
	return append(lines,
		value("Calls", fmt.Sprintf("%d; %s taken, %s refused", v.Calls, counted(int(v.Submitted), "object"), counted(int(v.Refused), "call"))),
		value("Now", fmt.Sprintf("%s; %s without a verdict", counted(v.Connections, "connection"), counted(v.Waiting, "object"))))
}

// errorLine is the last error that the system was answered with.
func errorLine(v acts.ExternalSystem, now time.Time) line {
	return value("Last error", moment(v.LastErrorAt)+" ("+span(now.Sub(v.LastErrorAt))+" ago): "+v.LastError)
}
