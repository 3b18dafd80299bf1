package adminmenu

import (
	"fmt"
	"slices"
	"time"

	"vedette/internal/acts"
)

// linkState is Link state: the link to the Central Node, how it stands against
// the limits, and what agents send into it.
func (s *menuSession) linkState(b Sensor) {
	w := lookAt(s, "Link state", b.Link, linkLines)
	history := button{"History", func() { s.linkHistory("What was measured of the link to the Central Node,", b.LinkHistory) }}
	w.buttons = []button{{titleLinkTest, func() { s.linkTest(b) }}, history, w.buttons[0]}
	if !slices.Contains(linkTesters(), s.who.Role) {
		w.buttons = w.buttons[1:]
	}
	w.focus = len(w.buttons) - 1
}

// linkTesters are the roles that may test the link (docs/security.md).
func linkTesters() []acts.Role { return []acts.Role{acts.LocalAdministrator, acts.Administrator} }

// linkLines is a look at the link, its warnings first, then the limits.
func linkLines(l acts.Link, now time.Time) []line {
	var lines []line
	if len(l.Warnings) > 0 {
		for _, w := range l.Warnings {
			lines = append(lines, line{label: "Warning", text: w, ink: warning})
		}
		lines = append(lines, blank())
	}
	lines = append(lines, line{label: "State", text: stateSince(l.CentralNode, now), ink: linkInk(l.State)})
	lines = optional(lines, "Central Node", l.Address)
	lines = optional(lines, "Why", l.Detail)
	lines = optional(lines, "Next step", l.Next)
	if l.Address != "" {
		lines = append(append(lines, blank()), qualityLines(l.Quality, now)...)
		if figures := figureLines(l.Quality); len(figures) > 0 {
			lines = append(append(lines, blank()), figures...)
		}
		lines = append(lines, blank())
	}
	lines = append(lines,
		value("Round trip", roundTrip(l.RTT)),
		value("Streams", fmt.Sprintf("%d; %s wait for acknowledgement", l.Streams, acts.ByteSize(uint64(l.RetainedBytes)))),
		value("Agents", agentsText(l.Ingress)))
	lines = append(lines, ingressLines(l.Ingress)...)
	lines = append(lines, value("Validation", policyText(l)), blank())
	if len(l.Lanes) == 0 {
		return append(lines, words("The link has no lane now."))
	}
	lines = append(lines, heading("Lanes"))
	for _, lane := range l.Lanes {
		lines = append(lines, value(lane.Class, laneText(lane, now)))
	}
	return lines
}

// laneText is one connection of the link, with what the kernel says of it.
func laneText(lane acts.Lane, now time.Time) string {
	text := lane.Congestion
	switch {
	case lane.Idle:
		text += ", idle"
	case lane.RTT > 0:
		text += ", " + acts.DelayText(lane.RTT)
	}
	if lane.Segments > 0 {
		text += fmt.Sprintf(", %.1f %% retransmitted", 100*float64(lane.Retransmitted)/float64(lane.Segments))
	}
	return fmt.Sprintf("%s, %s to %s, since %s", text, lane.Local, lane.Remote, timeOfDay(lane.Since, now))
}

// stateSince is the state of the link and its age.
func stateSince(n acts.CentralNode, now time.Time) string {
	if n.Since.IsZero() {
		return string(n.State)
	}
	return fmt.Sprintf("%s since %s (%s)", n.State, moment(n.Since), span(now.Sub(n.Since)))
}

// linkInk is what a state of the link means to a person.
func linkInk(state acts.LinkState) ink {
	switch state {
	case acts.LinkAccepted:
		return normal
	case acts.LinkUnconfigured, acts.LinkPending:
		return warning
	default:
		return bad
	}
}

// timeOfDay leaves the date of today out.
func timeOfDay(t, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return clock(t)
	}
	return moment(t)
}

func roundTrip(d time.Duration) string {
	if d == 0 {
		return "not measured"
	}
	return took(d)
}

func agentsText(i acts.Ingress) string {
	return fmt.Sprintf("%s, and %d not carried; %d refused since the start", counted(i.Agents, "connection"), i.Strangers, i.Refused)
}

// ingressLines sets what agents send against the cap.
func ingressLines(i acts.Ingress) []line {
	now := acts.BitRate(i.Rate) + " now"
	if i.Limit > 0 {
		now = fmt.Sprintf("%s of %s (%.0f %%)", acts.BitRate(i.Rate), acts.BitRate(i.Limit), 100*float64(i.Rate)/float64(i.Limit))
	}
	lines := []line{value("Ingress", now+"; "+acts.ByteSize(i.Bytes)+" since the start")}
	if i.Held {
		lines = append(lines, line{label: "Held", text: "the limit holds agents back now", ink: warning})
	}
	return lines
}

// policyText is the switch as the Central Node told it on this link. A policy
// that nobody changed yet has revision 0.
func policyText(l acts.Link) string {
	if l.PolicyRevision == 0 && l.State != acts.LinkAccepted {
		return "unknown until the Central Node tells it"
	}
	return fmt.Sprintf("%s (policy revision %d)", onOff(l.Validation), l.PolicyRevision)
}
