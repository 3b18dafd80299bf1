package adminmenu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vedette/internal/acts"
)

// sensorServersWindow is Sensor servers: the documented Server list, and the
// window of each Sensor that opens from it.
type sensorServersWindow struct {
	menu    *menuSession
	backend CentralNode
	window  *window
	said    []line // how the last act ended whose Sensor is gone
}

// sensorServers opens the table of Sensors that are connected, or ask to be.
func (s *menuSession) sensorServers(b CentralNode) {
	t := &table{columns: []column{
		{title: "IP/name", wrap: true}, {title: "Type", width: 12}, {title: "State", width: 8},
		{title: "Fingerprint", width: 12}, {title: "Agents", width: 6}, {title: "Link", width: 9},
	}}
	w := &window{title: "Sensor servers", part: t, text: text{lines: []line{words("Loading ...")}}}
	m := &sensorServersWindow{menu: s, backend: b, window: w}
	t.open = func(r tableRow) { m.said = nil; m.sensorServer(r.key) }
	w.live = watch(func(ctx context.Context) (acts.SensorServerList, error) { return b.SensorServers(ctx, s.who) }, func(l acts.SensorServerList) {
		w.text.set(append(said(m.said), sensorServersLines(l)...))
		t.set(sensorServerRows(l))
	})
	w.buttons = []button{{wordClose, func() { s.close(w) }}}
	s.open(w)
}

// said are lines that stay above what a window shows.
func said(lines []line) []line {
	if len(lines) == 0 {
		return nil
	}
	return append(append([]line(nil), lines...), blank())
}

// sensorServersLines stand above the table.
func sensorServersLines(l acts.SensorServerList) []line {
	if len(l.Servers) == 0 {
		return []line{
			words("Server list: no Sensor server and no request."),
			words("Next: in the administrator menu of the Sensor, Program settings, Configure Central Node. Its request appears here by itself."),
		}
	}
	count := map[acts.RequestState]int{}
	for _, v := range l.Servers {
		count[v.State]++
	}
	lines := []line{words(fmt.Sprintf("Server list: %d pending, %d accepted, %d rejected", count[acts.Pending], count[acts.Accepted], count[acts.Rejected]))}
	if count[acts.Pending] > 0 {
		lines[0].ink = warning
		lines[0].text += ". Open a pending one to compare its fingerprint."
	}
	return lines
}

// sensorServerRows are the rows of the table.
func sensorServerRows(l acts.SensorServerList) []tableRow {
	rows := make([]tableRow, 0, len(l.Servers))
	for _, v := range l.Servers {
		link, i := "none", normal
		if v.Connected {
			link = "connected"
		}
		switch {
		case v.State == acts.Rejected:
		case v.Problem != "":
			link, i = "problem", bad
		case v.State == acts.Pending || !v.Connected:
			i = warning
		case v.Quality != nil && v.Quality.Verdict.Worse(acts.VerdictOK):
			link, i = strings.ToLower(string(v.Quality.Verdict)), verdictInk(v.Quality.Verdict)
		}
		rows = append(rows, tableRow{key: v.Fingerprint.String(), ink: i, cells: []string{
			strings.TrimSpace(v.Address + " " + v.Name), v.Type, string(v.State), v.Fingerprint.String(), fmt.Sprint(v.Agents), link,
		}})
	}
	return rows
}

// sensorServerLines is all that is known of one Sensor.
func sensorServerLines(v acts.SensorServer, policy uint64, now time.Time) []line {
	carries := v.Connected && v.State == acts.Accepted
	var lines []line
	state := line{label: "State", text: string(v.State)}
	switch v.State {
	case acts.Pending:
		state.text, state.ink = state.text+": waits for Accept or Reject", warning
	case acts.Rejected:
		state.ink = bad
	}
	lines = append(lines, state)
	if v.Problem != "" {
		lines = append(lines, line{label: "Problem", text: v.Problem, ink: bad})
	}
	lines = append(lines, value("Fingerprint", v.Fingerprint.String()))
	if v.State == acts.Pending {
		lines = append(lines, words("Compare it by eye with the link identity that the Sensor itself shows: on it, Program settings, Configure Central Node."))
	}
	lines = append(lines, value("IP", v.Address))
	lines = optional(lines, "It says", strings.Join(v.Addresses, ", "))
	lines = optional(lines, "Name", v.Name)
	lines = append(lines, value("Type", v.Type), value("ID", v.ID))
	lines = optional(lines, "Version", v.Version)
	lines = append(lines, value("Requested", moment(v.Requested)))
	if !v.Decided.IsZero() {
		lines = append(lines, value("Decided", strings.TrimSuffix(moment(v.Decided)+" by "+v.DecidedBy, " by ")))
	}
	if !v.Connected {
		link := line{label: "Link", text: "none", ink: warning}
		if !v.LastContact.IsZero() {
			link.text += "; last contact " + moment(v.LastContact) + " (" + span(now.Sub(v.LastContact)) + " ago)"
		}
		lines = append(lines, link)
	} else {
		link := value("Link", "connected; "+counted(v.Lanes, "lane")+", round trip "+roundTrip(v.RTT))
		if carries && v.Quality != nil && v.Quality.Verdict.Worse(acts.VerdictUnknown) {
			link.text, link.ink = link.text+"; quality "+string(v.Quality.Verdict), verdictInk(v.Quality.Verdict)
		}
		lines = append(lines, link)
	}
	lines = append(lines, value("Agents", fmt.Sprintf("%s; %s read, %d refused since its start", counted(v.Agents, "connection"), acts.ByteSize(v.IngressBytes), v.Refused)))
	if carries {
		in := value("Policy", fmt.Sprintf("revision %d", v.PolicyRevision))
		if v.PolicyRevision != policy {
			in.text, in.ink = fmt.Sprintf("revision %d, not yet %d", v.PolicyRevision, policy), warning
		}
		lines = append(lines, in)
	}
	if !v.ServerCertificate.IsZero() {
		lines = append(lines, value("Agents pin", v.ServerCertificate.String()))
	}
	if !carries {
		return lines
	}
	if v.Quality == nil {
		return optional(lines, "Link quality", v.Unreported())
	}
	q := *v.Quality
	lines = append(append(lines, blank()), qualityLines(q, now)...)
	if figures := figureLines(q); len(figures) > 0 {
		lines = append(append(lines, blank()), figures...)
	}
	return lines
}
