package sensorservers

import (
	"context"
	"embed"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// Backend is what the pages ask the acts for.
type Backend interface {
	May(actor acts.Actor, act string) bool
	SensorServerPage(context.Context, acts.Actor, acts.ServerFilter) (acts.SensorServerPage, error)
	SensorServerByID(context.Context, acts.Actor, string) (acts.SensorServer, error)
	SensorHistory(context.Context, acts.Actor, string, acts.ViewHistory) ([]acts.QualityMinute, error)
	AcceptSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	RejectSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
	PreviewDeleteSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)
	DeleteSensorServer(context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)
}

// The addresses of the pages. A Sensor stands in them by the fingerprint of its
// link identity, or by its id.
const (
	listPath   = "/sensor-servers"
	serverPath = listPath + "/{sensor}"
)

// title is the documented name of the section.
const title = "Sensor servers"

//go:embed all:templates
var templates embed.FS

type room struct {
	kit     *page.Kit
	backend Backend
	now     func() time.Time
}

// Register gives the Kit the pages of the room.
func Register(k *page.Kit, b Backend, now func() time.Time) error {
	if err := k.Templates("sensorservers", templates); err != nil {
		return err
	}
	m := &room{kit: k, backend: b, now: now}
	k.Get(listPath, acts.ActViewSensors, m.list)
	k.Get(serverPath, acts.ActViewSensors, m.server)
	k.Post(serverPath+"/accept", acts.ActAcceptSensor, m.accept)
	k.Post(serverPath+"/reject", acts.ActRejectSensor, m.reject)
	k.Get(serverPath+"/delete", acts.ActDeleteSensor, m.askDelete)
	k.Post(serverPath+"/delete", acts.ActDeleteSensor, m.delete)
	return nil
}
