// Package footprint keeps what a daemon takes from its machine as small as its
// work allows.
//
// Processors: a Go program that is mostly idle spends more on waking threads
// for each other than on its work, when it may run on several processors. So it
// runs on one until that one is busy. It is for daemons whose work does not wait
// for disks, because a system call that lasts holds a processor for a while.
//
// The collector: a small daemon would be collected many times a second while
// connections come and go, because garbage of the size of what lives is enough
// for it. So some may always gather.
//
// Memory: what a storm of connections left behind goes back to the system when
// the daemon is calm again, and not first at the collector's leisure.
package footprint

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

const (
	look     = 100 * time.Millisecond // how often it looks
	patience = 10 * time.Second       // how long too many processors are kept
	calmTime = 5 * time.Second        // how long it has to be calm before memory goes back

	busy  = 0.75    // of the processors in use: more are needed
	easy  = 0.3     // of half of them: half would do
	calm  = 0.05    // of one processor
	spare = 4 << 20 // bytes that are not worth giving back

	garbage = 16 << 20 // bytes that may always gather before they are collected
)

// Keep watches over the process until ctx ends. It changes GOMAXPROCS and
// GOGC; what they are when Keep begins, by the environment or by the machine, is
// the most and the least.
func Keep(ctx context.Context) { keep(ctx, cpuTime) }

// keep is Keep by a clock of the processor.
func keep(ctx context.Context, cpuTime func() time.Duration) {
	p := processors{most: runtime.GOMAXPROCS(0), now: 1}
	runtime.GOMAXPROCS(p.now)
	defer runtime.GOMAXPROCS(p.most)
	c := newCollector()
	defer debug.SetGCPercent(c.least)
	var m memory
	tick := time.NewTicker(look)
	defer tick.Stop()
	last, spent := time.Now(), cpuTime()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, total := time.Now(), cpuTime()
		passed := now.Sub(last)
		used := float64(total-spent) / float64(max(passed, 1))
		last, spent = now, total
		if before := p.now; p.step(used, passed) != before {
			runtime.GOMAXPROCS(p.now)
		}
		if before := c.now; c.step(marked()) != before {
			debug.SetGCPercent(c.now)
		}
		if m.step(used, passed, resident) {
			giveBack()
			m.kept = resident()
		}
	}
}

// processors is how many are in use.
type processors struct {
	most, now int
	easily    time.Duration // for how long half of them would have done
}

// step tells how much of a processor was used over a time, and returns how many
// to use from now on.
func (p *processors) step(used float64, passed time.Duration) int {
	switch in := float64(p.now); {
	case used >= busy*in:
		p.now, p.easily = min(2*p.now, p.most), 0
	case p.now > 1 && used < easy*in/2:
		if p.easily += passed; p.easily >= patience {
			p.now, p.easily = (p.now+1)/2, 0
		}
	default:
		p.easily = 0
	}
	return p.now
}

// collector is how much garbage may gather, in percent of what has to be marked.
type collector struct{ least, now int }

func newCollector() collector {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	set := int(int32(s[0].Value.Uint64())) // negative: it is off
	return collector{least: set, now: set}
}

// step tells how many bytes were marked last, and returns the percentage from
// now on. Each change stops the process for a moment, so small ones are left out.
func (c *collector) step(marked uint64) int {
	if c.least < 0 {
		return c.now
	}
	next := max(c.least, int(100*garbage/max(marked, 1<<20)))
	if next == c.least || next < c.now*3/4 || next > c.now*3/2 {
		c.now = next
	}
	return c.now
}

// marked is what the collector found alive last, in bytes, and all that it begins
// with.
func marked() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64() + s[2].Value.Uint64()
}

// giveBack collects what is garbage and gives free memory to the system. A
// collection halves a stack that is too large for its goroutine, once, so there
// are several.
func giveBack() {
	runtime.GC()
	runtime.GC()
	debug.FreeOSMemory() // collects too
}

// memory is what the process held after it last gave some back.
type memory struct {
	kept   uint64
	calmly time.Duration
}

// step says whether it is time to give memory back.
func (m *memory) step(used float64, passed time.Duration, resident func() uint64) bool {
	if used >= calm {
		m.calmly = 0
		return false
	}
	if m.calmly += passed; m.calmly < calmTime {
		return false
	}
	m.calmly = 0
	return resident() > m.kept+m.kept/10+spare
}

// resident is the memory that the Go runtime holds, in bytes.
func resident() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// cpuTime is what the process has used, all threads together.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0 // then it looks idle, and one processor does
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
