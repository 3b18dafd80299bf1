package uplink

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"vedette/agent/queue"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
)

// Bounds on the sync period that a Central Node may ask for.
const (
	minSyncPeriod = time.Minute
	maxSyncPeriod = time.Hour
)

// maxRefusals is how often a Central Node must call a package malformed before
// its events are dropped: some minutes, with the pauses between, so that a
// server in disorder for a moment costs nothing.
const maxRefusals = 10

// Codes of states that are no faults.
const (
	CodeConnecting = "connecting"
	CodeConnected  = "connected"
)

// Queue is what an uplink needs of the agent's queue.
type Queue interface {
	Next() *queue.Package
	Forget(number uint64)
	Drop(number uint64, reason string)
	Renew()
	Changed() <-chan struct{}
}

// Options are what an uplink needs.
type Options struct {
	Servers    []string  // host:port, tried in this order
	Pins       *Pins     // nil talks to any server, whatever certificate it shows
	Client     *pki.Pair // nil: no client certificate
	Timeout    time.Duration
	SyncPeriod time.Duration
	Compress   bool
	Queue      Queue
	Request    func() *agentv1.SyncRequest // what each Sync says
	Log        *slog.Logger
	Changed    func() // called after the state changed; may be nil
	Backoff    Backoff
	Now        func() time.Time
}

// State is how the uplink stands.
type State struct {
	Code        string        `json:"code"`
	Text        string        `json:"text"`
	Next        string        `json:"next_step,omitempty"`
	Server      string        `json:"server,omitempty"`
	Since       time.Time     `json:"since"`
	LastContact time.Time     `json:"last_contact,omitzero"`
	ClockOffset time.Duration `json:"clock_offset_ns"` // the server's clock less ours, at the last Sync
	Sent        uint64        `json:"packages_sent"`
}

// Uplink delivers the queue to one of the servers.
type Uplink struct {
	o    Options
	zstd *Compression

	mu       sync.Mutex
	state    State
	delivery Delivery

	// Of Run alone.
	servers   *servers
	client    *Client
	nextSync  time.Time // monotonic
	refused   uint64    // number of the package that was called malformed last
	refusals  int       // how often, in a row
	renewed   time.Time
	askPeriod time.Duration     // of the Central Node; 0: it leaves the choice
	told      map[string]string // the fault of each server that the log has, since it last worked
}

