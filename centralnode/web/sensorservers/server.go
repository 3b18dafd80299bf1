package sensorservers

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// server is one Sensor as pages show it.
type server struct {
	acts.SensorServer
	wanted uint64 // revision of the policy in force; 0: not known here
}

// Path is of its page: by what it cannot choose.
func (s server) Path() string { return pathOf(s.Fingerprint) }

func pathOf(f pki.Fingerprint) string { return listPath + "/" + hex.EncodeToString(f[:]) }

// Host is the address of its server.
func (s server) Host() string { return cmp.Or(s.Address, s.ID) }

// RoundTrip is that of its link.
func (s server) RoundTrip() string {
	switch {
	case !s.Connected || s.RTT <= 0:
		return ""
	case s.RTT < time.Millisecond:
		return "under 1 ms"
	case s.RTT < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", s.RTT.Seconds()*1000)
	}
	return fmt.Sprintf("%d ms", s.RTT.Milliseconds())
}

// Policy says how the policy at the Sensor stands to that in force.
func (s server) Policy() string {
	switch {
	case !s.Connected || s.State != acts.Accepted:
		return ""
	case !s.PolicyBehind:
		return "in force"
	case s.wanted == 0:
		return "behind"
	}
	return fmt.Sprintf("behind: has revision %d, not yet %d", s.PolicyRevision, s.wanted)
}

// LinkTone says what it means that it has no link: who is accepted should have
// one.
func (s server) LinkTone() page.Tone {
	if s.State == acts.Accepted {
		return page.Waiting
	}
	return page.Off
}

// Is says whether it has a state. A button of a decision that was taken stays
// where it is and can be pressed no longer: nobody's click meets the other one
// when somebody else decides meanwhile.
func (s server) Is(state string) bool { return string(s.State) == state }

// Waits says whether somebody has to decide about it.
func (s server) Waits() bool { return s.State == acts.Pending }

// title names it as a person knows it.
func (s server) title() string {
	if s.Name == "" {
		return s.Host()
	}
	return s.Name + " (" + s.Host() + ")"
}

// serverData is what the page of one Sensor shows.
type serverData struct {
	server
	MayAccept, MayReject, MayDelete bool
	Link                            quality // of one that is accepted
	History                         history
}

// server shows one Sensor.
func (m *room) server(r *page.Request) (page.View, error) {
	found, err := m.backend.SensorServerByID(r.Context(), r.Actor, r.PathValue("sensor"))
	if err != nil {
		return page.View{}, err
	}
	s := server{SensorServer: found}
	may := func(act string) bool { return m.backend.May(r.Actor, act) }
	data := serverData{server: s, MayAccept: may(acts.ActAcceptSensor), MayReject: may(acts.ActRejectSensor), MayDelete: may(acts.ActDeleteSensor)}
	if s.State == acts.Accepted {
		data.Link = qualityOf(found)
		if data.History, err = m.history(r, found); err != nil {
			return page.View{}, err
		}
	}
	return page.View{Template: "sensorservers/server.html", Title: "Sensor server " + s.title(), Above: above(), Live: true, Data: data}, nil
}

// above leads from a Sensor's pages to the table.
func above(more ...page.Link) []page.Link {
	return append([]page.Link{{Text: title, Path: listPath}}, more...)
}

// compared is the fingerprint that the person saw when a button was pressed: a
// link whose identity it is, and no other, is decided about.
const compared = "fingerprint"

// decision reads which Sensor a form is about.
func decision(r *page.Request) (acts.DecideSensorServer, error) {
	f, err := pki.ParseFingerprint(r.PostFormValue(compared))
	if err != nil || f.IsZero() || r.Revision() == 0 {
		return acts.DecideSensorServer{}, &acts.Error{Code: acts.Invalid, Text: "the form does not say which fingerprint was compared: nothing was done",
			Hint: "open the Sensor's page, compare the fingerprint, and decide there", Err: err}
	}
	return acts.DecideSensorServer{Which: r.PathValue("sensor"), Fingerprint: f, Revision: r.Revision()}, nil
}

