package adminmenu

import (
	"context"
	"fmt"
	"time"

	"vedette/internal/acts"
)

// sensorStatus is Status on a Sensor.
func (s *menuSession) sensorStatus(b Sensor) {
	lookAt(s, "Status", b.Status, sensorStatusLines)
}

// centralNodeStatus is Status on a Central Node.
func (s *menuSession) centralNodeStatus(b CentralNode) {
	lookAt(s, "Status", b.Status, centralNodeStatusLines)
}

// lookAt opens a window of live text.
func lookAt[T any](s *menuSession, title string, load func(context.Context, acts.Actor) (T, error), lines func(T, time.Time) []line) *window {
	w := &window{title: title, text: text{lines: []line{words("Loading ...")}}}
	w.live = watch(func(ctx context.Context) (T, error) { return load(ctx, s.who) }, func(v T) {
		w.text.set(lines(v, s.config.Now()))
	})
	w.buttons = []button{{wordClose, func() { s.close(w) }}}
	s.open(w)
	return w
}

// sensorStatusLines is what a Sensor says of itself, its problems first.
func sensorStatusLines(v acts.SensorStatus, now time.Time) []line {
	lines := daemonLines(v.Problems, v.Version, v.Started, v.Address, v.SSH, v.Certificate, now)
	central := string(v.Link.State)
	if v.Link.Address != "" {
		central = v.Link.Address + ", " + central + " for " + span(now.Sub(v.Link.Since))
	}
	lines = append(lines, line{label: "Central Node", text: central, ink: linkInk(v.Link.State)})
	if v.Link.Address != "" {
		lines = append(lines, verdictLine(v.Link.Quality))
	}
	lines = append(lines, value("Agents", agentsText(v.Link.Ingress)))
	lines = append(lines, ingressLines(v.Link.Ingress)...)
	return append(lines,
		value("Validation", policyText(v.Link)),
		value("State", fmt.Sprintf("store %s, revision %d", v.StoreID, v.Revision)))
}

// centralNodeStatusLines is what a Central Node says of itself, its problems
// first.
func centralNodeStatusLines(v acts.Status, now time.Time) []line {
	lines := daemonLines(v.Problems, v.Version, v.Started, v.Address, v.SSH, v.Certificate, now)
	if v.Web != "" {
		lines = append(lines, value("Web interface", "https at "+v.Web))
	}
	lines = append(lines,
		value("Sensor servers", fmt.Sprintf("%d accepted (%d connected), %d pending, %d rejected", v.Sensors.Accepted, v.Sensors.Connected, v.Sensors.Pending, v.Sensors.Rejected)),
		value("Agents", fmt.Sprintf("%s, and %d not let in; %s", counted(v.Agents.Connections, "connection"), v.Agents.Strangers, counted(v.Agents.Hosts, "host"))),
		value("Validation", onOff(v.Validation)))
	lines = append(lines, eventLines(v.Events)...)
	lines = append(lines, value("Ext. systems", fmt.Sprintf("%d accepted, %d pending, %d rejected", v.Systems.Accepted, v.Systems.Pending, v.Systems.Rejected)))
	lines = append(lines, scanLines(v.Scan, now)...)
	lines = append(lines, alertLine(v.Alerts))
	return append(lines, value("State", fmt.Sprintf("store %s, revision %d", v.StoreID, v.Revision)))
}

// daemonLines is what both daemons have.
func daemonLines(problems []string, version string, started time.Time, address string, ssh acts.SSHDoor, c acts.Certificate, now time.Time) []line {
	lines := problemLines(problems)
	lines = append(lines,
		value("Version", version),
		value("Uptime", span(now.Sub(started))+" (started "+moment(started)+")"),
		value("Endpoint Agents", "connect to "+address),
		value("SSH", sshText(ssh)))
	lines = optional(lines, "Host key", ssh.HostKey)
	return append(lines, value("Certificate", c.Fingerprint.String()), expires(c.NotAfter, now))
}

// problemLines are the sentences that need a person, above everything else.
func problemLines(problems []string) []line {
	if len(problems) == 0 {
		return []line{words("No problems."), blank()}
	}
	lines := []line{heading("Problems")}
	for _, p := range problems {
		lines = append(lines, line{label: "-", text: p, ink: bad})
	}
	return append(lines, blank())
}

func sshText(door acts.SSHDoor) string {
	if door.Address == "" {
		return "not on the network, only the local socket"
	}
	return door.Address + ", " + counted(door.Sessions, "session")
}

// expires says when a certificate ends, and how long it has.
func expires(at, now time.Time) line {
	left := at.Sub(now)
	l := value("Expires", moment(at))
	switch days := int(left / (24 * time.Hour)); {
	case left <= 0:
		l.text, l.ink = l.text+" (expired "+span(-left)+" ago)", bad
	case days < 1:
		l.text, l.ink = l.text+" ("+span(left)+" left)", warning
	default:
		l.text += " (" + counted(days, "day") + " left)"
		if days <= 90 {
			l.ink = warning
		}
	}
	return l
}

func eventLines(e acts.EventState) []line {
	kept := fmt.Sprintf("%s, %s, %s", counted(int(e.Packages), "package"), acts.ByteSize(e.Bytes), e.Store)
	if e.Durability != "" {
		kept += " (" + e.Durability + ")"
	}
	if !e.Oldest.IsZero() {
		kept += "; oldest " + moment(e.Oldest)
	}
	lines := []line{value("Events", kept)}
	if e.Refused > 0 {
		lines = append(lines, line{text: counted(int(e.Refused), "package") + " answered \"try again\" since the start", label: "Not taken", ink: warning})
	}
	if e.Degraded {
		lines = append(lines, line{label: "Degraded", text: e.Reason, ink: bad})
	}
	return lines
}

// scanLines is how scanning stands. An engine is named when it has trouble.
func scanLines(c acts.ScanStatus, now time.Time) []line {
	objects := fmt.Sprintf("%d waiting, %d running, %d arriving", c.Waiting, c.Running, c.Uploading)
	if c.Waiting > 0 && !c.Oldest.IsZero() {
		objects += "; the oldest for " + span(now.Sub(c.Oldest))
	}
	if c.MaximumScanPriority {
		objects += "; mail sensors first"
	}
	lines := []line{value("Scanning", objects)}
	if c.Degraded {
		lines = append(lines, line{label: "Scan degraded", text: c.Reason, ink: bad})
	}
	for _, e := range c.Engines {
		if e.Trouble != "" {
			lines = append(lines, line{label: "Engine", text: e.Name + ": " + e.Trouble, ink: bad})
		}
	}
	return lines
}

// alertLine counts the alerts that somebody still has to deal with.
func alertLine(c acts.AlertCounts) line {
	l := value("Alerts", fmt.Sprintf("%d new, %d in process; the command alert list shows them", c.New, c.InProcess))
	if c.New > 0 {
		l.ink = warning
	}
	return l
}

// optional adds a value that not everything has.
func optional(lines []line, label, text string) []line {
	if text == "" {
		return lines
	}
	return append(lines, value(label, text))
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// span says how long something lasts, in its two largest units.
func span(d time.Duration) string {
	d = max(d, 0)
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 0:
		return fmt.Sprintf("%s %d h", counted(days, "day"), hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, int(d/time.Second)%60)
	}
	return fmt.Sprintf("%d s", int(d/time.Second))
}
