package sensors_test

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/sensors/sensortest"
	"vedette/centralnode/store"
	"vedette/internal/acts"
	"vedette/internal/kv"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
)

// load keeps some agents busy through a Sensor until something ends them.
func load(t *testing.T, s *sensortest.Sensor, agents int, first byte) (taken *atomic.Int64, wait func()) {
	t.Helper()
	taken = new(atomic.Int64)
	var busy sync.WaitGroup
	for i := range agents {
		a := behind(s, nil, first+byte(i))
		busy.Go(func() {
			for a.send(t.Context()) == nil {
				taken.Add(1)
			}
		})
	}
	eventually(t, "all agents are at work", func() bool { return taken.Load() > int64(3*agents) })
	return taken, busy.Wait
}

func TestNothingIsTakenThroughASensorAfterItsDecision(t *testing.T) {
	t.Parallel()
	const agents = 10
	for name, act := range map[string]func(*world, *sensortest.Sensor) acts.SensorServerDecision{"reject": (*world).reject, "delete": (*world).remove} {
		t.Run(name, func(t *testing.T) {
			w := start(t)
			gone, stays := w.joined("gone"), w.joined("stays")
			_, wait := load(t, gone, agents, 1)
			others, waitOthers := load(t, stays, 2, 100)
			id := w.row(gone).ID
			decision := act(w, gone)
			if decision.Cut != agents || decision.Server.ID != id {
				t.Errorf("decision %+v, want %d cut", decision, agents)
			}
			count := func() (n int) {
				for _, e := range w.events() {
					if e.Vedette.Way == id {
						if n++; e.Vedette.PolicyRevision >= decision.Revision {
							t.Errorf("taken under revision %d, the decision has %d", e.Vedette.PolicyRevision, decision.Revision)
						}
					}
				}
				return n
			}
			atOnce := count()
			wait()
			before := others.Load()
			eventually(t, "the other Sensor goes on", func() bool { return others.Load() > before+10 })
			if later := count(); later != atOnce || atOnce < agents {
				t.Errorf("%d were taken when the act returned, %d later", atOnce, later)
			}
			if name == "delete" {
				if e := gone.AwaitEnd(); e.Code != controlv1.CodeDeleted || !e.Remote {
					t.Errorf("the link ended with %v", e)
				}
				if rows := w.rows(); len(rows) != 1 || rows[0].Name != "stays" {
					t.Errorf("rows %+v", rows)
				}
			} else {
				gone.AwaitState(rejected)
				stream, err := gone.Open(nil)
				if err != nil {
					t.Fatal(err)
				}
				resetBy(t, stream, controlv1.CodeNotAccepted)
			}
			stays.Close()
			waitOthers()
		})
	}
}

