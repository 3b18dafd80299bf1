package scan

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/scan/engine"
)

// sick is an engine that does not answer until it is healed.
type sick struct {
	*fake
	healed atomic.Bool
	asked  atomic.Int64 // about objects
	trials atomic.Int64
}

func newSick(how func(context.Context) (engine.Result, error)) *sick {
	s := new(sick)
	looks := reader().scan
	s.fake = &fake{name: "sick", scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
		if o.Name == trialName {
			s.trials.Add(1)
		} else {
			s.asked.Add(1)
		}
		if !s.healed.Load() {
			return how(ctx)
		}
		return looks(ctx, o)
	}}
	return s
}

func TestDetectionIsSettledWhileAnotherEngineStillLooks(t *testing.T) {
	for name, size := range map[string]int{"inside the state file": 100, "a file": 100_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				alerts := new(alarms)
				later, _ := script("later", func(ctx context.Context) (engine.Result, error) {
					select {
					case <-ctx.Done():
						return engine.Result{}, ctx.Err()
					case <-time.After(time.Minute):
					}
					return finds(ctx)
				})
				engines := []engine.Engine{later, reader()}
				r := open(t, Config{Dir: dir, Engines: engines, Alerts: alerts})
				stop := run(t, r)
				began := time.Now()
				content := append([]byte("evil"), make([]byte, size)...)
				submitOK(t, r, "gate", "s", content)
				submitOK(t, r, "gate", "", content)
				synctest.Wait()
				if got := stateOf(r, "gate", "s"); got != Detect || time.Now() != began || len(alerts.all()) != 2 {
					t.Fatalf("while the other engine looks: %q, %d alerts", got, len(alerts.all()))
				}
				if s := r.Status(t.Context()); s.Kept != 1 || s.Running != 2 || s.SpoolBytes != 2*int64(len(content)) || s.Verdicts["detect"] != 1 {
					t.Errorf("status: %+v", s)
				}
				// What was still to be looked at is after a restart too, and the verdict stands.
				stop()
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Second)
				r = open(t, Config{Dir: dir, Engines: engines, Alerts: alerts})
				if s := r.Status(t.Context()); stateOf(r, "gate", "s") != Detect || s.Kept != 1 || s.Waiting != 2 || s.SpoolBytes != 2*int64(len(content)) {
					t.Errorf("after a restart: %q, %+v", stateOf(r, "gate", "s"), s)
				}
				submitOK(t, r, "gate", "s", content) // sent again: no second scan
				stop = run(t, r)
				<-time.After(2 * time.Minute)
				scans := r.States("gate", "", true, nil)
				if len(scans) != 1 || scans[0].State != Detect || !scans[0].Finished.Equal(began) || len(alerts.all()) != 4 {
					t.Errorf("at the end: %+v, %d alerts", scans, len(alerts.all()))
				}
				if s := r.Status(t.Context()); s.Kept != 1 || s.Waiting+s.Running != 0 || s.SpoolBytes != 0 || len(files(t, r)) > 0 {
					t.Errorf("at the end: %+v, %v", s, files(t, r))
				}
				stop()
			})
		})
	}
}

func TestDetectedObjectCanBeDeletedWhileAnotherEngineStillLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := newSick(hangs)
		r := open(t, Config{Engines: []engine.Engine{reader(), dead}})
		stop := run(t, r)
		submitOK(t, r, "gate", "s", append([]byte("evil"), make([]byte, 100_000)...))
		synctest.Wait()
		if err := r.Delete(t.Context(), Key{System: "gate", ScanID: "s"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := r.Status(t.Context()); s.Kept+s.Waiting+s.Running != 0 || s.SpoolBytes != 0 || len(files(t, r)) > 0 || r.atWork != 0 {
			t.Errorf("status: %+v, files %v, %d at work", s, files(t, r), r.atWork)
		}
		stop()
	})
}

func TestHungEngineHoldsUpNoDetection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := newSick(hangs)
		r := open(t, Config{Engines: []engine.Engine{dead, reader()}, Limits: Limits{Workers: 1}})
		stop := run(t, r)
		for i := range 100 {
			submitOK(t, r, "flood", fmt.Sprint(i), []byte("x"))
		}
		began := time.Now()
		submitOK(t, r, "gate", "s", []byte("evil"))
		synctest.Wait()
		if got := stateOf(r, "gate", "s"); got != Detect || time.Now() != began {
			t.Errorf("%q", got)
		}
		stop()
	})
}

