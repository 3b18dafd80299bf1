package collect

import (
	"context"
	"fmt"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

const (
	// youngFor is how many rounds a new process is looked at again: between
	// fork and execve it still shows its parent's program.
	youngFor = 3
	// checkEvery spreads the look at older processes, whose number may be
	// given again or who may execute another program, over that many rounds.
	checkEvery = 16
)

// Poll reads /proc again and again.
type Poll struct {
	options Options
	table   *table
	age     map[int32]int
	round   int
}

// NewPoll always works.
func NewPoll(o Options) *Poll {
	o = o.withDefaults()
	return &Poll{options: o, table: newTable(o), age: make(map[int32]int)}
}

// Name implements Source.
func (p *Poll) Name() string { return NamePoll }

// Limits implements Source.
func (p *Poll) Limits() string {
	return fmt.Sprintf("processes that live less than %s may be missed, exit codes are unknown, and details of other users' processes may be", p.options.Poll)
}

// Run implements Source.
func (p *Poll) Run(ctx context.Context, emit func(*agentv1.Event)) error {
	if err := p.first(); err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	ticker := time.NewTicker(p.options.Poll)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := p.look(emit); err != nil {
				return fmt.Errorf("list processes: %w", err)
			}
		}
	}
}

// first takes in what runs already.
func (p *Poll) first() error {
	if err := p.table.refresh(); err != nil {
		return err
	}
	for pid, known := range p.table.known {
		known.began = p.table.proc.startTime(pid)
		p.table.known[pid] = known
		p.age[pid] = youngFor
	}
	return nil
}

// look is one round.
func (p *Poll) look(emit func(*agentv1.Event)) error {
	pids, err := p.table.proc.processes()
	if err != nil {
		return err
	}
	p.round++
	alive := make(map[int32]bool, len(pids))
	for _, pid := range pids {
		alive[pid] = true
		known, ok := p.table.known[pid]
		switch {
		case !ok:
			p.begin(pid, emit)
		case p.age[pid] < youngFor || (int(pid)+p.round)%checkEvery == 0:
			p.age[pid] = min(p.age[pid]+1, youngFor)
			p.again(pid, known, emit)
		}
	}
	for pid := range p.table.known {
		if !alive[pid] {
			p.end(pid, emit)
		}
	}
	return nil
}

func (p *Poll) begin(pid int32, emit func(*agentv1.Event)) {
	began := p.table.proc.startTime(pid)
	if began == 0 || len(p.table.known) >= maxTable {
		return // gone already
	}
	d, err := p.table.proc.read(pid)
	p.table.known[pid] = process{began: began}
	if err == nil && d.executable == "" && len(d.args) == 0 {
		// A thread of the kernel, or a process that is just ending.
		p.age[pid] = youngFor
		return
	}
	p.age[pid] = 0
	p.tell(pid, d, err == nil, emit)
}

// again looks at a known process: another one may have its number now, or it
// may run another program.
func (p *Poll) again(pid int32, known process, emit func(*agentv1.Event)) {
	began := p.table.proc.startTime(pid)
	if began == 0 {
		return // the next round finds it gone
	}
	if began != known.began {
		p.end(pid, emit)
		p.begin(pid, emit)
		return
	}
	d, err := p.table.proc.read(pid)
	if err != nil || d.executable == "" || d.executable == known.executable {
		return
	}
	p.age[pid] = 0
	p.tell(pid, d, true, emit)
}

func (p *Poll) tell(pid int32, d details, found bool, emit func(*agentv1.Event)) {
	s := p.table.note(p.options.Now(), pid, d, found)
	emit(p.table.event(&s))
}

func (p *Poll) end(pid int32, emit func(*agentv1.Event)) {
	delete(p.age, pid)
	if e := p.table.exit(p.options.Now(), pid, UnknownExitCode); e != nil {
		emit(e)
	}
}
