package scan

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/acts"
)

// script is an engine that answers as scripted, one step for each call, the last
// one again and again. Trials are not counted.
func script(name string, steps ...func(context.Context) (engine.Result, error)) (*fake, *atomic.Int64) {
	calls := new(atomic.Int64)
	return &fake{name: name, scan: func(ctx context.Context, o engine.Object) (engine.Result, error) {
		n := int(calls.Load())
		if o.Name != trialName {
			n = int(calls.Add(1))
		}
		return steps[min(n, len(steps))-1](ctx)
	}}, calls
}

func clean(context.Context) (engine.Result, error)  { return engine.Result{}, nil }
func broken(context.Context) (engine.Result, error) { return engine.Result{}, errBroken }
func panics(context.Context) (engine.Result, error) { panic("engine bug") }
func hangs(ctx context.Context) (engine.Result, error) {
	<-ctx.Done()
	return engine.Result{}, ctx.Err()
}
func finds(context.Context) (engine.Result, error) {
	return engine.Result{Detections: []engine.Detection{{Name: "Evil.A"}}}, nil
}

func TestFailingEngineIsTriedAgainAndNeverMeansNotDetected(t *testing.T) {
	type step = func(context.Context) (engine.Result, error)
	for name, c := range map[string]struct {
		steps  []step
		want   State
		calls  int64
		took   time.Duration
		reason string
	}{
		"well":                   {[]step{clean}, NotDetected, 1, 0, ""},
		"well at the second try": {[]step{broken, clean}, NotDetected, 2, 10 * time.Second, ""},
		"well at the last try":   {[]step{hangs, panics, clean}, NotDetected, 3, 90 * time.Second, ""},
		"finds at the last try":  {[]step{broken, broken, finds}, Detect, 3, 30 * time.Second, ""},
		"broken":                 {[]step{broken}, Failed, 3, 30 * time.Second, "script: broken"},
		"panics":                 {[]step{panics}, Failed, 3, 30 * time.Second, "script: the engine panicked"},
		"too slow":               {[]step{hangs}, Timeout, 3, 210 * time.Second, "script: the engine took too long"},
		"too slow, then broken":  {[]step{hangs, hangs, broken}, Failed, 3, 150 * time.Second, "script: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, calls := script("script", c.steps...)
				other, asked := script("other", clean)
				r := open(t, Config{Engines: []engine.Engine{other, e}, Limits: Limits{Timeout: time.Minute}})
				stop := run(t, r)
				began := time.Now()
				submitOK(t, r, "gate", "s", []byte("x"))
				awaitVerdict(r, "gate", "s")
				s := r.States("gate", "", true, nil)[0]
				if s.State != c.want || !strings.Contains(s.Reason, c.reason) {
					t.Errorf("%q because %q, expected %q because %q", s.State, s.Reason, c.want, c.reason)
				}
				if n := calls.Load(); n != c.calls {
					t.Errorf("%d tries, expected %d", n, c.calls)
				}
				if n := asked.Load(); n != 1 {
					t.Errorf("the engine that is well was asked %d times", n)
				}
				if took := s.Finished.Sub(began); took != c.took {
					t.Errorf("took %v, expected %v", took, c.took)
				}
				stop()
			})
		})
	}
}

// awaitVerdict waits in a bubble until a scan is not processing any more.
func awaitVerdict(r *Room, system, id string) {
	for stateOf(r, system, id) == Processing {
		<-time.After(time.Second)
	}
}

func TestWaitForARetryHoldsNoWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &fake{name: "picky", scan: func(_ context.Context, o engine.Object) (engine.Result, error) {
			if o.Name == "bad" {
				return engine.Result{}, errBroken
			}
			return engine.Result{}, nil
		}}
		r := open(t, Config{Engines: []engine.Engine{e}, Limits: Limits{Workers: 1, RetryAfter: time.Hour}})
		stop := run(t, r)
		submitOK(t, r, "gate", "bad", []byte("x"))
		submitOK(t, r, "gate", "good", []byte("y"))
		began := time.Now()
		awaitVerdict(r, "gate", "good")
		if took := time.Since(began); took > time.Minute {
			t.Errorf("the good object waited %v for the bad one's retry", took)
		}
		if s := r.Status(t.Context()); s.Waiting != 1 || s.Running != 0 || !s.Oldest.Equal(began) || stateOf(r, "gate", "bad") != Processing {
			t.Errorf("status: %+v", s)
		}
		awaitVerdict(r, "gate", "bad")
		stop()
	})
}

