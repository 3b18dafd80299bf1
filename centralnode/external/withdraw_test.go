package external_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// orderly holds what was taken against the decisions: of a system nothing after
// its last one.
func (w *world) orderly() (n int) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.taken {
		if d, ok := w.decided[x.who]; ok && w.gateway.Trust().System(x.who) != trust.Accepted && (x.order > d.order || x.revision >= d.revision) {
			w.t.Errorf("taken of %s under revision %d, as number %d; withdrawn at revision %d, number %d", x.who.ID, x.revision, x.order, d.revision, d.order)
		}
	}
	return len(w.taken)
}

func TestWithdrawalCutsARunningUpload(t *testing.T) {
	for name, decision := range map[string]trust.Request{"rejected": trust.Rejected, "deleted": trust.Unknown} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			gone, stays := pkitest.Agent(t, "gone"), pkitest.Agent(t, "stays")
			who := w.accepted("gone", gone, acts.OtherSystem)
			w.accepted("stays", stays, acts.OtherSystem)
			const uploads = 10
			var arrived sync.WaitGroup
			arrived.Add(2 * uploads)
			w.arrived = arrived.Done
			var ended sync.WaitGroup
			pipes := make([]*io.PipeWriter, 0, 2*uploads)
			var answered, kept atomic.Int64
			for range uploads {
				for _, x := range []struct {
					pair *pki.Pair
					n    *atomic.Int64
				}{{gone, &answered}, {stays, &kept}} {
					reader, writer := io.Pipe()
					pipes = append(pipes, writer)
					c := w.client(x.pair)
					ended.Go(func() {
						p, body, err := w.do(c, http.MethodPost, scans(x.pair.Leaf().Subject.CommonName), reader)
						if err == nil && p.Code == "" && string(body) == "OK" {
							x.n.Add(1)
						}
						_ = reader.Close()
					})
					if _, err := writer.Write(bytes.Repeat([]byte("x"), 8<<10)); err != nil {
						t.Fatal(err)
					}
				}
			}
			arrived.Wait()
			w.mu.Lock()
			w.arrived = nil
			w.mu.Unlock()
			done := w.decide(who, decision, "")
			if done.Cut != uploads || w.gateway.ConnectedSystem(who) != 0 {
				t.Errorf("%d connections were cut and %d are left, want %d and 0", done.Cut, w.gateway.ConnectedSystem(who), uploads)
			}
			for _, p := range pipes { // to the end: those that were cut have nowhere to write
				_, _ = p.Write([]byte("x"))
				_ = p.Close()
			}
			ended.Wait()
			if answered.Load() != 0 || kept.Load() != uploads {
				t.Errorf("%d uploads of the withdrawn system were answered, and %d of the other", answered.Load(), kept.Load())
			}
			if n := w.orderly(); n != uploads {
				t.Errorf("%d were taken, want the %d of the other system", n, uploads)
			}
		})
	}
}

func TestWithdrawalCutsIdleConnectionsAtOnce(t *testing.T) {
	w := open(t)
	gone, stays := pkitest.Agent(t, "gone"), pkitest.Agent(t, "stays")
	who, other := w.accepted("gone", gone, acts.OtherSystem), w.accepted("stays", stays, acts.OtherSystem)
	const each = 20
	var clients [2][]*http.Client
	for i, p := range []*pki.Pair{gone, stays} {
		for range each {
			c := w.client(p)
			if p := w.check(c, []string{"gone", "stays"}[i]); p.Code != "" {
				t.Fatal(p)
			}
			clients[i] = append(clients[i], c)
		}
	}
	if n := w.room.Look(who).Connections; n != each {
		t.Fatalf("%d connections are kept", n)
	}
	done := w.decide(who, trust.Rejected, "")
	if done.Cut != each || w.room.Look(who).Connections != 0 || w.room.Look(other).Connections != each {
		t.Fatalf("%d cut, %d left, %d of the other", done.Cut, w.room.Look(who).Connections, w.room.Look(other).Connections)
	}
	for _, c := range clients[0] {
		if p := w.check(c, "gone"); p.Code != problem.Rejected {
			t.Fatalf("on a new connection: %+v", p)
		}
	}
	for _, c := range clients[1] {
		if reused, code := w.again(c, "stays"); !reused || code != "" {
			t.Fatalf("the other's connection was kept: %v, it reads %q", reused, code)
		}
	}
}

