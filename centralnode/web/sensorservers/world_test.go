package sensorservers_test

import (
	"encoding/hex"
	"testing"
	"time"

	"vedette/centralnode/admin/admintest"
	"vedette/centralnode/sensors/sensortest"
	"vedette/centralnode/web/page"
	"vedette/centralnode/web/page/pagetest"
	"vedette/centralnode/web/sensorservers"
	"vedette/internal/acts"
	"vedette/pki"
	controlv1 "vedette/proto/control/v1"
)

// world is a Central Node with a browser of a Local administrator.
type world struct {
	*admintest.World
	t       *testing.T
	browser *pagetest.Browser // of nobody
	local   *pagetest.Browser
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{World: admintest.Start(t), t: t}
	w.browser = pagetest.New(t, func(k *page.Kit) error { return sensorservers.Register(k, w.Admin, time.Now) },
		pagetest.Table(w.Node.Sessions()), pagetest.With(func(c *page.Config) { c.Permit, c.May = w.Permit, w.May }))
	w.local = w.browser.SignedIn(acts.LocalAdministrator)
	return w
}

func path(s *sensortest.Sensor) string { return pathOf(s.Identity.Fingerprint()) }

func pathOf(f pki.Fingerprint) string { return "/sensor-servers/" + hex.EncodeToString(f[:]) }

// state is what the acts know of a Sensor.
func (w *world) state(s *sensortest.Sensor) acts.RequestState {
	w.t.Helper()
	found, err := w.SensorServerByID(w.t.Context(), admintest.Local(), s.Identity.Fingerprint().String())
	if err != nil {
		w.t.Fatal(err)
	}
	return found.State
}

func (w *world) accept(s *sensortest.Sensor) {
	w.t.Helper()
	if _, err := w.AcceptSensorServer(w.t.Context(), admintest.Local(), acts.DecideSensorServer{Which: s.Identity.Fingerprint().String()}); err != nil {
		w.t.Fatal(err)
	}
	s.AwaitState(controlv1.Authorisation_STATE_ACCEPTED)
}
