package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

// sensorServerWindow is the window of one Sensor.
type sensorServerWindow struct {
	list        *sensorServersWindow
	fingerprint pki.Fingerprint
	window      *window
	said        []line // how the last act ended
}

// decision is what an administrator can do with a Sensor.
type decision struct {
	question, doing, done string
	preview               func(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	deed                  func(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	forgets               bool // the Sensor is gone afterwards
}

// sensorServer opens the window of the Sensor with a fingerprint.
func (m *sensorServersWindow) sensorServer(fingerprint string) {
	s, b := m.session, m.backend
	f, err := pki.ParseFingerprint(fingerprint)
	if err != nil {
		s.refused(err, nil)
		return
	}
	w := &window{title: "Sensor server", text: text{lines: []line{words("Loading ...")}}}
	d := &sensorServerWindow{list: m, fingerprint: f, window: w}
	leave := button{wordClose, func() { s.close(w) }}
	all := []button{
		{"Accept", func() {
			d.decide(decision{question: "Accept this Sensor server?", doing: "Accepting the Sensor server", done: "Accepted",
				preview: b.PreviewAcceptSensorServer, deed: b.AcceptSensorServer})
		}},
		{"Reject", func() {
			d.decide(decision{question: "Reject this Sensor server?", doing: "Rejecting the Sensor server", done: "Rejected",
				preview: b.PreviewRejectSensorServer, deed: b.RejectSensorServer})
		}},
		{"Delete", func() {
			d.decide(decision{question: "Delete this Sensor server?", doing: "Deleting the Sensor server", done: "Deleted", forgets: true,
				preview: b.PreviewDeleteSensorServer, deed: b.DeleteSensorServer})
		}},
		leave,
	}
	why := s.mayNot("accept, reject or delete Sensor servers", acts.LocalAdministrator)
	if len(why) > 0 {
		all = []button{leave}
	}
	w.buttons = all
	w.live = watch(func(ctx context.Context) (acts.SensorServerList, error) { return b.SensorServers(ctx, s.who) }, func(l acts.SensorServerList) {
		i := slices.IndexFunc(l.Servers, func(v acts.SensorServer) bool { return v.Fingerprint == f })
		if i < 0 {
			w.text.set([]line{alarm("This Sensor server is not on the list any more: another administrator deleted it. If it connects again, it asks anew."), blank(), value("Fingerprint", f.String())})
			w.buttons, w.focus = []button{leave}, 0
			return
		}
		if len(w.buttons) != len(all) {
			w.buttons, w.focus = all, len(all)-1 // it asked anew
		}
		w.text.set(slices.Concat(said(d.said), sensorServerLines(l.Servers[i], l.PolicyRevision, s.config.Now()), why))
	})
	s.open(w)
}

// decide asks before a decision, with the fingerprint to compare, and carries
// it out for exactly the Sensor that was shown.
func (d *sensorServerWindow) decide(c decision) {
	s := d.list.session
	d.said = nil
	in := acts.DecideSensorServer{Which: d.fingerprint.String(), Fingerprint: d.fingerprint}
	fetch(s, titleConfirm, func(ctx context.Context) (acts.Preview, error) { return c.preview(ctx, s.who, in) }, func(p acts.Preview) {
		in.Revision = p.Revision
		lines := append([]line{heading(c.question), blank()}, comparison(p)...)
		s.ask(titleConfirm, lines, wordYes, wordNo, func() {
			act(s, c.doing, func(ctx context.Context) (acts.SensorServerDecision, error) { return c.deed(ctx, s.who, in) }, func(r acts.SensorServerDecision) {
				result := decisionLines(c.done, r)
				if c.forgets {
					d.list.said = result
					s.close(d.window)
					return
				}
				d.said, d.window.focus = result, len(d.window.buttons)-1
			})
		})
	})
}

// decisionLines says what came of a decision.
func decisionLines(done string, r acts.SensorServerDecision) []line {
	name := r.Server.Address
	if r.Server.Name != "" {
		name = r.Server.Name + " (" + r.Server.Address + ")"
	}
	cut := "nobody was cut"
	if r.Cut > 0 {
		cut = counted(r.Cut, "agents' connection") + " cut"
	}
	return []line{heading(fmt.Sprintf("%s: %s. Done in %s, %s; revision %d.", done, name, took(r.Took), cut, r.Revision))}
}

// took is how long something took, to the point that a person cares for.
func took(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

// mayNot says why a person cannot do what a window is for, in whose place it
// then shows no button; nothing when the person can. The daemon decides: this
// spares a way that ends in a refusal.
func (s *session) mayNot(what string, roles ...acts.Role) []line {
	if slices.Contains(roles, s.who.Role) {
		return nil
	}
	may := string(roles[0])
	for _, r := range roles[1:] {
		may += " or " + string(r)
	}
	return []line{blank(), warn(fmt.Sprintf("To %s takes the role %s; %s has the role %s.", what, may, s.who.Account, s.who.Role))}
}
