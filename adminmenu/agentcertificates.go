package adminmenu

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// switchName is the documented name of the switch.
const switchName = "Validate Endpoint Agent TLS certificates"

// agentCertificatesWindow is Endpoint Agent certificates: the switch, the
// table, and the window of each certificate.
type agentCertificatesWindow struct {
	menu    *menuSession
	backend CentralNode
	window  *window
	table   *table
	why     []line // why the person may not change anything here

	validation bool // as it was loaded last
	of         map[string]pki.Fingerprint
}

// agentCertificatesModel is the table, made ready off the loop: it can have
// thousands of rows.
type agentCertificatesModel struct {
	list acts.AgentCertificateList
	rows []tableRow
	of   map[string]pki.Fingerprint // by key of a row
}

// agentCertificates opens the list of Endpoint Agent certificates.
func (s *menuSession) agentCertificates(b CentralNode) {
	t := &table{marking: true, match: matchDigits(), columns: []column{
		{title: "TLS certificate"}, {title: "Serial number"}, {title: "Expires", width: 10}, {title: "Agents", width: 6}, {title: "Last seen", width: 16},
	}}
	w := &window{title: "Endpoint Agent certificates", part: t, text: text{lines: []line{words("Loading ...")}}}
	m := &agentCertificatesWindow{menu: s, backend: b, window: w, table: t}
	leave := button{wordClose, func() { s.close(w) }}
	w.buttons = []button{{"Delete", m.deleteChosen}, {"Validation on/off", m.setValidation}, leave}
	w.keys = []binding{bind(keyDelete, "Delete", "", "deletes the marked certificates, or the selected one; asks first", m.deleteChosen)}
	if m.why = s.mayNot("change the list or the switch", acts.LocalAdministrator, acts.Administrator); len(m.why) > 0 {
		w.buttons, w.keys, t.marking = []button{leave}, nil, false
	}
	t.open = func(r tableRow) { m.agentCertificate(m.of[r.key]) }
	w.live = watch(func(ctx context.Context) (agentCertificatesModel, error) {
		list, err := b.AgentCertificates(ctx, s.who, acts.AgentCertificateFilter{})
		if err != nil {
			return agentCertificatesModel{}, err
		}
		return newAgentCertificatesModel(list), nil
	}, func(v agentCertificatesModel) {
		m.validation, m.of = v.list.Validation, v.of
		w.text.set(append(agentCertificatesLines(v.list), m.why...))
		t.set(v.rows)
	})
	s.open(w)
}

func newAgentCertificatesModel(list acts.AgentCertificateList) agentCertificatesModel {
	v := agentCertificatesModel{list: list, rows: make([]tableRow, 0, len(list.Certificates)), of: make(map[string]pki.Fingerprint, len(list.Certificates))}
	for _, c := range list.Certificates {
		r := tableRow{key: digitsOf(c), cells: []string{c.Fingerprint.String(), c.Serial.String(), day(c.NotAfter), fmt.Sprint(c.Connected), minute(c.LastSeen)}}
		if len(c.Warnings) > 0 {
			r.ink = warning
		}
		v.rows, v.of[r.key] = append(v.rows, r), c.Fingerprint
	}
	return v
}

// digitsOf is the key of a certificate's row, and what the filter looks in: the
// digits of the fingerprint and those of the serial number.
func digitsOf(c acts.AgentCertificate) string {
	return strings.ToUpper(hex.EncodeToString(c.Fingerprint[:])) + " " + string(c.Serial)
}

// matchDigits filters by a part of the fingerprint or of the serial number, in
// any notation.
func matchDigits() func(tableRow, string) bool {
	typed, digits := "", ""
	return func(r tableRow, filter string) bool {
		if filter != typed {
			typed = filter
			digits = strings.ToUpper(strings.NewReplacer(":", "", " ", "", "-", "").Replace(filter))
			if f, err := pki.ParseFingerprint(filter); err == nil { // as tools print it
				digits = strings.ToUpper(hex.EncodeToString(f[:]))
			}
		}
		return strings.Contains(r.key, digits)
	}
}

// agentCertificatesLines stand above the table.
func agentCertificatesLines(l acts.AgentCertificateList) []line {
	lines := []line{heading(switchName + ": " + onOff(l.Validation))}
	n := counted(len(l.Certificates), "certificate")
	switch {
	case len(l.Certificates) == 0 && l.Validation:
		return append(lines, alarm("No certificate is on the list: no agent is let in."), nextCertificate)
	case len(l.Certificates) == 0:
		return append(lines, words("No certificate is on the list."), nextCertificate)
	case l.Validation:
		return append(lines, words(n+"; only agents with a listed one are let in."))
	default:
		return append(lines, words(n+"; every agent is let in, with any certificate or none."))
	}
}

var nextCertificate = words("Next: the command agent-certificate generate makes one, and agent-certificate upload takes one that you have.")

// deleteChosen deletes the marked certificates, or the selected one.
func (m *agentCertificatesWindow) deleteChosen() {
	var chosen []pki.Fingerprint
	hidden := len(m.table.marks)
	for _, r := range m.table.shown {
		if m.table.marks[r.key] {
			hidden--
		}
	}
	for _, r := range m.table.chosen() {
		chosen = append(chosen, m.of[r.key])
	}
	switch {
	case len(chosen) == 0:
		m.menu.notice = "There is no certificate to delete."
	case hidden > 0:
		m.delete(chosen, fmt.Sprintf(" %d of them are marked, and hidden by the filter.", hidden))
	default:
		m.delete(chosen, "")
	}
}