// again makes the check and says whether the connection was the one of before.
func (w *world) again(c *http.Client, id string) (reused bool, code problem.Code) {
	w.t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, w.url(connection(id)), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := c.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); ok {
		return reused, p.Code
	}
	_, _ = io.Copy(io.Discard, r.Body)
	return reused, ""
}

func TestTwoIDsShareAConnectionAndEitherWithdrawalCutsIt(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "two")
	one, two := w.accepted("one", pair, acts.OtherSystem), w.accepted("two", pair, acts.MailSensor)
	c := w.client(pair)
	for i, id := range []string{"one", "two", "one"} {
		if reused, code := w.again(c, id); reused != (i > 0) || code != "" {
			t.Fatalf("call %d: reused %v, code %q", i, reused, code)
		}
	}
	if w.gateway.ConnectedSystem(one) != 1 || w.gateway.ConnectedSystem(two) != 1 {
		t.Fatal("the connection does not count for both")
	}
	// A third ID over the same connection is a stranger's call, which ends it.
	if reused, code := w.again(c, "three"); !reused || code != problem.Pending {
		t.Fatalf("an unknown ID over a known connection: reused %v, code %q", reused, code)
	}
	for _, id := range []string{"one", "two"} {
		if _, code := w.again(c, id); code != "" {
			t.Fatal(code)
		}
	}
	if done := w.decide(two, trust.Rejected, ""); done.Cut != 1 {
		t.Fatalf("%d were cut", done.Cut)
	}
	if reused, code := w.again(c, "one"); reused || code != "" {
		t.Errorf("the system that stays: reused %v, code %q", reused, code)
	}
	if _, code := w.again(w.client(pair), "two"); code != problem.Rejected {
		t.Errorf("the one that was withdrawn reads %q", code)
	}
}

func TestConnectionThatAlsoUsedTheAgentDoorIsCutWhenEitherCloses(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "both")
	who := w.accepted("both", pair, acts.OtherSystem)
	mixed, agent := w.client(pair), w.client(pair)
	use := func(c *http.Client, path string) {
		t.Helper()
		if p, _, err := w.do(c, http.MethodGet, path, nil); err != nil || p.Code != "" {
			t.Fatalf("%s: %+v, %v", path, p, err)
		}
	}
	// Validation is off: the agent door lets everybody in.
	use(mixed, agentPath)
	use(mixed, connection("both"))
	use(agent, agentPath)
	if done := w.decide(who, trust.Rejected, ""); done.Cut != 1 {
		t.Fatalf("%d connections were cut, want the one that was used as the system", done.Cut)
	}
	use(mixed, agentPath)
	w.decide(who, trust.Accepted, acts.OtherSystem)
	use(mixed, connection("both"))
	done, err := w.gateway.Change(t.Context(), trust.Scope{Everybody: true}, func() (*trust.Snapshot, error) { return w.gateway.Trust().WithValidation(true), nil })
	if err != nil || done.Cut != 2 {
		t.Fatalf("validation cuts %d, %v; want both that were used as agents", done.Cut, err)
	}
	use(w.client(pair), connection("both"))
}

