package dashboard

import (
	"fmt"
	"hash/fnv"
	"io"
	"net/url"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/servercert"
)

// need is a row of what needs a person now.
type need struct {
	acts.Need
	Word  string
	Tone  page.Tone
	Key   string    // the same for the same need, from one look to the next
	Where page.Link // where it is settled; no path: not in the web interface
}

// words say how urgent a need is.
var words = map[acts.NeedLevel]page.Badge{
	acts.NeedProblem: {Word: "Problem", Tone: page.Bad}, acts.NeedDecision: {Word: "Decision", Tone: page.Waiting}, acts.NeedNote: {Word: "Note", Tone: page.Off},
}

// places are where needs are settled, and the act that is needed to look there.
var places = map[acts.NeedAbout]struct {
	link page.Link
	act  string
}{
	acts.AboutEvents:            {page.Link{Text: "Events", Path: "/events"}, acts.ActViewEvents},
	acts.AboutScan:              {page.Link{Text: "Scanning", Path: "#scanning"}, acts.ActViewStatus},
	acts.AboutSensors:           {page.Link{Text: "Sensor servers", Path: "/sensor-servers"}, acts.ActViewSensors},
	acts.AboutSystems:           {page.Link{Text: "External systems", Path: "/external-systems"}, acts.ActViewSystems},
	acts.AboutServerCertificate: {page.Link{Text: "Server certificate", Path: "/settings/certificates#server-certificate"}, servercert.ActView},
	acts.AboutAgentCertificates: {page.Link{Text: "Endpoint Agent certificates", Path: "/settings/certificates#agent-certificates"}, servercert.ActView},
	acts.AboutHosts:             {page.Link{Text: "Endpoint Agents", Path: "/endpoint-agents"}, acts.ActViewHosts},
	acts.AboutAlerts:            {page.Link{Text: "Alerts that are New", Path: "/alerts?state=New"}, acts.ActViewAlerts},
}

// link gives a need the way to where it is settled, for those who may go there.
func (m *room) link(who acts.Actor, n acts.Need) need {
	word := words[n.Level]
	sum := fnv.New64a()
	fmt.Fprintf(sum, "%s\x00%s\x00%s", n.Level, n.About, n.Subject)
	if n.Subject == "" {
		io.WriteString(sum, n.Text) // never fails (hash.Hash); figures in a text may change, its subject stays
	}
	out := need{Need: n, Word: word.Word, Tone: word.Tone, Key: fmt.Sprintf("need-%x", sum.Sum64())}
	place := places[n.About]
	if !m.backend.May(who, place.act) {
		return out
	}
	out.Where = place.link
	switch below := out.Where.Path + "/" + url.PathEscape(n.Subject); {
	case n.Subject == "":
	case n.About == acts.AboutSensors:
		out.Where = page.Link{Text: "The Sensor", Path: below + "#quality"}
	case n.About != acts.AboutHosts:
	case n.Subject == string(acts.WarningActivity), n.Subject == string(acts.CriticalInactivity):
		out.Where.Path += "?activity=" + url.QueryEscape(n.Subject)
	default:
		out.Where = page.Link{Text: "The host", Path: below}
	}
	return out
}
