package admintest

import (
	"vedette/centralnode/sensors/sensortest"
	controlv1 "vedette/proto/control/v1"
)

// Sensor is a Sensor with a name and an identity of its own, which has not
// connected yet.
func (w *World) Sensor(name string) *sensortest.Sensor {
	w.t.Helper()
	return sensortest.New(w.t, w.Address(), w.Pin(), name)
}

// AskingSensor is a Sensor whose request waits.
func (w *World) AskingSensor(name string) *sensortest.Sensor {
	w.t.Helper()
	s := w.Sensor(name)
	if err := s.Connect(); err != nil {
		w.t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_PENDING)
	return s
}
