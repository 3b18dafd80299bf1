package adminmenu

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"vedette/internal/acts"
)

// titleExternalSystems is the documented section; scripts read it.
const titleExternalSystems = "External systems"

// priorityName is the documented name of the switch.
const priorityName = "Maximum scan priority"

// externalSystemsWindow is External systems: the fingerprint to compare, the
// switch, the documented Server list, and the window of each system that opens
// from it.
type externalSystemsWindow struct {
	menu    *menuSession
	backend ExternalSystems
	window  *window
	of      map[string]externalSystemKey // by key of a row
	said    []line                       // how the last act ended

	priority, loaded bool // the switch, as it was loaded last
}

// externalSystems opens the table of systems that are integrated, or ask to be.
func (s *menuSession) externalSystems(b ExternalSystems) {
	t := &table{columns: []column{
		{title: "Sensor", least: 15, wrap: true, most: 3}, {title: "Type", width: 12},
		{title: "Name", wrap: true, most: 3}, {title: "ID", wrap: true, most: 3},
		{title: "Certificate fingerprint", width: 12}, {title: "State", width: 8},
	}}
	w := &window{title: titleExternalSystems, part: t, text: text{lines: []line{words("Loading ...")}}}
	m := &externalSystemsWindow{menu: s, backend: b, window: w}
	t.open = func(r tableRow) { m.said = nil; m.externalSystem(m.of[r.key]) }
	leave := button{wordClose, func() { s.close(w) }}
	w.buttons = []button{{"Priority on/off", m.setPriority}, leave}
	why := s.mayNot("change the priority", acts.LocalAdministrator, acts.Administrator)
	if len(why) > 0 {
		w.buttons, why = []button{leave}, why[1:] // the table needs the rows
	}
	w.live = watch(func(ctx context.Context) (acts.ExternalSystemList, error) { return b.ExternalSystems(ctx, s.who) }, func(l acts.ExternalSystemList) {
		m.priority, m.loaded = l.MaximumScanPriority, true
		m.of = make(map[string]externalSystemKey, len(l.Systems))
		for _, v := range l.Systems {
			m.of[keyOf(v).String()] = keyOf(v)
		}
		w.text.set(slices.Concat(m.said, externalSystemsLines(l), why))
		t.set(externalSystemRows(l))
	})
	s.open(w)
}

// externalSystemsLines stand above the table.
func externalSystemsLines(l acts.ExternalSystemList) []line {
	lines := []line{
		value("Certificate fingerprint", l.ServerCertificate.String()),
		heading(priorityName + ": " + priorityText(l.MaximumScanPriority)),
	}
	if len(l.Systems) == 0 {
		return append(lines,
			words("Server list: no external system and no request."),
			words("Next: have the external system compare the fingerprint above, and call this server with its own ID and certificate. Its request appears here by itself."))
	}
	count := map[acts.RequestState]int{}
	for _, v := range l.Systems {
		count[v.State]++
	}
	list := words(fmt.Sprintf("Server list: %d pending, %d accepted, %d rejected", count[acts.Pending], count[acts.Accepted], count[acts.Rejected]))
	if count[acts.Pending] > 0 {
		list.ink = warning
		list.text += ". Open one to decide."
	}
	return append(lines, list)
}

func priorityText(on bool) string {
	if on {
		return "on; mail sensors come first."
	}
	return "off; no system comes before another."
}

// externalSystemRows are the rows of the table.
func externalSystemRows(l acts.ExternalSystemList) []tableRow {
	rows := make([]tableRow, 0, len(l.Systems))
	for _, v := range l.Systems {
		r := tableRow{key: keyOf(v).String(), cells: []string{v.Sensor, string(v.Type), nameInTable(v), v.ID, v.Fingerprint.String(), string(v.State)}}
		if v.State == acts.Pending {
			r.ink = warning
			if v.Changed {
				r.note = "A new certificate: this ID was known with another one."
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// nameInTable is the documented column Name: a dash for a mail sensor.
func nameInTable(v acts.ExternalSystem) string {
	if v.Type == acts.MailSensor {
		return "-"
	}
	return cmp.Or(v.Name, "-")
}

// setPriority turns the switch over, as it was loaded last.
func (m *externalSystemsWindow) setPriority() {
	if !m.loaded {
		return // nobody saw where it stands
	}
	s, b, in := m.menu, m.backend, acts.SetScanPriority{On: !m.priority}
	m.said = nil
	decide(s, decision[acts.ScanPriority]{
		question: "Turn " + onOff(in.On) + ": " + priorityName + "?", doing: "Turning the switch",
		preview: func(ctx context.Context) (acts.Preview, error) {
			p, err := b.PreviewSetScanPriority(ctx, s.who, in)
			p.Asks = true // nothing is lost by it, but here a key is enough
			return p, err
		},
		deed: func(ctx context.Context, revision uint64) (acts.ScanPriority, error) {
			in.Revision = revision
			return b.SetScanPriority(ctx, s.who, in)
		},
		then: func(p acts.ScanPriority) {
			s.say(fmt.Sprintf("%s is %s; revision %d.", priorityName, onOff(p.On), p.Revision))
		}})
}
