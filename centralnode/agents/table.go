package agents

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	"vedette/internal/budget"
	agentv1 "vedette/proto/agent/v1"
)

// Host is what the Central Node knows of one agent's host. Its texts came from
// outside.
type Host struct {
	store.Host
	// Connection is the last one that the host was heard on; 0: none since start.
	Connection uint64
	// Conflict is a sentence when two installations use one agent id.
	Conflict string
}

// HostStore keeps hosts durably.
type HostStore interface {
	Hosts(ctx context.Context) ([]store.Host, error)
	SaveHosts(ctx context.Context, hosts []store.Host) error
}

// maxHosts bounds the table: without validation anybody may invent agent ids.
const maxHosts = 50_000

// An installation takes a new queue id when its state is new or was copied.
const (
	queueBurst  = 32
	queuePeriod = 10 * time.Minute // until one more
)

// flushEvery is how often contacts are written down. A new host is written
// before its first Sync is answered.
const flushEvery = 15 * time.Second

// flushBatch bounds one transaction, so that an act waits for no more than one.
const flushBatch = 1000

type entry struct {
	Host
	dirty bool
	// queue and before are the queue ids of the last two installations that
	// called; see claim.
	queue, before string
}

// Table is the table of hosts.
type Table struct {
	store HostStore
	log   *slog.Logger
	now   func() time.Time

	mu    sync.Mutex // guards what follows
	hosts map[string]*entry
	// order is all hosts by name and then id, nil when it has to be made anew.
	order  []*entry
	queues *budget.Rate[string] // new queue ids, by agent id
	// flushed is closed when the next flush has ended; wanted wakes the flusher.
	flushed chan struct{}
	wanted  chan struct{}
	// lastErr is the outcome of the last flush.
	lastErr error
}

// NewTable loads the hosts that were seen before.
func NewTable(ctx context.Context, hosts HostStore, log *slog.Logger, now func() time.Time) (*Table, error) {
	known, err := hosts.Hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("load hosts: %w", err)
	}
	t := &Table{store: hosts, log: log, now: now, hosts: make(map[string]*entry, len(known)), queues: budget.NewRate[string](queuePeriod, queueBurst, maxHosts, now), flushed: make(chan struct{}), wanted: make(chan struct{}, 1)}
	for _, h := range known {
		t.hosts[h.AgentID] = &entry{Host: Host{Host: h}}
	}
	return t, nil
}

// Run writes contacts down until ctx ends, and once more then.
func (t *Table) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-t.wanted:
		case <-ctx.Done():
			// The context that ended cannot write any more.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushEvery)
			defer cancel()
			t.flush(last)
			return nil
		}
		t.flush(ctx)
	}
}

// flush writes all dirty hosts. What could not be written stays dirty.
func (t *Table) flush(ctx context.Context) {
	t.mu.Lock()
	var dirty []store.Host
	for _, e := range t.hosts {
		if e.dirty {
			dirty = append(dirty, e.Host.Host)
			e.dirty = false
		}
	}
	done := t.flushed
	t.flushed = make(chan struct{})
	t.mu.Unlock()

	var err error
	for batch := range slices.Chunk(dirty, flushBatch) {
		if err == nil {
			err = t.store.SaveHosts(ctx, batch)
		}
		if err != nil {
			t.mu.Lock()
			for _, h := range batch {
				t.hosts[h.AgentID].dirty = true
			}
			t.mu.Unlock()
		}
	}
	if err != nil {
		t.log.Error("write hosts to the state file", "error", err)
	}
	t.mu.Lock()
	t.lastErr = err
	t.mu.Unlock()
	close(done)
}

// sync takes a Sync call over. It returns after a host that was not known is
// durable.
func (t *Table) sync(ctx context.Context, c trust.Caller, r *agentv1.SyncRequest) error {
	t.mu.Lock()
	e, err := t.entry(r.GetAgentId())
	if err != nil {
		t.mu.Unlock()
		return err
	}
	fresh := e.First.IsZero()
	e.contact(c, t.now())
	name := e.Name
	e.describe(r.GetHost())
	if e.Name != name {
		t.order = nil
	}
	e.count(r.GetState())
	if clock := r.GetState().GetClock(); clock.IsValid() {
		e.ClockSkew = clock.AsTime().Sub(e.Last).Round(time.Second)
	}
	if err := t.claim(e, r.GetQueueId()); err != nil {
		t.mu.Unlock()
		return err
	}
	wait := t.flushed
	t.mu.Unlock()
	if !fresh {
		return nil
	}
	select {
	case t.wanted <- struct{}{}:
	default: // a flush is due anyway
	}
	select {
	case <-wait:
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.lastErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// seen notes a package of an agent and returns its host's name.
func (t *Table) seen(c trust.Caller, agentID, queueID string) (name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, err := t.entry(agentID)
	if err != nil {
		return "", err
	}
	e.contact(c, t.now())
	return e.Name, t.claim(e, queueID)
}

// entry needs mu.
func (t *Table) entry(agentID string) (*entry, error) {
	e := t.hosts[agentID]
	if e == nil {
		if len(t.hosts) >= maxHosts {
			return nil, errTooManyHosts
		}
		e = &entry{Host: Host{Host: store.Host{AgentID: agentID}}}
		t.hosts[agentID], t.order = e, nil
	}
	return e, nil
}

func (h *entry) contact(c trust.Caller, now time.Time) {
	if h.First.IsZero() {
		h.First = now
	}
	h.Last, h.Way, h.Remote, h.Leaf, h.dirty = now, c.Way, c.Remote.Addr().String(), c.Leaf, true
	h.Connection = c.Connection
}

// claim notices two installations under one agent id. An installation changes
// its queue id now and then and never goes back to an earlier one; two that
// share an id alternate. New queue ids are rationed, because what was taken of
// each is remembered for ever. It needs mu.
func (t *Table) claim(h *entry, queueID string) error {
	if queueID != h.queue && queueID != h.before {
		if _, ok := t.queues.Allow(h.AgentID); !ok {
			return errTooManyQueues
		}
	}
	switch queueID {
	case h.queue:
	case h.before:
		h.Conflict = "two installations use this agent id in turn, probably a copied disk: remove the agent's state folder on one of them"
		h.queue, h.before = queueID, h.queue
	default:
		h.queue, h.before = queueID, h.queue
	}
	return nil
}

// Hosts returns the table as it is now, by name and then id. Addresses and
// Dropped are shared: whoever hears from a host puts new ones in their place and
// nobody changes them.
func (t *Table) Hosts() []Host {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.order == nil {
		t.order = slices.SortedFunc(maps.Values(t.hosts), func(a, b *entry) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.AgentID, b.AgentID))
		})
	}
	out := make([]Host, len(t.order))
	for i, e := range t.order {
		out[i] = e.Host
	}
	return out
}

// Host returns one host. Addresses and Dropped are shared as those of Hosts are.
func (t *Table) Host(agentID string) (Host, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.hosts[agentID]
	if e == nil {
		return Host{}, false
	}
	return e.Host, true
}

// Len returns how many hosts are known.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.hosts)
}