func TestDeadEngineIsNotGivenItsTimeByEveryObject(t *testing.T) {
	for name, c := range map[string]struct {
		how  func(context.Context) (engine.Result, error)
		want State
		most time.Duration // until all have their verdict
	}{
		"hangs":  {hangs, Timeout, 7 * time.Minute},
		"broken": {broken, Failed, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dead := newSick(c.how)
				r := open(t, Config{Engines: []engine.Engine{reader(), dead}, Limits: Limits{Workers: 2}})
				stop := run(t, r)
				began := time.Now()
				for i := range 200 {
					submitOK(t, r, "gate", fmt.Sprint(i), []byte("x"))
				}
				for r.Waiting("gate") > 0 {
					<-time.After(time.Second)
				}
				if took := time.Since(began); took > c.most {
					t.Errorf("verdicts took %v", took)
				}
				for _, s := range r.States("gate", "", true, nil) {
					if s.State != c.want || !strings.Contains(s.Reason, "sick: ") {
						t.Fatalf("%s: %q because %q", s.Key.ScanID, s.State, s.Reason)
					}
				}
				if n := dead.asked.Load(); n > doubtAfter+2 {
					t.Errorf("it was asked about %d objects", n)
				}
				if s := r.Status(t.Context()).Engines[1]; !strings.Contains(s.Trouble, "does not answer") {
					t.Errorf("status: %+v", s)
				}
				dead.healed.Store(true)
				<-time.After(trialTime + trialEvery)
				if s := r.Status(t.Context()).Engines[1]; s.Trouble != "" {
					t.Errorf("status once it is back: %+v", s)
				}
				submitOK(t, r, "gate", "again", []byte("x"))
				synctest.Wait()
				if got := stateOf(r, "gate", "again"); got != NotDetected {
					t.Errorf("once it is back: %q", got)
				}
				stop()
			})
		})
	}
}

func TestObjectsThatWaitForADeadEngineAreLookedAtSoonAfterItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := newSick(broken)
		r := open(t, Config{Engines: []engine.Engine{reader(), dead}, Limits: Limits{RetryAfter: time.Hour}})
		stop := run(t, r)
		for i := range 50 {
			submitOK(t, r, "gate", fmt.Sprint(i), []byte("x"))
		}
		<-time.After(time.Minute)
		if n := len(r.States("gate", "", true, []State{Processing})); n != 50 {
			t.Fatalf("%d of 50 wait for their retry", n)
		}
		dead.healed.Store(true)
		<-time.After(trialTime + trialEvery)
		if n := len(r.States("gate", "", true, []State{NotDetected})); n != 50 {
			t.Errorf("%d of 50 have their verdict", n)
		}
		stop()
	})
}

func TestEvilObjectsDoNotTakeAnEngineFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		picky := &fake{name: "picky", scan: func(_ context.Context, o engine.Object) (engine.Result, error) {
			if strings.HasPrefix(o.Name, "bad") {
				return engine.Result{}, errors.New("no such thing was ever seen")
			}
			return engine.Result{}, nil
		}}
		r := open(t, Config{Engines: []engine.Engine{picky}, Limits: Limits{Workers: 2, Attempts: 1}})
		stop := run(t, r)
		for i := range 100 {
			submitOK(t, r, "evil", fmt.Sprint("bad", i), []byte("x"))
		}
		for i := range 20 {
			submitOK(t, r, "gate", fmt.Sprint("good", i), []byte("x"))
		}
		<-time.After(time.Minute)
		if n := len(r.States("gate", "", true, []State{NotDetected})); n != 20 {
			t.Errorf("%d of 20 were looked at", n)
		}
		if n := len(r.States("evil", "", true, []State{Failed})); n != 100 {
			t.Errorf("%d of 100 have the verdict error", n)
		}
		stop()
	})
}

func TestTrialThatFindsSomethingIsNoAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alerts := new(alarms)
		objects, trials := 0, 0
		e := &fake{name: "eager", scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
			if o.Name == trialName {
				trials++
				return finds(ctx)
			}
			if objects++; objects <= doubtAfter {
				return broken(ctx)
			}
			return clean(ctx)
		}}
		r := open(t, Config{Engines: []engine.Engine{e}, Alerts: alerts, Limits: Limits{Attempts: doubtAfter + 1, Workers: 1}})
		stop := run(t, r)
		submitOK(t, r, "gate", "s", []byte("x"))
		<-time.After(time.Hour)
		if n := len(alerts.all()); n != 0 || trials != 1 || stateOf(r, "gate", "s") != NotDetected {
			t.Errorf("%d alerts, %d trials, %q", n, trials, stateOf(r, "gate", "s"))
		}
		stop()
	})
}