// delete asks, with those whom it cuts, and takes certificates off the list.
func (m *agentCertificatesWindow) delete(chosen []pki.Fingerprint, note string) {
	s, b := m.menu, m.backend
	in := acts.DeleteAgentCertificates{Fingerprints: chosen}
	m.confirm("Delete "+counted(len(chosen), "certificate")+" from the list?"+note, "Deleting", "Deleted "+counted(len(chosen), "certificate")+".",
		func(ctx context.Context) (acts.Preview, error) {
			return b.PreviewDeleteAgentCertificates(ctx, s.who, in)
		},
		func(ctx context.Context, revision uint64) (acts.Withdrawal, error) {
			in.Revision = revision
			return b.DeleteAgentCertificates(ctx, s.who, in)
		})
}

// setValidation turns the switch over, as it was loaded last.
func (m *agentCertificatesWindow) setValidation() {
	s, b := m.menu, m.backend
	in := acts.SetValidation{On: !m.validation}
	m.confirm("Turn "+onOff(in.On)+": "+switchName+"?", "Turning the switch", switchName+": "+onOff(in.On)+".",
		func(ctx context.Context) (acts.Preview, error) { return b.PreviewSetValidation(ctx, s.who, in) },
		func(ctx context.Context, revision uint64) (acts.Withdrawal, error) {
			in.Revision = revision
			return b.SetValidation(ctx, s.who, in)
		})
}

// confirm asks with a preview, acts on exactly what was read, and shows the
// result.
func (m *agentCertificatesWindow) confirm(question, doing, done string, preview func(context.Context) (acts.Preview, error), deed func(context.Context, uint64) (acts.Withdrawal, error)) {
	decide(m.menu, decision[acts.Withdrawal]{question: question, doing: doing, preview: preview, deed: deed,
		lines: func(p acts.Preview) []line {
			return slices.Concat(consequenceLines(p.Consequences), []line{blank()}, sentences(p))
		},
		then: func(w acts.Withdrawal) {
			m.menu.backTo(m.window)
			m.menu.show("Result", withdrawalLines(done, w))
		}})
}

// sentences are the lines of a preview, what is said of single certificates
// behind what is said of all: there can be many.
func sentences(p acts.Preview) []line {
	var all, single []line
	for _, l := range p.Lines {
		l = inMoments(l)
		if f, _, found := strings.Cut(l, ": "); found {
			if _, err := pki.ParseFingerprint(f); err == nil {
				single = append(single, words(l))
				continue
			}
		}
		all = append(all, words(l))
	}
	return append(all, single...)
}

// withdrawalLines says what came of an act that takes rights away.
func withdrawalLines(done string, w acts.Withdrawal) []line {
	lines := []line{heading(done), blank()}
	for _, name := range w.Late {
		lines = append(lines, line{label: "Late", text: "The Sensor " + name + " did not say in time that it has the new policy; what comes through it is refused here.", ink: warning})
	}
	revision := fmt.Sprint(w.Revision)
	if w.Cut > 0 {
		revision += "; nothing of those who were cut is taken after it"
	}
	lines = append(lines,
		value("Cut", fmt.Sprintf("%s, in %s", counted(w.Cut, "connection"), took(w.Took))),
		value("Revision", revision),
		value("Sensors", counted(w.Sensors, "Sensor")+" with the new policy in force"))
	for _, f := range w.Fingerprints {
		lines = append(lines, value("Deleted", f.String()))
	}
	return lines
}

// day and minute show times in columns, in UTC.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func minute(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// agentCertificate opens the window of one certificate.
func (m *agentCertificatesWindow) agentCertificate(f pki.Fingerprint) {
	s, b := m.menu, m.backend
	w := &window{title: "Endpoint Agent certificate", text: text{lines: []line{words("Loading ...")}}}
	leave := button{wordClose, func() { s.close(w) }}
	w.buttons = []button{leave}
	if len(m.why) == 0 {
		w.buttons = []button{{"Delete", func() { m.delete([]pki.Fingerprint{f}, "") }}, leave}
		w.focus = 1
	}
	w.live = watch(func(ctx context.Context) (acts.AgentCertificateList, error) {
		return b.AgentCertificates(ctx, s.who, acts.AgentCertificateFilter{Fingerprint: f.String()})
	}, func(l acts.AgentCertificateList) {
		if len(l.Certificates) == 0 {
			w.text.set([]line{alarm("This certificate is not on the list any more: another administrator deleted it."), blank(), value("TLS certificate", f.String())})
			w.buttons, w.focus = []button{leave}, 0
			return
		}
		w.text.set(append(agentCertificateLines(l.Certificates[0], s.config.Now()), m.why...))
	})
	s.open(w)
}

// agentCertificateLines is all that is known of one certificate.
func agentCertificateLines(c acts.AgentCertificate, now time.Time) []line {
	lines := []line{
		value("TLS certificate", c.Fingerprint.String()),
		value("Serial number", c.Serial.String()),
		value("Subject", c.Subject),
		expires(c.NotAfter, now),
		value("Valid from", moment(c.NotBefore)),
		value("Key", c.Key),
		value("Added", moment(c.Added)+", "+string(c.Origin)),
		value("Agents", counted(c.Connected, "connection")+" now"),
		value("Last seen", moment(c.LastSeen)),
	}
	for _, text := range c.Warnings {
		lines = append(lines, line{label: "Warning", text: text, ink: warning})
	}
	return lines
}
