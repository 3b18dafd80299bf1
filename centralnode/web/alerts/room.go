package alerts

import (
	"context"
	"embed"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// Backend performs the acts on alerts.
type Backend interface {
	Alerts(context.Context, acts.Actor, acts.AlertFilter) (acts.AlertList, error)
	Alert(ctx context.Context, who acts.Actor, id int64) (acts.Alert, error)
	SetAlertState(context.Context, acts.Actor, acts.SetAlertState) (acts.Alert, error)
}

// The addresses of the room.
const (
	front  = "/alerts"
	states = front + "/state" // of several
	title  = "Alerts"
)

//go:embed templates/*.html
var templates embed.FS

type room struct{ backend Backend }

// Register gives the pages of alerts to the Kit.
func Register(k *page.Kit, b Backend) error {
	if err := k.Templates("alerts", templates); err != nil {
		return err
	}
	m := &room{backend: b}
	k.Get(front, acts.ActViewAlerts, m.list)
	// Who goes to the address of a form by hand sees the page that it is on.
	k.Get(states, acts.ActViewAlerts, m.list)
	k.Post(states, acts.ActSetAlertState, m.setSeveral)
	k.Get(front+"/{id}", acts.ActViewAlerts, m.show)
	k.Get(front+"/{id}/state", acts.ActViewAlerts, m.show)
	k.Post(front+"/{id}/state", acts.ActSetAlertState, m.set)
	return nil
}
