package adminmenu

import (
	"context"
	"fmt"
	"slices"

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

// sensorServer opens the window of the Sensor with a fingerprint.
func (m *sensorServersWindow) sensorServer(fingerprint string) {
	s, b := m.menu, m.backend
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
			d.decide("Accept this Sensor server?", "Accepting the Sensor server", b.PreviewAcceptSensorServer, b.AcceptSensorServer, d.decided("Accepted"))
		}},
		{"Reject", func() {
			d.decide("Reject this Sensor server?", "Rejecting the Sensor server", b.PreviewRejectSensorServer, b.RejectSensorServer, d.decided("Rejected"))
		}},
		{"Delete", func() {
			d.decide("Delete this Sensor server?", "Deleting the Sensor server", b.PreviewDeleteSensorServer, b.DeleteSensorServer, d.deleted)
		}},
		leave,
	}
	why := s.mayNot("accept, reject or delete Sensor servers", acts.LocalAdministrator)
	if len(why) > 0 {
		all = []button{leave}
	}
	w.buttons = all
	history := []binding{bind("h", "h", "History", "shows what was measured of the Sensor's link", func() {
		s.linkHistory("What this Sensor measured of its link,", func(ctx context.Context, who acts.Actor, in acts.ViewHistory) ([]acts.QualityMinute, error) {
			return b.SensorHistory(ctx, who, f.String(), in)
		})
	})}
	w.live = watch(func(ctx context.Context) (acts.SensorServerList, error) { return b.SensorServers(ctx, s.who) }, func(l acts.SensorServerList) {
		i := slices.IndexFunc(l.Servers, func(v acts.SensorServer) bool { return v.Fingerprint == f })
		if i < 0 {
			w.text.set([]line{alarm("This Sensor server is not on the list any more: another administrator deleted it. If it connects again, it asks anew."), blank(), value("Fingerprint", f.String())})
			w.buttons, w.focus, w.keys = []button{leave}, 0, nil
			return
		}
		w.keys = nil
		if l.Servers[i].State == acts.Accepted {
			w.keys = history
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
func (d *sensorServerWindow) decide(question, doing string,
	preview func(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error),
	deed func(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error),
	then func(acts.SensorServerDecision)) {
	d.said = nil
	s, in := d.list.menu, acts.DecideSensorServer{Which: d.fingerprint.String(), Fingerprint: d.fingerprint}
	decide(s, decision[acts.SensorServerDecision]{question: question, doing: doing, then: then,
		preview: func(ctx context.Context) (acts.Preview, error) { return preview(ctx, s.who, in) },
		deed: func(ctx context.Context, revision uint64) (acts.SensorServerDecision, error) {
			in.Revision = revision
			return deed(ctx, s.who, in)
		}})
}

// decided says in the Sensor's window what came of a decision.
func (d *sensorServerWindow) decided(done string) func(acts.SensorServerDecision) {
	return func(r acts.SensorServerDecision) {
		d.said, d.window.focus = decisionLines(done, r), len(d.window.buttons)-1
	}
}

// deleted says it in the list: the Sensor's window is of nothing any more.
func (d *sensorServerWindow) deleted(r acts.SensorServerDecision) {
	d.list.said = decisionLines("Deleted", r)
	d.list.menu.close(d.window)
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
