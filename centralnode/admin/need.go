package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/centralnode/eventlog"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// needs collects what waits for a person, as far as the actor may see it.
type needs struct {
	admin *Admin
	actor acts.Actor
	now   time.Time

	all      []acts.Need
	problems []string // the sentences of acts.Status.Problems
}

// add adds a need that is told wherever the state of the daemon is asked for.
func (n *needs) add(level acts.NeedLevel, about acts.NeedAbout, text, next string) {
	n.all = append(n.all, acts.Need{Level: level, About: about, Text: text, Next: next})
	n.problems = append(n.problems, text)
}

// sorted are all needs, the most urgent first.
func (n *needs) sorted() []acts.Need {
	order := []acts.NeedLevel{acts.NeedProblem, acts.NeedDecision, acts.NeedNote}
	slices.SortStableFunc(n.all, func(a, b acts.Need) int {
		return cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level))
	})
	return n.all
}

// maxEach bounds the needs about one kind of thing; the page about them shows
// the others.
const maxEach = 10

// several adds sentences about things of one kind. When some of them wait for a
// decision, the last one says so.
func (n *needs) several(about acts.NeedAbout, texts []string, pending int, next, decide string) {
	decision := ""
	if pending > 0 && len(texts) > 0 {
		texts, decision = texts[:len(texts)-1], texts[len(texts)-1]
	}
	for i, text := range texts {
		if i < maxEach {
			n.add(acts.NeedProblem, about, text, next)
		} else {
			n.problems = append(n.problems, text)
		}
	}
	if decision != "" {
		n.add(acts.NeedDecision, about, decision, decide)
	}
}

func (n *needs) server() {
	if reason := n.admin.c.StateDegraded(); reason != "" {
		n.add(acts.NeedProblem, acts.AboutServer, "The state file takes no writes: "+reason, "Free space on the disk of the state file, or check that disk; then restart the Central Node if it does not recover by itself.")
	}
	// Where the file system says nothing, the state file tells when it is full.
	if space, err := n.admin.c.StateSpace(); err == nil && space.low() {
		n.add(acts.NeedProblem, acts.AboutServer, space.String(), "Free space there, or give it a larger disk: when it is full, no change and no event is taken.")
	}
}

func (n *needs) events(s eventlog.State) {
	if s.Degraded {
		n.add(acts.NeedProblem, acts.AboutEvents, "Events are not taken: "+s.Reason, "Agents keep their events and send them again. End the cause, which the sentence names; the daemon's log has more.")
	}
}

func (n *needs) eventWarnings(s eventlog.State) {
	for _, text := range s.Warnings {
		n.add(acts.NeedProblem, acts.AboutEvents, text, "The daemon's log has more.")
	}
}

// scan adds what scanning needs. What is only not configured needs nobody while
// no external system asks for scans.
func (n *needs) scan(s acts.ScanStatus, asked bool) {
	for _, text := range scanProblems(s, asked, n.now) {
		n.add(acts.NeedProblem, acts.AboutScan, text, "The state of scanning shows each engine and what waits for it.")
	}
}

func (n *needs) sensors(ctx context.Context) (acts.SensorCounts, error) {
	counts, texts, judged, err := n.admin.sensorCounts(ctx)
	if err == nil && mayDo(n.actor.Role, acts.ActViewSensors) {
		n.several(acts.AboutSensors, texts, counts.Pending, "The Server list says about each Sensor what to do.",
			"Compare the fingerprint with the one that the Sensor shows, then Accept or Reject.")
		n.links(judged)
	}
	return counts, err
}

func (n *needs) systems(counts acts.SystemCounts, texts []string) {
	if mayDo(n.actor.Role, acts.ActViewSystems) {
		n.several(acts.AboutSystems, texts, counts.Pending, "The Server list says about each external system what to do.",
			"Compare the certificate fingerprint with the one that the external system uses, then Accept or Reject.")
	}
}