// New makes an uplink; there must be a server.
func New(o Options) (*Uplink, error) {
	if len(o.Servers) == 0 {
		return nil, errors.New("uplink without a server")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Backoff = o.Backoff.withDefaults()
	u := &Uplink{o: o, servers: newServers(o.Servers), told: make(map[string]string)}
	if o.Compress {
		u.zstd = NewCompression()
	}
	u.state = State{Code: CodeConnecting, Text: "connecting to server " + o.Servers[0], Server: o.Servers[0], Since: o.Now()}
	return u, nil
}

// Delivery is what an uplink has delivered.
type Delivery struct {
	Packages uint64
	Waited   time.Duration // from sending them to the word that they are durable
	Last     time.Duration // the same of the last one
}

// Delivery is safe to call at any time.
func (u *Uplink) Delivery() Delivery {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.delivery
}

// State is safe to call at any time.
func (u *Uplink) State() State {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}

// Run delivers until the context ends; then it returns nil.
func (u *Uplink) Run(ctx context.Context) error {
	if u.o.Pins == nil {
		u.o.Log.Warn("UNPINNED: use_pinned_certificate is off, so whoever answers is taken for the server; turn it on and add the server certificate")
	}
	defer func() {
		if u.client != nil {
			u.client.Close()
		}
	}()
	u.nextSync = time.Now()
	for ctx.Err() == nil {
		fault := u.step(ctx)
		if fault == nil || ctx.Err() != nil {
			continue
		}
		u.fail(ctx, fault)
	}
	return nil
}

// step does the one thing that is due: sync, send, or wait.
func (u *Uplink) step(ctx context.Context) *Fault {
	if u.client == nil {
		u.client = u.newClient(u.servers.current().address)
	}
	if time.Until(u.nextSync) <= 0 {
		return u.sync(ctx)
	}
	if p := u.o.Queue.Next(); p != nil {
		return u.send(ctx, p)
	}
	u.idle(ctx)
	return nil
}

func (u *Uplink) newClient(address string) *Client {
	var check pki.PinCheck = func(pki.Fingerprint) error { return nil }
	if u.o.Pins != nil {
		check = u.o.Pins.Check
	}
	return NewClient(ClientOptions{Address: address, Pins: check, Client: u.o.Client, Timeout: u.o.Timeout, Zstd: u.zstd})
}

func (u *Uplink) sync(ctx context.Context) *Fault {
	sent := u.o.Now()
	answer, err := u.client.Sync(ctx, u.o.Request())
	if err != nil {
		return Explain(u.servers.current().address, err)
	}
	u.askPeriod = 0
	if d := answer.GetSettings().GetSyncPeriod(); d.IsValid() && d.AsDuration() > 0 {
		u.askPeriod = min(max(d.AsDuration(), minSyncPeriod), maxSyncPeriod)
	}
	period := u.o.SyncPeriod
	if u.askPeriod > 0 {
		period = u.askPeriod
	}
	u.nextSync = time.Now().Add(period - rand.N(period/10+1))
	if u.o.Pins != nil {
		changed, err := u.o.Pins.Announce(u.client.Met(), answer.GetNextPin())
		if err != nil {
			u.o.Log.Warn("announced server certificate not kept", "error", err)
		} else if changed {
			u.o.Log.Info("the server announced another certificate", "pins", u.o.Pins.List())
		}
	}
	var offset time.Duration
	if c := answer.GetClock(); c.IsValid() && c.AsTime().Unix() > 0 {
		now := u.o.Now()
		offset = c.AsTime().Sub(sent.Add(now.Sub(sent) / 2))
	}
	if u.refusals == 0 {
		u.servers.worked()
	}
	u.ok(func(s *State) { s.ClockOffset = offset })
	return nil
}

func (u *Uplink) send(ctx context.Context, p *queue.Package) *Fault {
	began := time.Now()
	answer, err := u.client.SendEvents(ctx, p.Request)
	took := time.Since(began)
	if err == nil && answer.GetDurableSeq() < p.Request.GetSeq() {
		err = errBadAnswer
	}
	if err == nil {
		u.refusals = 0
		u.servers.worked()
		u.ok(func(s *State) {
			s.Sent++
			u.delivery.Packages++
			u.delivery.Waited += took
			u.delivery.Last = took
		})
		u.o.Queue.Forget(p.Number)
		return nil
	}
	f := Explain(u.servers.current().address, err)
	switch {
	case f.Code == CodeConflict && (u.renewed.IsZero() || time.Since(u.renewed) > time.Minute):
		u.o.Log.Warn("the Central Node knows this queue from elsewhere, the queue gets a new identity")
		u.o.Queue.Renew()
		u.renewed = time.Now()
		return nil
	case f.Code == CodeMalformed && u.refused == p.Number && u.refusals >= maxRefusals-1:
		// Keeping it would hold up all that follow for ever.
		u.o.Log.Error("the Central Node refuses a package as malformed, its events are dropped", "events", len(p.Request.GetEvents()), "error", err)
		u.o.Queue.Drop(p.Number, queue.DroppedRefused)
		u.refusals = 0
		u.servers.worked()
		return nil
	case f.Code == CodeMalformed && u.refused == p.Number:
		u.refusals++
	case f.Code == CodeMalformed:
		u.refused, u.refusals = p.Number, 1
	}
	return f
}

// idle waits until something is due, queued, or the server ends the connection.
func (u *Uplink) idle(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, u.nextSync)
	defer cancel()
	closed := make(chan error, 1)
	client := u.client
	go func() { closed <- client.AwaitClose(ctx) }()
	select {
	case err := <-closed:
		if err == nil {
			// Whoever was cut asks why, but not all at the same moment.
			client.Close()
			u.nextSync = time.Now().Add(rand.N(u.o.Backoff.Cut))
		}
		return
	case <-u.o.Queue.Changed():
	}
	cancel()
	<-closed
}

func (u *Uplink) ok(f func(*State)) {
	clear(u.told)
	now, server := u.o.Now(), u.servers.current().address
	u.mu.Lock()
	changed := u.state.Code != CodeConnected || u.state.Server != server
	if changed {
		u.state.Code, u.state.Text, u.state.Next = CodeConnected, "connected to server "+server, ""
		u.state.Server, u.state.Since = server, now
	}
	u.state.LastContact = now
	f(&u.state)
	u.mu.Unlock()
	if changed {
		u.o.Log.Info("connected", "server", server, "certificate", u.client.Met())
	}
	u.tell()
}

func (u *Uplink) tell() {
	if u.o.Changed != nil {
		u.o.Changed()
	}
}

// fail notes a fault, turns to the next server, and waits when all were tried.
func (u *Uplink) fail(ctx context.Context, f *Fault) {
	server := u.servers.current().address
	u.mu.Lock()
	if u.state.Code != f.Code || u.state.Text != f.Text {
		u.state.Code, u.state.Text, u.state.Next = f.Code, f.Text, f.Next
		u.state.Server, u.state.Since = server, u.o.Now()
	}
	u.mu.Unlock()
	if u.told[server] != f.Text {
		u.told[server] = f.Text
		u.o.Log.Warn(f.Text, "code", f.Code, "next_step", f.Next, "error", f.Err)
		u.tell()
	}
	// The first word after a fault is a Sync: it tells the reason at once, even
	// where the connection was only cut.
	u.nextSync = time.Now()
	faults := u.servers.current().faults
	// A refusal would be the same at the next server, and who was cut asks the
	// same one for the reason.
	turn := len(u.o.Servers) > 1 && !f.Refused && f.Code != CodeMalformed && f.Code != CodeConflict && !(f.Code == CodeCut && faults == 0)
	if turn {
		u.client.Close()
		u.client = nil
	}
	// Behind all servers may be one Central Node: what it says counts for all.
	all := f.RetryAfter > 0 && !f.ThisSensor
	due := u.servers.failed(time.Now(), u.o.Backoff.Wait(faults, f), turn, all)
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
