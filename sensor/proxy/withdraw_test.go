package proxy_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
	controlv1 "vedette/proto/control/v1"
	"vedette/proto/link"
	"vedette/sensor/proxy"
)

func TestAWithdrawnAgentIsCutBeforeApplyReturns(t *testing.T) {
	t.Parallel()
	good, bad := pkitest.Agent(t, "good"), pkitest.Agent(t, "bad")
	var withdrawn atomic.Int64 // streams that ended with the code of it
	r := open(t, options{}, func(s *link.Stream) {
		var reset *link.ResetError
		if _, err := io.Copy(s, s); errors.As(err, &reset) && reset.Code == controlv1.CodeWithdrawn {
			withdrawn.Add(1)
		}
	})
	r.Apply(listing(1, true, []*pki.Pair{good, bad}, nil))
	const each = 200
	callers := map[*pki.Pair][]*caller{}
	for range each {
		for _, who := range []*pki.Pair{good, bad} {
			c := r.call(who)
			c.says(t, "hello")
			callers[who] = append(callers[who], c)
		}
	}
	var busy sync.WaitGroup
	for _, c := range callers[bad] { // some are in the midst of sending
		busy.Go(func() {
			for c.exchange("more") == nil {
			}
		})
	}
	if n := r.Apply(listing(2, true, []*pki.Pair{good}, []*pki.Pair{bad})); n != each {
		t.Errorf("%d were cut, want %d", n, each)
	}
	if n := r.Connected(bad.Fingerprint()); n != 0 {
		t.Errorf("%d are connected after Apply", n)
	}
	busy.Wait()
	for _, c := range callers[bad] {
		if !c.wasCut() {
			t.Fatal("a withdrawn agent got an end in order")
		}
	}
	for _, c := range callers[good] {
		c.says(t, "still here")
	}
	if n := r.Connected(good.Fingerprint()); n != each {
		t.Errorf("%d others are connected", n)
	}
	if from := r.Agents(); len(from) != each || !from[0].IsLoopback() || !from[each-1].IsLoopback() {
		t.Errorf("agents come from %v", from)
	}
	eventually(t, "the Central Node knows why", func() bool { return withdrawn.Load() == each && r.dial.Stats().Streams == each })
	if n := r.Apply(listing(3, false, nil, nil)); n != 0 {
		t.Errorf("switching validation off cut %d", n)
	}
	r.call(bad).says(t, "hello")
	if n := r.Apply(listing(4, true, []*pki.Pair{good}, nil)); n != 1 {
		t.Errorf("switching it on cut %d, want 1", n)
	}
}

// TestNoAgentSlipsThroughBetweenTwoPolicies lets agents come in while policies
// change: after each Apply none that it refuses has a stream.
func TestNoAgentSlipsThroughBetweenTwoPolicies(t *testing.T) {
	t.Parallel()
	who := pkitest.Agent(t, "agent")
	r := open(t, options{}, echo)
	r.Apply(listing(1, true, nil, nil))
	stop := make(chan struct{})
	var all sync.WaitGroup
	var carried atomic.Int64
	for range 6 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if c, err := r.try(who, "127.0.0.1"); err == nil {
					if c.exchange("hello") == nil {
						carried.Add(1)
					}
					_ = c.raw.Conn.Close()
				}
			}
		})
	}
	for i := range 20 {
		on := carried.Load()
		r.Apply(listing(uint64(2*i), true, []*pki.Pair{who}, nil))
		eventually(t, "some come in", func() bool { return carried.Load() > on })
		r.Apply(listing(uint64(2*i+1), true, nil, []*pki.Pair{who}))
		if n := r.Streams(who.Fingerprint()); n != 0 {
			t.Fatalf("%d agents have a stream after they were refused", n)
		}
	}
	close(stop)
	all.Wait()
}

func TestCutAllReachesAHandshakeUnderWay(t *testing.T) {
	r := open(t, options{}, echo)
	r.Apply(listing(1, false, nil, nil))
	c := r.call(nil)
	c.says(t, "hello")
	late := r.call(nil)
	eventually(t, "it is a stranger", func() bool { return r.Counts().Strangers == 1 })
	if n := r.CutAll(); n != 1 || !c.wasCut() {
		t.Fatalf("%d were cut", n)
	}
	if late.exchange("hello") == nil {
		t.Fatal("a connection of before was carried")
	}
	r.call(nil).says(t, "hello")
}

func TestSilentStrangersGetNoStream(t *testing.T) {
	t.Parallel()
	r := open(t, options{times: proxy.Times{First: 200 * time.Millisecond}}, echo)
	r.Apply(listing(1, false, nil, nil))
	c := r.call(nil)
	if c.wasCut() {
		t.Error("it was cut instead of closed")
	}
	if n := r.opened.Load(); n != 0 || r.Counts().Agents != 0 {
		t.Errorf("%d streams, %d agents", n, r.Counts().Agents)
	}
}

func TestRunLetsStreamsFinishAndCutsTheRest(t *testing.T) {
	t.Parallel()
	r := open(t, options{times: proxy.Times{First: time.Second, Drain: 4 * time.Second}}, echo)
	r.Apply(listing(1, false, nil, nil))
	idle, busy := r.call(nil), r.call(nil)
	idle.says(t, "hello")
	busy.says(t, "hello")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.end()
	}()
	eventually(t, "nobody new comes in", func() bool {
		c, err := r.try(nil, "127.0.0.1")
		return err != nil || c.exchange("x") != nil
	})
	busy.says(t, "the rest")
	if err := busy.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(busy); err != nil || len(b) != 0 || busy.raw.ended.Load() {
		t.Errorf("%q, %v", b, err)
	}
	<-ended
	if !idle.wasCut() {
		t.Error("the idle one got an end in order")
	}
	eventually(t, "no stream is left", func() bool { return r.dial.Stats().Streams == 0 })
}

func TestAPanicCutsItsAgentOnly(t *testing.T) {
	r := open(t, options{}, echo)
	r.Apply(listing(1, false, nil, nil))
	good := r.call(nil)
	good.says(t, "hello")
	r.panics.Store(true)
	if bad := r.call(nil); bad.exchange("hello") == nil || !bad.wasCut() {
		t.Error("the panicking one was served")
	}
	r.panics.Store(false)
	good.says(t, "hello")
	r.call(nil).says(t, "hello")
	eventually(t, "it is logged", func() bool { return strings.Contains(r.logs.String(), "boom") })
	eventually(t, "it is let go", func() bool { return r.Counts().Agents == 2 })
}