func (n *needs) certificate(c acts.ServerCertificate) {
	for _, text := range c.Warnings {
		n.add(acts.NeedProblem, acts.AboutServerCertificate, text, "Generate or upload the next one in time: everybody who pins the certificate in use has to be given the new one.")
	}
	if c.Uploaded != nil {
		n.all = append(n.all, acts.Need{
			Level: acts.NeedDecision, About: acts.AboutServerCertificate, Text: "A kata.pem was copied to the Central Node and waits for its use.",
			Next: "Install it, or delete it: it holds a private key.",
		})
	}
}

// expiringWithin is how long before its end an agent certificate needs a person.
const expiringWithin = 30 * 24 * time.Hour

func (n *needs) agentCertificates(ctx context.Context, validation bool) error {
	list, err := n.admin.c.Store.AgentList(ctx)
	if err != nil {
		return err
	}
	expired, soon := 0, 0
	for _, row := range list.Rows {
		switch left := row.NotAfter.Sub(n.now); {
		case left <= 0:
			expired++
		case left <= expiringWithin:
			soon++
		}
	}
	if expired+soon > 0 {
		n.all = append(n.all, acts.Need{
			Level: acts.NeedProblem, About: acts.AboutAgentCertificates,
			Text: fmt.Sprintf("Agent certificates: %d expired, %d expire within 30 days. They are accepted all the same.", expired, soon),
			Next: "Generate new ones, give them to the agents, then delete the old ones.",
		})
	}
	if !validation {
		n.all = append(n.all, acts.Need{
			Level: acts.NeedNote, About: acts.AboutAgentCertificates, Text: "Validate Endpoint Agent TLS certificates is off: every agent is let in, with any certificate or none.",
			Next: "When each agent has its certificate, turn it on; the page says first how many agents would be refused.",
		})
	}
	return nil
}

func (n *needs) hosts(ctx context.Context) error {
	thresholds, err := n.admin.activity(ctx)
	if err != nil {
		return err
	}
	silent := make(map[acts.Activity]int)
	conflicts := 0
	for _, h := range n.admin.c.Hosts.Hosts() {
		silent[thresholds.Of(n.now.Sub(h.Last))]++
		if h.Conflict == "" {
			continue
		}
		text := fmt.Sprintf("Host %s (%s): %s.", foreign.Line(h.Name), h.AgentID, h.Conflict)
		if conflicts++; conflicts > maxEach {
			n.problems = append(n.problems, text)
			continue
		}
		n.add(acts.NeedProblem, acts.AboutHosts, text, "The host's page shows the way of each of its contacts.")
		n.all[len(n.all)-1].Subject = h.AgentID
	}
	for _, one := range []struct {
		activity acts.Activity
		days     int
	}{{acts.CriticalInactivity, thresholds.Critical}, {acts.WarningActivity, thresholds.Warning}} {
		if count := silent[one.activity]; count > 0 {
			n.all = append(n.all, acts.Need{
				Level: acts.NeedProblem, About: acts.AboutHosts, Subject: string(one.activity),
				Text: fmt.Sprintf("%s: %s silent for %d days or longer.", one.activity, hostsAre(count), one.days),
				Next: "See whether they are switched off, or cannot reach this server: agent doctor on the host says why.",
			})
		}
	}
	return nil
}

func hostsAre(n int) string {
	if n == 1 {
		return "1 host has been"
	}
	return fmt.Sprintf("%d hosts have been", n)
}

func (n *needs) alerts(c acts.AlertCounts) {
	if c.New == 0 {
		return
	}
	text := fmt.Sprintf("%d alerts are New.", c.New)
	if c.New == 1 {
		text = "1 alert is New."
	}
	n.all = append(n.all, acts.Need{Level: acts.NeedDecision, About: acts.AboutAlerts, Text: text, Next: "Look at each, and set what is done about it."})
}
