package sensors_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/sensors/sensortest"
	"vedette/internal/acts"
	controlv1 "vedette/proto/control/v1"
)

// killed is a node that starts with what another one had written when it ended
// abruptly.
func (w *world) killed(t *testing.T) *world {
	t.Helper()
	c := w.config
	c.StateDir = t.TempDir()
	state, err := os.ReadFile(filepath.Join(w.config.StateDir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.StateDir, "state.db"), state, 0o600); err != nil {
		t.Fatal(err)
	}
	return startWith(t, c, w.logs)
}

func TestRejectionAnswersWhatWasDrawnBeforeAnAbruptEnd(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	_, _ = rand.Read(s.Request[:]) // never fails (crypto/rand)
	w.connect(s)
	s.AwaitState(accepted)
	s.AwaitPolicy(0)
	after := w.killed(t)
	after.reject(s)
	moveTo(after, s)
	s.Pin = after.pin
	after.connect(s)
	s.AwaitState(rejected)
	if row := after.row(s); row.State != acts.Rejected || !row.Connected {
		t.Errorf("row %+v", row)
	}
}

func TestRequestThatFoundNoRoomIsMadeWhenThereIsSome(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.sensor("branch")
	s.Source = "127.0.6.1"
	w.connect(s)
	s.AwaitState(pending)
	w.reject(s)
	s.AwaitState(rejected)
	var others []*sensortest.Sensor
	for i := range 8 {
		other := w.sensor(fmt.Sprintf("other%d", i))
		other.Source = s.Source
		w.connect(other)
		other.AwaitState(pending)
		others = append(others, other)
	}
	_, _ = rand.Read(s.Request[:]) // never fails (crypto/rand)
	if err := s.Introduce(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is said that the Sensor waits", func() bool { return w.logs.has("asks again and has to wait") })
	w.reject(others[0])
	s.AwaitState(pending)
}

func TestRequestsOfTheAbsentYieldToOneWhoIsThere(t *testing.T) {
	t.Parallel()
	var behindBy atomic.Int64
	w := start(t, func(c *centralnode.Config) {
		c.Now = func() time.Time { return time.Now().Add(-time.Duration(behindBy.Load())) }
	})
	var oldest acts.SensorServer
	behindBy.Store(int64(time.Hour))
	for i := range 100 {
		s := w.sensor("absent")
		s.Source = fmt.Sprintf("127.0.7.%d", i/8+1)
		w.connect(s)
		s.AwaitState(pending)
		if i == 0 {
			oldest = w.row(s)
		}
		s.Close()
		behindBy.Add(-int64(time.Second))
	}
	eventually(t, "all links have ended", func() bool {
		for _, row := range w.rows() {
			if row.Connected {
				return false
			}
		}
		return true
	})
	real := w.sensor("real")
	real.Source = "127.0.8.1"
	w.connect(real)
	real.AwaitState(pending)
	rows := w.rows()
	if len(rows) != 100 || rows[0].ID == oldest.ID {
		t.Errorf("%d rows, the oldest is %s, before %s", len(rows), rows[0].ID, oldest.ID)
	}
	records, err := w.Admin().Audit(t.Context(), local, acts.AuditFilter{Act: "sensor request"})
	if err != nil || len(records) != 101 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if detail := records[0].Detail + records[100].Detail; !strings.Contains(detail, oldest.Fingerprint.String()) {
		t.Errorf("the record does not say who yielded: %q", detail)
	}
}

func TestRejectedSensorThatGoesOnOpeningLosesItsLink(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	w.reject(s)
	s.AwaitState(rejected)
	opened := 0
	for ; opened < 50_000; opened++ {
		stream, err := s.Open(nil)
		if err != nil {
			break
		}
		_, _ = stream.Read(make([]byte, 1)) // ends with the reset
	}
	if e := s.AwaitEnd(); e.Code != controlv1.CodeNotAccepted || !e.Remote || opened < 12_000 {
		t.Errorf("after %d streams the link ended with %v", opened, e)
	}
}
