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
	// policyTime is how long a Sensor may take to read a message, or to say that
	// a policy is in force.
	policyTime = 5 * time.Second
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
	Through(sensor pki.Fingerprint) int
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
	Logger           *slog.Logger
	Now              func() time.Time
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
	asking    budget.Gate                   // one request is written at a time
	again     *budget.Rate[pki.Fingerprint] // requests of rejected Sensors
	running   sync.WaitGroup                // lanes and links
	policies  policies

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
		asking:    budget.NewGate(1),
		again:     budget.NewRate[pki.Fingerprint](time.Minute, 1, 1024, c.Now),
		sensors:   make(map[pki.Fingerprint]*sensor),
		links:     make(map[*link.Link]*linked),
	}
	r.acceptor = link.NewAccepting(link.Config{}, r.duplicate)
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
	if err := r.checkpoint(context.WithoutCancel(ctx)); err != nil {
		r.c.Logger.Warn("write contacts of Sensors", "error", err)
	}
	return nil
}

// keep writes contacts, and counts held back log lines, now and then.
func (r *Room) keep(ctx context.Context) {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			if err := r.checkpoint(ctx); err != nil {
				r.c.Logger.Warn("write contacts of Sensors", "error", err)
			}
		case <-ctx.Done():
		}
		if err := r.limited.Flush(context.WithoutCancel(ctx)); err != nil {
			r.c.Logger.Warn("count held back log lines", "error", err)
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

// busy reports whether a stream is still served, or an answer still on its way.
func (r *Room) busy() bool {
	snapshot := r.c.Door.Trust()
	for _, p := range r.live() {
		if snapshot.Sensor(p.id) == trust.Accepted && p.link.Err() == nil && (r.c.Door.Through(p.id) > 0 || p.link.Stats().Retained > 0) {
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