func TestEngineThatDoesNotEndHoldsNoWorkerAndIsAskedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int64
		e := &fake{name: "deaf", scan: func(context.Context, engine.Object) (engine.Result, error) {
			calls.Add(1)
			<-release
			return engine.Result{}, nil
		}}
		r := open(t, Config{Engines: []engine.Engine{e}, Limits: Limits{Workers: 2, Attempts: 1, Timeout: time.Second}})
		stop := run(t, r)
		const objects = 20
		for i := range objects {
			submitOK(t, r, "gate", string(rune('a'+i)), []byte("x"))
		}
		for r.Waiting("gate") > 0 {
			<-time.After(time.Second)
		}
		if n := calls.Load(); n > mostStuck+1 {
			t.Errorf("%d calls hang", n)
		}
		for _, s := range r.States("gate", "", true, nil) {
			if s.State != Timeout && s.State != Failed {
				t.Errorf("%s: %q", s.Key.ScanID, s.State)
			}
		}
		if trouble := r.Status(t.Context()).Engines[0].Trouble; !strings.Contains(trouble, "do not end") {
			t.Errorf("status says of the engine: %q", trouble)
		}
		close(release)
		synctest.Wait()
		if trouble := r.Status(t.Context()).Engines[0].Trouble; trouble != "" {
			t.Errorf("status still says of the engine: %q", trouble)
		}
		submitOK(t, r, "gate", "again", []byte("x"))
		awaitVerdict(r, "gate", "again")
		if got := stateOf(r, "gate", "again"); got != NotDetected {
			t.Errorf("after the engine came back: %q", got)
		}
		stop()
	})
}

func TestHealthIsAskedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		hang := make(chan struct{})
		e := &fake{name: "clam", scan: func(context.Context, engine.Object) (engine.Result, error) { return engine.Result{}, errBroken }}
		e.well = func(ctx context.Context) engine.Health {
			switch asked.Add(1) {
			case 1:
				return engine.Health{Version: "1.4", RuleSet: "27000", Rules: 8}
			case 2:
				return engine.Health{Version: "1.4", Trouble: "clamd does not answer; start it"}
			}
			<-hang
			return engine.Health{}
		}
		r := open(t, Config{Engines: []engine.Engine{e}})
		if got := r.Status(t.Context()).Engines[0]; got.Trouble != "" || got.Name != "clam" {
			t.Errorf("before anybody asked: %+v", got)
		}
		stop := run(t, r)
		synctest.Wait()
		if got, want := r.Status(t.Context()).Engines[0], (acts.ScanEngine{Name: "clam", Technology: "am", Version: "1.4", RuleSet: "27000", Rules: 8}); got != want {
			t.Errorf("well: %+v", got)
		}
		submitOK(t, r, "gate", "s", []byte("x")) // fails, which asks at once
		within(t, 2*healthLeast, "the trouble", func() bool {
			return r.Status(t.Context()).Engines[0].Trouble == "clamd does not answer; start it"
		})
		<-time.After(healthEvery + healthTimeout + grace)
		began := time.Now()
		if got := r.Status(t.Context()).Engines[0].Trouble; !strings.Contains(got, "does not say how it is") || time.Now() != began {
			t.Errorf("while it hangs: %q", got)
		}
		close(hang)
		stop()
	})
}

func TestStopEndsWhatRunsAndTheNextStartScansItAgain(t *testing.T) {
	dir := t.TempDir()
	e, calls := script("slow", hangs, finds)
	alerts := new(alarms)
	r := open(t, Config{Dir: dir, Engines: []engine.Engine{e}, Alerts: alerts})
	stop := run(t, r)
	submitOK(t, r, "gate", "s", make([]byte, 100_000))
	within(t, 10*time.Second, "scan under way", func() bool { return calls.Load() == 1 })
	stop()
	if s := r.Status(t.Context()); s.Waiting != 1 || s.Running != 0 {
		t.Errorf("after the stop: %+v", s)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := submit(r, "gate", "late", nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("submitted to a closed room: %v", err)
	}
	r = open(t, Config{Dir: dir, Engines: []engine.Engine{e}, Alerts: alerts})
	if s := r.Status(t.Context()); s.Waiting != 1 || s.SpoolBytes != 100_000 {
		t.Errorf("after the start: %+v", s)
	}
	run(t, r)
	within(t, 10*time.Second, "verdict", func() bool { return stateOf(r, "gate", "s") == Detect })
	if n := len(alerts.all()); n != 1 {
		t.Errorf("%d alerts", n)
	}
}
