package sensors

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/audit"
	"vedette/internal/budget"
	"vedette/internal/door"
	"vedette/internal/machine"
	"vedette/pki"
	"vedette/proto/link"
)

const (
	// introductionTime is what a Sensor has from its first lane to its
	// Introduction.
	introductionTime = 10 * time.Second
	// policyTime is how long an act waits until Sensors say that its policy is in
	// force.
	policyTime = 5 * time.Second
	// stuckTime is what a Sensor has to read another message, or to answer a
	// policy: half a minute, and what a control stream holds unread (256 KiB) at
	// 64 kbit/s.
	stuckTime = time.Minute
	// askEvery is how often a request is tried again that could not be made.
	askEvery = 2 * time.Second
	// drainTime is what streams have to finish in when the node stops.
	drainTime = 5 * time.Second
	// checkpointEvery is how often contacts are written.
	checkpointEvery = time.Minute
)

// Bounds on those whom nobody accepted yet.
const (
	maxPending           = 100
	maxPendingPerAddress = 8
	// Lanes of identities that are not known, from handshake to Introduction.
	maxNewcomers           = 256
	maxNewcomersPerAddress = 8
)

// Door is the gateway as this room sees it.
type Door interface {
	Trust() *trust.Snapshot
	Change(ctx context.Context, scope trust.Scope, commit func() (*trust.Snapshot, error)) (trust.Changed, error)
	// Carry makes a caller of a stream; cut is the code for one that lost its
	// right.
	Carry(stream *link.Stream, caller trust.Caller, cut link.Code)
	// Carried counts the connections that each Sensor carries.
	Carried() map[pki.Fingerprint]int
}

// Config is what a Room works with.
type Config struct {
	Door  Door
	Store *store.Store
	Trail *audit.Trail
	// StoreID names the state file, whose revisions order policies.
	StoreID string
	// Server is where this daemon runs.
	Server machine.Digest
	// UnsafeSameServer lets a Sensor on this very server be a proxy.
	UnsafeSameServer bool
	// Reflector answers measuring packets; nil: nobody does.
	Reflector Reflector
	Logger    *slog.Logger
	Now       func() time.Time
}

// Room keeps the links of Sensors.
type Room struct {
	c         Config
	log       *slog.Logger // for what strangers cause
	limited   *budget.Limited
	acceptor  *link.Acceptor
	came      chan *door.Conn
	closed    chan struct{} // nobody reads came any more
	newcomers *budget.Conns
	writing   budget.Gate                   // requests and contacts are written one after the other
	again     *budget.Rate[pki.Fingerprint] // requests of rejected Sensors
	drawn     *budget.Rate[pki.Fingerprint] // requests that are written at once
	yielding  *budget.Rate[struct{}]        // requests that make room for others
	assessed  *budget.Rate[pki.Fingerprint] // lines about a link's quality
	running   sync.WaitGroup                // lanes and links
	policies  policies
	tests     tests
	unkept    bool // the last histories could not be written, and that was said; of keepHistories

	mu      sync.Mutex // guards what follows; locked before a linked's
	sensors map[pki.Fingerprint]*sensor
	links   map[*link.Link]*linked
}

// New makes a Room and reads what is remembered of Sensors.
func New(ctx context.Context, c Config) (*Room, error) {
	limited := budget.NewLimited(c.Logger.Handler(), time.Second, c.Now, "remote", "sensor", "code")
	r := &Room{
		c: c, log: slog.New(limited), limited: limited,
		came: make(chan *door.Conn), closed: make(chan struct{}),
		newcomers: budget.NewConns(budget.Limits{Strangers: maxNewcomers, PerAddress: maxNewcomersPerAddress}),
		writing:   budget.NewGate(1),
		again:     budget.NewRate[pki.Fingerprint](time.Minute, 1, 1024, c.Now),
		drawn:     budget.NewRate[pki.Fingerprint](time.Minute, 3, 1024, c.Now),
		yielding:  budget.NewRate[struct{}](10*time.Second, 20, 1, c.Now),
		assessed:  budget.NewRate[pki.Fingerprint](time.Minute, 5, 1024, c.Now),
		sensors:   make(map[pki.Fingerprint]*sensor),
		links:     make(map[*link.Link]*linked),
	}
	r.acceptor = link.NewAccepting(link.Config{MaxStreams: maxStreams}, r.duplicate)
	return r, r.load(ctx)
}

// Take gives a connection that negotiated link.ALPN to the room, which owns it
// from then on.
func (r *Room) Take(c *door.Conn) {
	select {
	case r.came <- c:
	case <-r.closed:
		c.Cut()
	}
}

// Run keeps links until ctx ends, then lets streams finish for a while. All
// goroutines of the room have ended when it returns.
func (r *Room) Run(ctx context.Context) error {
	// Links outlive ctx by the drain.
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	r.running.Go(func() { r.keep(life) })
	r.running.Go(func() { r.limited.Report(life, checkpointEvery, r.c.Logger) })
	for ctx.Err() == nil {
		select {
		case c := <-r.came:
			r.running.Go(func() { r.join(life, c) })
		case <-ctx.Done():
		}
	}
	close(r.closed)
	r.drain()
	end(errStopping)
	r.running.Wait()
	r.checkpoint(context.WithoutCancel(ctx))
	r.keepHistories(context.WithoutCancel(ctx))
	return nil
}

// keep writes contacts and histories now and then.
func (r *Room) keep(ctx context.Context) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	histories := time.NewTicker(historyEvery)
	defer histories.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			r.checkpoint(ctx)
		case <-histories.C:
			r.keepHistories(ctx)
		case <-ctx.Done():
		}
	}
}

// drain asks every Sensor to open nothing more, and waits until what it
// carries has ended or drainTime has passed.
func (r *Room) drain() {
	var leaving sync.WaitGroup
	for _, p := range r.live() {
		leaving.Go(p.leave)
	}
	leaving.Wait()
	deadline := time.NewTimer(drainTime)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for r.busy() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return
		}
	}
}

// busy reports whether a stream is still served, or an answer or the
// announcement still on its way.
func (r *Room) busy() bool {
	snapshot, carried := r.c.Door.Trust(), r.c.Door.Carried()
	for _, p := range r.live() {
		if snapshot.Sensor(p.id) != trust.Accepted || p.link.Err() != nil {
			continue
		}
		if waits := p.link.Stats(); carried[p.id] > 0 || waits.Retained > 0 || waits.Unheard > 0 {
			return true
		}
	}
	return false
}

// live returns the links that are served now.
func (r *Room) live() []*linked {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*linked, 0, len(r.links))
	for _, p := range r.links {
		out = append(out, p)
	}
	return out
}

// CutAll ends every link, for the server certificate that Sensors pin is
// another one now. It returns how many there were.
func (r *Room) CutAll() int {
	all := r.live()
	for _, p := range all {
		p.end(errReplaced)
	}
	return len(all)
}