func TestNothingIsTakenAfterTheRevisionOfAWithdrawal(t *testing.T) {
	const systems, writers = 6, 3
	w := open(t)
	pairs, who := make([]*pki.Pair, systems), make([]trust.System, systems)
	for i := range pairs {
		pairs[i] = pkitest.Agent(t, "x")
		who[i] = w.accepted("gw-"+string(rune('a'+i)), pairs[i], acts.OtherSystem)
	}
	stop := make(chan struct{})
	var submitting sync.WaitGroup
	var taken atomic.Int64
	for i, p := range pairs {
		for range writers {
			c := w.client(p)
			submitting.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if code, err := w.submit(c, who[i].ID); err == nil && code == "" {
							taken.Add(1)
						}
					}
				}
			})
		}
	}
	for i, x := range who[:systems-1] {
		before := taken.Load()
		eventually(t, "load before the withdrawal", func() bool { return taken.Load() > before+40 })
		w.decide(x, []trust.Request{trust.Rejected, trust.Unknown}[i%2], "")
	}
	last := taken.Load()
	eventually(t, "load after the last withdrawal", func() bool { return taken.Load() > last+40 })
	close(stop)
	submitting.Wait()
	if n := w.orderly(); n < 200 || int64(n) < taken.Load() {
		t.Fatalf("%d taken, %d answered: this test looked at too little", n, taken.Load())
	}
	if look := w.room.Look(who[systems-1]); look.Submitted == 0 || look.Calls < look.Submitted {
		t.Errorf("counted %+v", look)
	}
}

func TestWithdrawalWaitsForWhatIsBeingTaken(t *testing.T) {
	w := open(t)
	pair, other := pkitest.Agent(t, "x"), pkitest.Agent(t, "y")
	who := w.accepted("x", pair, acts.OtherSystem)
	w.accepted("y", other, acts.OtherSystem)
	taking, finish := make(chan struct{}), make(chan struct{})
	w.slow = sync.OnceFunc(func() { close(taking); <-finish })
	answered := make(chan error, 1)
	go func() { _, err := w.submit(w.client(pair), "x"); answered <- err }()
	<-taking
	decided := make(chan trust.Changed, 1)
	go func() { decided <- w.decide(who, trust.Rejected, "") }()
	w.mu.Lock()
	w.slow = nil
	w.mu.Unlock()
	// Somebody else submits meanwhile: the hold concerns one system only.
	if code, err := w.submit(w.client(other), "y"); err != nil || code != "" {
		t.Fatal(code, err)
	}
	select {
	case <-decided:
		t.Fatal("the withdrawal was done while an object was being taken")
	default:
	}
	close(finish)
	if done := <-decided; done.Unfinished != 0 {
		t.Errorf("%+v", done)
	}
	<-answered // taken before the revision, whether or not the answer arrived
	if n := w.orderly(); n != 2 {
		t.Errorf("%d taken, want 2", n)
	}
}

func TestObjectThatArrivedWholeIsNotTakenAfterTheWithdrawal(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "x")
	who := w.accepted("x", pair, acts.OtherSystem)
	begun, goOn := make(chan struct{}), make(chan struct{})
	w.whole = func() { close(begun); <-goOn }
	ended := make(chan error, 1)
	go func() {
		code, err := w.submit(w.client(pair), "x")
		if err == nil {
			err = errors.New("answered with code " + string(code))
		}
		ended <- err
	}()
	<-begun
	if done := w.decide(who, trust.Unknown, ""); done.Cut != 1 {
		t.Errorf("%+v", done)
	}
	// All of it has arrived: what stops it is the admission.
	close(goOn)
	if err := <-ended; strings.HasPrefix(err.Error(), "answered") {
		t.Error(err)
	}
	eventually(t, "the handler is told", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.cut == 1 })
	if n := w.orderly(); n != 0 {
		t.Errorf("%d were taken", n)
	}
}

// TestRefusalReachesACallerWhoIsStillUploading is about callers that send large
// bodies without waiting for an answer.
func TestRefusalReachesACallerWhoIsStillUploading(t *testing.T) {
	w := open(t)
	pair := pkitest.Agent(t, "x")
	heard := 0
	for range 5 {
		p, _, err := w.do(w.client(pair), http.MethodPost, scans("x"), bytes.NewReader(make([]byte, 20<<20)))
		switch {
		case err == nil && p.Code == problem.Pending:
			heard++
		case err == nil, errors.Is(err, context.DeadlineExceeded):
			t.Errorf("%+v, %v", p, err)
		}
	}
	if heard < 3 {
		t.Errorf("%d of 5 heard why", heard)
	}
}
