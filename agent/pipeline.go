package agent

import (
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

// pipe is the state of the pipeline goroutine.
type pipe struct {
	a        *Agent
	ttl      *policy.TTL
	throttle policy.Throttle
	batch    queue.Batch
	timer    *time.Timer // runs while the batch is not empty
	kept     time.Time   // when counters and TTL were written last
	full     uint64      // events dropped for lack of room, as told so far
	fullTold time.Time
}

// pipeline filters events, makes packages and queues them, until the channel
// of events is closed.
func (a *Agent) pipeline() error {
	ttl, err := policy.OpenTTL(a.config.path(ttlName))
	if err != nil {
		a.log.Warn("repeated starts may be reported once more", "error", err)
	}
	p := &pipe{a: a, ttl: ttl, timer: time.NewTimer(time.Hour), kept: time.Now()}
	p.timer.Stop()
	defer p.timer.Stop()
	settle := time.NewTicker(settleEvery)
	defer settle.Stop()
	for {
		select {
		case e, ok := <-a.events:
			if !ok {
				p.flush()
				p.keep()
				return nil
			}
			p.take(e)
		case <-p.timer.C:
			p.flush()
		case <-settle.C:
			a.queue.Settle()
		}
	}
}

func (p *pipe) take(e *agentv1.Event) {
	rules, now := p.a.policy.Load(), p.a.options.Now()
	if n := e.GetCollectorNotice(); n.GetCode() == collect.NoticeOverrun {
		p.a.counts.drop(collect.NoticeOverrun, n.GetCount())
	}
	if s := e.GetProcessStart(); s != nil && rules.TTLEnabled && p.ttl.Repeated(s, now, rules.TTLPeriod) {
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
	p.add(e)
}

func (p *pipe) add(e *agentv1.Event) {
	if p.batch.Len() == 0 {
		p.timer.Reset(time.Duration(p.a.config.PackagePeriod))
	}
	if full := p.batch.Add(e); full != nil {
		p.queue(full)
		p.timer.Reset(time.Duration(p.a.config.PackagePeriod))
	}
	if p.batch.Full() {
		p.flush()
	}
}

func (p *pipe) flush() {
	p.timer.Stop()
	p.queue(p.batch.Take())
	if time.Since(p.kept) >= keepEvery {
		p.keep()
	}
}

func (p *pipe) queue(events []*agentv1.Event) {
	if len(events) == 0 {
		return
	}
	// A disk that takes nothing is the queue's to log and the status's to show.
	_ = p.a.queue.Append(events)
	dropped := p.a.queue.Stats().Dropped[queue.DroppedFull]
	if now := p.a.options.Now(); dropped > p.full && (p.fullTold.IsZero() || now.Sub(p.fullTold).Abs() >= time.Minute) {
		p.add(collect.Notice(now, noticeFull, "the agent's queue was full, its oldest events were dropped", dropped-p.full))
		p.full, p.fullTold = dropped, now
	}
}

// keep writes what must survive a restart. The batch is empty then: no start
// is remembered as reported that is not queued.
func (p *pipe) keep() {
	p.kept = time.Now()
	p.a.counts.save(p.a.log)
	if s := p.a.queue.Stats(); s.Unsaved > 0 {
		return
	}
	if err := p.ttl.Save(); err != nil {
		p.a.log.Warn("repeated starts may be reported once more", "error", err)
	}
}
