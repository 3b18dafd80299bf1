package agent

import (
	"sync"
	"time"

	"vedette/agent/collect"
	"vedette/agent/policy"
	"vedette/agent/queue"
	agentv1 "vedette/proto/agent/v1"
)

const (
	noticeThrottled = "throttled"
	noticeFull      = "queue-full"

	// keepEvery is how often counters and reported starts are written.
	keepEvery = time.Minute
	// settleEvery is how often a disk that took nothing is tried again.
	settleEvery = 5 * time.Second
)

// backlog is how many full packages may wait for the disk before the collector
// has to: then the kernel holds the events, and counts what it loses.
const backlog = 8

// pipe filters events and makes packages. Events are taken on the collector's
// own goroutine: waking another one for each would cost more than the work. The
// pipeline goroutine only queues whole packages.
type pipe struct {
	a     *Agent
	due   *time.Timer   // runs while the batch is not empty
	ready chan struct{} // a full package waits

	mu       sync.Mutex
	room     *sync.Cond // full packages were taken
	ttl      *policy.TTL
	throttle policy.Throttle
	batch    queue.Batch
	full     [][]*agentv1.Event // oldest first
	events   events

	// Of the pipeline goroutine alone.
	kept     time.Time // when counters and TTL were written last
	lost     uint64    // events dropped for lack of room, as told so far
	lostTold time.Time
}

func newPipe(a *Agent) *pipe {
	ttl, err := policy.OpenTTL(a.config.path(ttlName))
	if err != nil {
		a.log.Warn("repeated starts may be reported once more", "error", err)
	}
	p := &pipe{a: a, ttl: ttl, due: time.NewTimer(time.Hour), ready: make(chan struct{}, 1), kept: time.Now()}
	p.due.Stop()
	p.room = sync.NewCond(&p.mu)
	return p
}

// run queues packages until ended is closed, and then what is left.
func (p *pipe) run(ended <-chan struct{}) {
	defer p.due.Stop()
	settle := time.NewTicker(settleEvery)
	defer settle.Stop()
	for {
		select {
		case <-ended:
			p.queue(true)
			p.keep()
			return
		case <-p.ready:
			p.queue(false)
		case <-p.due.C:
			p.queue(true)
		case <-settle.C:
			p.a.queue.Settle()
		}
	}
}

// take is called by the collector for each event.
func (p *pipe) take(e *agentv1.Event) {
	rules, now := p.a.policy.Load(), p.a.options.Now()
	if n := e.GetCollectorNotice(); n.GetCode() == collect.NoticeOverrun {
		p.a.counts.drop(collect.NoticeOverrun, n.GetCount())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events.add(e)
	for len(p.full) >= backlog {
		p.room.Wait()
	}
	s := e.GetProcessStart()
	if s != nil && rules.TTLEnabled && p.ttl.Repeated(s, now, rules.TTLPeriod) {
		p.a.counts.suppress()
		return
	}
	if rules.Throttling {
		ok, over := p.throttle.Allow(e, now, rules.EventsPerHour, rules.ExcessPercent)
		if over > 0 {
			p.add(collect.Notice(now, noticeThrottled, "events of low importance were not sent in the hour before", over))
		}
		if !ok {
			p.a.counts.drop(noticeThrottled, 1)
			return
		}
	}
	if s != nil && rules.TTLEnabled {
		p.ttl.Note(s, now, rules.TTLPeriod) // it is reported, not before
	}
	p.add(e)
}

// add is called with the lock held.
func (p *pipe) add(e *agentv1.Event) {
	full := p.batch.Add(e)
	if full == nil && p.batch.Full() {
		full = p.batch.Take()
	}
	if full != nil {
		p.full = append(p.full, full)
		select {
		case p.ready <- struct{}{}:
		default:
		}
	}
	switch {
	case p.batch.Len() == 0:
		p.due.Stop()
	case p.batch.Len() == 1:
		p.due.Reset(time.Duration(p.a.config.PackagePeriod))
	}
}

// queue takes full packages, and the batch if it is due.
func (p *pipe) queue(due bool) {
	p.mu.Lock()
	packages := p.full
	p.full = nil
	if due && p.batch.Len() > 0 {
		packages = append(packages, p.batch.Take())
	}
	empty := p.batch.Len() == 0
	p.room.Broadcast()
	p.mu.Unlock()
	for _, events := range packages {
		// A disk that takes nothing is the queue's to log and the status's to show.
		_ = p.a.queue.Append(events)
	}
	dropped := p.a.queue.Stats().Dropped[queue.DroppedFull]
	if now := p.a.options.Now(); dropped > p.lost && (p.lostTold.IsZero() || now.Sub(p.lostTold).Abs() >= time.Minute) {
		p.mu.Lock()
		p.add(collect.Notice(now, noticeFull, "the agent's queue was full, its oldest events were dropped", dropped-p.lost))
		p.mu.Unlock()
		p.lost, p.lostTold = dropped, now
	}
	if empty && time.Since(p.kept) >= keepEvery {
		p.keep()
	}
}

// keep writes what must survive a restart: the counters, and the reported
// starts, unless one of them is not queued yet. Such a one would be lost and
// suppressed after a crash.
func (p *pipe) keep() {
	p.a.counts.save(p.a.log)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.batch.Len() > 0 || len(p.full) > 0 || p.a.queue.Stats().Unsaved > 0 {
		return
	}
	p.kept = time.Now()
	if err := p.ttl.Save(); err != nil {
		p.a.log.Warn("repeated starts may be reported once more", "error", err)
	}
}
