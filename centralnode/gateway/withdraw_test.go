package gateway_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"vedette/centralnode/gateway"
	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

func TestWithdrawalCutsItsConnectionsAndNoOthers(t *testing.T) {
	gone, stays := pkitest.Agent(t, "gone"), pkitest.Agent(t, "stays")
	d := open(t, gateway.Limits{StrangersPerAddress: 2000}, gone, stays)
	const each = 200
	connect := func(p *pki.Pair) []*http.Client {
		clients := make([]*http.Client, each)
		var all sync.WaitGroup
		for i := range clients {
			clients[i] = d.client(p)
			all.Go(func() { d.mustPost(clients[i], "") })
		}
		all.Wait()
		return clients
	}
	cut, kept := connect(gone), connect(stays)
	if n := d.Connected(gone.Fingerprint()); n != each {
		t.Fatalf("%d connections use the certificate, want %d", n, each)
	}
	done := d.withdraw(gone.Fingerprint())
	if done.Cut != each || d.Connected(gone.Fingerprint()) != 0 {
		t.Fatalf("%d cut, %d left; want %d and 0", done.Cut, d.Connected(gone.Fingerprint()), each)
	}
	if n := d.Connected(stays.Fingerprint()); n != each {
		t.Fatalf("%d of the others are left, want %d", n, each)
	}
	for _, c := range cut[:20] {
		// The old connection is gone; net/http asks again on a new one, which says why.
		if code, err := d.post(c); err == nil && code != problem.Withdrawn {
			t.Fatalf("answer %q after the withdrawal", code)
		}
	}
	for _, c := range kept {
		d.mustPost(c, "")
	}
	d.check()
}

func TestNothingIsTakenAfterTheRevisionOfAWithdrawal(t *testing.T) {
	const agents, writers = 8, 4
	pairs := make([]*pki.Pair, agents)
	for i := range pairs {
		pairs[i] = pkitest.Agent(t, "agent")
	}
	d := open(t, gateway.Limits{}, pairs...)
	stop := make(chan struct{})
	var all sync.WaitGroup
	var posted atomic.Int64
	for _, p := range pairs {
		for range writers {
			c := d.client(p)
			all.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if _, err := d.post(c); err == nil {
							posted.Add(1)
						}
					}
				}
			})
		}
	}
	for _, p := range pairs[:agents-1] {
		before := posted.Load()
		eventually(t, "load before the withdrawal", func() bool { return posted.Load() > before+50 })
		d.withdraw(p.Fingerprint())
	}
	last := posted.Load()
	eventually(t, "load after the last withdrawal", func() bool { return posted.Load() > last+20 })
	close(stop)
	all.Wait()
	if n := d.check(); n < 300 {
		t.Fatalf("only %d were taken: this test looked at too little", n)
	}
}

func TestWithdrawalWaitsForWhatIsBeingTaken(t *testing.T) {
	agent := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{}, agent)
	taking, finish := make(chan struct{}), make(chan struct{})
	d.slow = func(pki.Fingerprint) { close(taking); <-finish }
	answered := make(chan error, 1)
	go func() { _, err := d.post(d.client(agent)); answered <- err }()
	<-taking
	committed := make(chan struct{})
	changed := make(chan trust.Changed, 1)
	go func() {
		done, err := d.Change(context.Background(), trust.Scope{Leaves: []pki.Fingerprint{agent.Fingerprint()}}, func() (*trust.Snapshot, error) {
			close(committed)
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.listed, agent.Fingerprint())
			d.revision++
			return d.snapshot(), nil
		})
		if err != nil {
			t.Error(err)
		}
		changed <- done
	}()
	other := pkitest.Agent(t, "other")
	// Somebody else is judged meanwhile: the hold concerns one leaf only.
	d.mustPost(d.client(other), problem.CertificateUnknown)
	select {
	case <-committed:
		t.Fatal("the change was committed while a package was being taken")
	default:
	}
	close(finish)
	<-committed
	if done := <-changed; done.Unfinished != 0 || done.Cut > 1 {
		t.Fatalf("change: %+v", done)
	}
	<-answered // taken before the revision, whether or not the answer arrived
	d.mu.Lock()
	d.slow = nil
	d.mu.Unlock()
	if n := d.check(); n != 1 {
		t.Fatalf("%d taken, want 1", n)
	}
}

func TestFailedCommitChangesNothing(t *testing.T) {
	agent := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{}, agent)
	c := d.client(agent)
	d.mustPost(c, "")
	_, err := d.Change(context.Background(), trust.Scope{Everybody: true}, func() (*trust.Snapshot, error) { return nil, context.DeadlineExceeded })
	if err == nil {
		t.Fatal("the failed commit was reported as done")
	}
	d.mustPost(c, "")
	if n := d.Connected(agent.Fingerprint()); n != 1 {
		t.Fatalf("%d connections, want the one that was there", n)
	}
}

func TestTogglingValidationUnderLoadIsRightAtEveryRevision(t *testing.T) {
	listed, unlisted := pkitest.Agent(t, "listed"), pkitest.Agent(t, "unlisted")
	d := open(t, gateway.Limits{}, listed)
	stop := make(chan struct{})
	var all sync.WaitGroup
	var taken, refused atomic.Int64
	for i, p := range []*pki.Pair{listed, listed, unlisted, unlisted, nil} {
		c := d.client(p)
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch code, err := d.post(c); {
				case err != nil: // cut by the switch
					if i < 2 {
						t.Errorf("a listed agent was cut: %v", err)
					}
				case code == "":
					taken.Add(1)
				case i < 2 || p == nil && code != problem.NoCertificate || p != nil && code != problem.CertificateUnknown:
					t.Errorf("agent %d was refused with %q", i, code)
				default:
					refused.Add(1)
				}
			}
		})
	}
	for i := range 200 {
		before := taken.Load()
		eventually(t, "load between two switches", func() bool { return taken.Load() > before+2 })
		d.validate(i%2 == 1)
	}
	close(stop)
	all.Wait()
	if n := d.check(); n < 400 || refused.Load() == 0 {
		t.Fatalf("%d taken, %d refused: this test looked at too little", n, refused.Load())
	}
}

func TestWithdrawnAgentDoesNotComeBackOnACachedSession(t *testing.T) {
	t.Parallel()
	agent := pkitest.Agent(t, "agent")
	// Those who are refused are strangers of one address, and on a busy machine
	// many are still leaving: none may have to make room.
	d := open(t, gateway.Limits{StrangersPerAddress: 4096}, agent)
	c := d.client(agent)
	d.mustPost(c, "")
	// The sessions of the time when the agent was let in serve every reconnect.
	sessions := c.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache
	d.withdraw(agent.Fingerprint())
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	const workers = 4
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range n / workers {
				c := d.client(agent)
				c.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = sessions
				code, err := d.post(c)
				c.CloseIdleConnections()
				if err != nil || code != problem.Withdrawn {
					t.Errorf("answer %q, %v; want %q", code, err, problem.Withdrawn)
					return
				}
			}
		})
	}
	all.Wait()
	d.check()
}
