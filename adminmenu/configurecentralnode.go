package adminmenu

import (
	"context"
	"strings"
	"time"

	"vedette/internal/acts"
)

// Titles of the documented windows; scripts read them.
const (
	titleConfigure          = "Configure Central Node"
	titleInputCentralNode   = "Input Central Node IP address"
	titleCentralCertificate = "Certificate of the Central Node"
)

// centralNodeWindow is Configure Central Node with the chain that begins at
// [Change]. Nothing is configured before the [Ok] under the certificate.
type centralNodeWindow struct {
	menu    *menuSession
	backend Sensor
	window  *window
}

// configureCentralNode opens the state of the connection to the Central Node.
func (s *menuSession) configureCentralNode(b Sensor) {
	w := &window{title: titleConfigure, text: text{lines: []line{words("Loading ...")}}}
	m := &centralNodeWindow{s, b, w}
	cancel := button{wordCancel, func() { s.close(w) }}
	w.buttons = []button{{"Change", m.change}, cancel}
	why := s.mayNot("change the Central Node", acts.LocalAdministrator, acts.Administrator)
	if len(why) > 0 {
		w.buttons = []button{cancel}
	}
	w.live = watch(func(ctx context.Context) (acts.CentralNode, error) { return b.CentralNode(ctx, s.who) }, func(n acts.CentralNode) {
		w.text.set(append(centralNodeLines(n, s.config.Now()), why...))
	})
	s.open(w)
}

// centralNodeLines is how a Sensor stands with its Central Node.
func centralNodeLines(n acts.CentralNode, now time.Time) []line {
	lines := []line{{label: "State", text: stateSince(n, now), ink: linkInk(n.State)}}
	if n.Address == "" {
		lines = append(lines, value("Central Node", "not configured"))
	} else {
		lines = append(lines, value("Central Node", n.Address))
	}
	lines = optional(lines, "Why", n.Detail)
	lines = optional(lines, "Next step", n.Next)
	if !n.Expected.IsZero() {
		lines = append(lines, value("Expected", n.Expected.String()))
	}
	switch {
	case n.Met.IsZero():
	case n.Met == n.Expected:
		lines = append(lines, value("Met", "the expected certificate"))
	default:
		lines = append(lines, line{label: "Met", text: n.Met.String(), ink: bad})
	}
	lines = append(lines, blank(), value("Link identity", n.LinkIdentity.String()))
	if n.State != acts.LinkAccepted {
		lines = append(lines, words("The Central Node shows this Sensor by its link identity: compare the two there, before Accept."))
	}
	return lines
}

// change asks for the address. What was typed stays until the chain is done.
func (m *centralNodeWindow) change() {
	s := m.menu
	address := newField("IP address", "")
	s.input(titleInputCentralNode, []line{
		words("The address of the server with the Central Node component: an IPv4 or IPv6 address, or a name. Add :port where it is not 443."),
	}, []*field{address}, func(w *window) {
		w.focus = inPart // an error comes back to what was typed
		m.meet(address.String())
	})
}

// meet looks at the certificate that the server at an address shows.
func (m *centralNodeWindow) meet(address string) {
	s := m.menu
	fetch(s, "Connecting to the Central Node", func(ctx context.Context) (acts.Preview, error) {
		return m.backend.PreviewSetCentralNode(ctx, s.who, acts.SetCentralNode{Address: address})
	}, func(p acts.Preview) { m.compare(address, p) })
}

// compare shows the certificate. The focus begins on [Cancel]: an ENTER too
// many trusts nobody.
func (m *centralNodeWindow) compare(address string, p acts.Preview) {
	s := m.menu
	w := &window{title: titleCentralCertificate, text: text{lines: comparison(p)}, focus: 1}
	w.buttons = []button{
		{wordOk, func() {
			m.set(acts.SetCentralNode{Address: address, Fingerprint: p.Fingerprint, Revision: p.Revision})
		}},
		{wordCancel, func() { s.close(w) }},
	}
	s.open(w)
}

// set configures exactly what was shown, and returns to the state.
func (m *centralNodeWindow) set(in acts.SetCentralNode) {
	s := m.menu
	s.backTo(m.window)
	act(s, "Configuring the Central Node", func(ctx context.Context) (acts.CentralNode, error) {
		return m.backend.SetCentralNode(ctx, s.who, in)
	}, func(n acts.CentralNode) {
		m.window.text.set(centralNodeLines(n, s.config.Now()))
		s.say("The Central Node is configured.")
	})
}

// matches is the documented sentence above [Ok].
const matches = "Make sure that the displayed certificate matches the Central Node component certificate."

// comparison is a preview whose fingerprint a person compares. Sentences of the
// preview that name a value are set as values.
func comparison(p acts.Preview) []line {
	var lines []line
	shown := p.Fingerprint.IsZero()
	for _, l := range p.Lines {
		shown = shown || strings.Contains(l, p.Fingerprint.String())
		lines = append(lines, valueOf(l))
	}
	if !shown {
		lines = append(lines, value("Fingerprint", p.Fingerprint.String()))
	}
	return append(lines, consequenceLines(p.Consequences)...)
}

// valueOf sets one sentence of a preview.
func valueOf(sentence string) line {
	if sentence == matches {
		return heading(sentence)
	}
	sentence = inMoments(sentence)
	name, text, _ := strings.Cut(sentence, ": ")
	switch name {
	case "Central Node address":
		return value("Central Node", text)
	case "Fingerprint (SHA-256)", "Fingerprint of its link identity", "Certificate fingerprint":
		return value("Fingerprint", text)
	case "Subject", "Valid from", "Valid until", "Sensor server", "External system", "Name", "State":
		return value(name, text)
	case "Expected":
		return value(name, noted(text))
	case "Met":
		return line{label: name, text: noted(text), ink: bad}
	}
	return words(sentence)
}

// noted sets what is said of a fingerprint apart from it.
func noted(text string) string {
	fingerprint, note, found := strings.Cut(text, ", ")
	if !found {
		return text
	}
	return fingerprint + " (" + strings.TrimSuffix(note, ".") + ")"
}