// accept lets a Sensor carry agents. Nothing asks before it, as documented.
func (m *room) accept(r *page.Request) (page.Outcome, error) {
	in, err := decision(r)
	if err != nil {
		return page.Outcome{}, err
	}
	done, err := m.backend.AcceptSensorServer(r.Context(), r.Actor, in)
	if err != nil {
		return page.Outcome{}, err
	}
	s := server{SensorServer: done.Server}
	n := page.Notice{Kind: page.Done, Title: "Accepted: " + s.title()}
	switch {
	case s.Problem != "":
		n.Kind, n.Lines = page.Caution, []string{s.Problem}
	case s.Connected:
		n.Lines = []string{"The Sensor is a proxy server from now on. It takes the policy over its link and then carries agents; this page shows its link."}
	default:
		n.Lines = []string{"The Sensor is a proxy server as soon as it connects, which it does by itself; this page shows its link."}
	}
	n.Lines = append(n.Lines, "Next: give the Endpoint Agents behind it the address of the Sensor, and its server certificate to pin.")
	return page.Outcome{To: s.Path(), Notice: n}, nil
}

// reject refuses a Sensor, and cuts who came through it. Nothing asks before it,
// as documented.
func (m *room) reject(r *page.Request) (page.Outcome, error) {
	in, err := decision(r)
	if err != nil {
		return page.Outcome{}, err
	}
	done, err := m.backend.RejectSensorServer(r.Context(), r.Actor, in)
	if err != nil {
		return page.Outcome{}, err
	}
	s := server{SensorServer: done.Server}
	return page.Outcome{To: s.Path(), Notice: page.Notice{Kind: page.Done, Title: "Rejected: " + s.title(), Lines: []string{
		cut(done.Cut), "It may ask again only after its administrator has confirmed this Central Node once more.",
	}}}, nil
}

// askDelete asks before a Sensor is forgotten.
func (m *room) askDelete(r *page.Request) (page.View, error) {
	found, err := m.backend.SensorServerByID(r.Context(), r.Actor, r.PathValue("sensor"))
	if err != nil {
		return page.View{}, err
	}
	s := server{SensorServer: found}
	p, err := m.backend.PreviewDeleteSensorServer(r.Context(), r.Actor, acts.DecideSensorServer{Which: s.Fingerprint.String(), Fingerprint: s.Fingerprint})
	if err != nil {
		return page.View{}, err
	}
	// The window shows it by itself, and not in a line as well.
	p.Fingerprint = s.Fingerprint
	p.Lines = slices.DeleteFunc(p.Lines, func(line string) bool { return strings.HasSuffix(line, ": "+s.Fingerprint.String()) })
	return m.kit.Ask(page.Confirm{
		Title: "Delete the Sensor server " + s.title() + "?", Above: above(page.Link{Text: s.title(), Path: s.Path()}), Preview: p,
		Post: s.Path() + "/delete", Fields: []page.Field{{Name: compared, Value: s.Fingerprint.String()}}, Cancel: s.Path(), Danger: true,
	}), nil
}

// delete forgets a Sensor, and cuts who came through it.
func (m *room) delete(r *page.Request) (page.Outcome, error) {
	in, err := decision(r)
	if err != nil {
		return page.Outcome{}, err
	}
	done, err := m.backend.DeleteSensorServer(r.Context(), r.Actor, in)
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: listPath, Notice: page.Notice{Kind: page.Done, Title: "Deleted: " + server{SensorServer: done.Server}.title(), Lines: []string{
		cut(done.Cut), "If it connects again it makes a new request; to keep it away, reject that.",
	}}}, nil
}

// cut says whom a decision ended.
func cut(n int) string {
	switch n {
	case 0:
		return "No agent came through it: nobody was cut."
	case 1:
		return "1 agent's connection through it was cut."
	}
	return fmt.Sprintf("%d agents' connections through it were cut.", n)
}