func TestPreviewCountsWhomADecisionCuts(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	for i := range 3 {
		if err := behind(s, nil, byte(i)).send(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, preview := range map[string]func() (acts.Preview, error){
		"reject": func() (acts.Preview, error) { return w.Admin().PreviewRejectSensorServer(t.Context(), local, in(s)) },
		"delete": func() (acts.Preview, error) { return w.Admin().PreviewDeleteSensorServer(t.Context(), local, in(s)) },
	} {
		p, err := preview()
		if err != nil || len(p.Consequences) != 1 || p.Consequences[0].Count != 3 || !p.Asks {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	// So does the preview of a withdrawal.
	p, err := w.Admin().PreviewSetValidation(t.Context(), local, acts.SetValidation{On: true})
	if err != nil || p.Consequences[0].Count != 3 {
		t.Errorf("switch: %+v, %v", p, err)
	}
	if _, err := w.Admin().AcceptSensorServer(t.Context(), local, in(s)); acts.CodeOf(err) != acts.Refused {
		t.Errorf("accepted twice: %v", err)
	}
	stale := in(s)
	stale.Revision = p.Revision
	w.reject(s)
	if _, err := w.Admin().AcceptSensorServer(t.Context(), local, stale); acts.CodeOf(err) != acts.Stale {
		t.Errorf("with what was seen before: %v", err)
	}
}

func TestCheckpointsMakeNoActStale(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.sensor("branch")
	w.connect(s)
	s.AwaitState(pending)
	seen, err := w.Admin().PreviewAcceptSensorServer(t.Context(), local, in(s))
	if err != nil {
		t.Fatal(err)
	}
	s.Name = "renamed"
	w.connect(s)
	s.AwaitState(pending)
	w.stop() // writes what the Sensor said
	w = startWith(t, w.config, w.logs)
	if row := w.row(s); row.Name != "renamed" {
		t.Fatalf("row %+v", row)
	}
	with := in(s)
	with.Revision = seen.Revision
	if _, err := w.Admin().AcceptSensorServer(t.Context(), local, with); err != nil {
		t.Error(err)
	}
}

func TestRejectedSensorAsksAgainOnlyWithANewRequest(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	w := start(t, func(c *centralnode.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	s := w.sensor("branch")
	w.connect(s)
	s.AwaitState(pending)
	w.reject(s)
	s.AwaitState(rejected)
	revision := w.revision()
	w.connect(s)
	s.AwaitState(rejected)
	if now := w.revision(); now != revision {
		t.Errorf("coming again wrote revision %d, before %d", now, revision)
	}
	again := func() {
		_, _ = rand.Read(s.Request[:])
		w.connect(s)
	}
	again()
	s.AwaitState(pending)
	w.reject(s)
	s.AwaitState(rejected)
	again()
	s.AwaitState(rejected) // it asked within a minute
	ahead.Store(int64(2 * time.Minute))
	s.AwaitState(pending) // with the same request that was not heard then, on the same link
	w.accept(s)
	s.AwaitState(accepted)
	again()
	s.AwaitState(accepted)
	if row := w.row(s); row.State != acts.Accepted {
		t.Errorf("row %+v", row)
	}
	// A rejection answers all that was drawn so far, over a restart too.
	w.reject(s)
	w.stop()
	if kept := stored(t, w, s); !bytes.Equal(kept.Request, s.Request[:]) { // also when no contact was written since
		t.Errorf("kept is %+v", kept)
	}
	w = startWith(t, w.config, w.logs)
	moveTo(w, s)
	w.connect(s)
	s.AwaitState(rejected)
}

// stored reads what the state file of a stopped node holds of a Sensor.
func stored(t *testing.T, w *world, s *sensortest.Sensor) store.SensorServer {
	t.Helper()
	state, err := kv.Open(filepath.Join(w.config.StateDir, "state.db"), kv.Options{Program: store.Program})
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	v, _, err := store.New(state).SensorServer(t.Context(), s.Identity.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRejectedSensorKeepsOneLane(t *testing.T) {
	t.Parallel()
	w := start(t)
	s := w.joined("branch")
	for range 3 {
		if _, err := s.AddLane(link.Bulk); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "four lanes", func() bool { return w.row(s).Lanes == 4 })
	w.reject(s)
	s.AwaitState(rejected)
	eventually(t, "one lane", func() bool { return w.row(s).Lanes == 1 })
	w.accept(s)
	s.AwaitState(accepted)
	if err := behind(s, nil, 1).send(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSensorIsNamedInSeveralWays(t *testing.T) {
	t.Parallel()
	w := start(t)
	one, two := w.sensor("one"), w.sensor("two")
	for _, s := range []*sensortest.Sensor{one, two} {
		w.connect(s)
		s.AwaitState(pending)
	}
	f := one.Identity.Fingerprint()
	for _, which := range []string{f.String(), strings.ToLower(strings.ReplaceAll(f.String(), ":", "")), strings.ToUpper(w.row(one).ID), "ONE", " one "} {
		if row, err := w.Admin().SensorServer(t.Context(), local, which); err != nil || row.Name != "one" {
			t.Errorf("%q: %+v, %v", which, row, err)
		}
	}
	for which, want := range map[string]acts.Code{"": acts.Invalid, "three": acts.NotFound, "127.0.0.1": acts.Invalid, "192.0.2.10": acts.Invalid, f.String()[:20]: acts.NotFound} {
		if _, err := w.Admin().SensorServer(t.Context(), local, which); acts.CodeOf(err) != want {
			t.Errorf("%q: %v, want %s", which, err, want)
		}
	}
	if _, err := w.Admin().SensorServer(t.Context(), local, "127.0.0.1"); err == nil || !strings.Contains(err.Error(), w.row(two).ID) {
		t.Errorf("the candidates are not named: %v", err)
	}
	// No name takes the place of another's id.
	thief := w.sensor(w.row(one).ID)
	w.connect(thief)
	thief.AwaitState(pending)
	if row, err := w.Admin().SensorServer(t.Context(), local, w.row(one).ID); err != nil || row.Name != "one" {
		t.Errorf("%+v, %v", row, err)
	}
	wrong := acts.DecideSensorServer{Which: "one", Fingerprint: two.Identity.Fingerprint()}
	if _, err := w.Admin().AcceptSensorServer(t.Context(), local, wrong); acts.CodeOf(err) != acts.Refused {
		t.Errorf("with the fingerprint of another: %v", err)
	}
}
