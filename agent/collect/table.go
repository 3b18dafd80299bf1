package collect

import (
	"strconv"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

// maxTable bounds how many processes are remembered; Linux allows 4 million,
// real hosts run some hundreds.
const maxTable = 1 << 16

// process is what is remembered of a running process.
type process struct {
	executable string
	parent     int32
	began      uint64 // clock ticks since boot; only when polling
	started    bool   // its start was seen, or it was there before the agent
}

// table remembers running processes, so that an exit can name the executable
// and a start its parent's, and writes their events.
type table struct {
	proc  *procfs
	users *users
	known map[int32]process
}

func newTable(o Options) *table {
	return &table{proc: newProcfs(o.Proc), users: newUsers(o.Now), known: make(map[int32]process)}
}

// start is what was read of a process right after it had executed a program.
type start struct {
	when  time.Time
	pid   int32
	found bool // else nothing but the number is known
	details
	parentExecutable string
}

// whole says whether the parent is known: whoever ends while being read may have
// told its executable and not who it was, which goes with the parent.
func (s *start) whole() bool { return s.found && (s.parent != 0 || s.uidKnown) }

// begin reads a process that has just executed a program. What has to be read
// while it runs is read; the rest waits for event.
func (t *table) begin(when time.Time, pid int32) start {
	d, err := t.proc.read(pid)
	return t.note(when, pid, d, err == nil)
}

func (t *table) note(when time.Time, pid int32, d details, found bool) start {
	before := t.known[pid]
	if d.parent == 0 {
		d.parent = before.parent
	}
	if len(t.known) < maxTable {
		t.known[pid] = process{executable: d.executable, parent: d.parent, began: before.began, started: true}
	}
	return start{when: when, pid: pid, found: found, details: d, parentExecutable: t.executable(d.parent)}
}

// event is how a start is told.
func (t *table) event(s *start) *agentv1.Event {
	e := &agentv1.ProcessStart{
		Pid: uint32(s.pid), ParentPid: uint32(s.parent), Executable: s.executable, Args: s.args,
		WorkingDirectory: s.cwd, ParentExecutable: s.parentExecutable, Incomplete: !s.found || !s.complete,
	}
	if s.uidKnown {
		e.UserId = strconv.FormatUint(uint64(s.uid), 10)
		e.UserName = t.users.name(s.uid)
	}
	return newEvent(s.when, &agentv1.Event{Kind: &agentv1.Event_ProcessStart{ProcessStart: e}})
}

func (t *table) executable(pid int32) string {
	if pid <= 0 {
		return ""
	}
	p, ok := t.known[pid]
	if !ok || p.executable == "" {
		p.executable = t.proc.executable(pid)
		if ok {
			t.known[pid] = p
		}
	}
	return p.executable
}

// exit returns nil for a process whose start nobody was told of.
func (t *table) exit(when time.Time, pid, code int32) *agentv1.Event {
	p, ok := t.known[pid]
	delete(t.known, pid)
	if !ok || !p.started {
		return nil
	}
	return newEvent(when, &agentv1.Event{Kind: &agentv1.Event_ProcessExit{
		ProcessExit: &agentv1.ProcessExit{Pid: uint32(pid), ExitCode: code, Executable: p.executable},
	}})
}

// refresh takes in processes that nobody told of and forgets those that ended
// unseen: at the start and after events were lost.
func (t *table) refresh() error {
	pids, err := t.proc.processes()
	if err != nil {
		return err
	}
	alive := make(map[int32]bool, len(pids))
	for _, pid := range pids {
		alive[pid] = true
		if _, ok := t.known[pid]; !ok && len(t.known) < maxTable {
			t.known[pid] = process{executable: t.proc.executable(pid), started: true}
		}
	}
	for pid := range t.known {
		if !alive[pid] {
			delete(t.known, pid)
		}
	}
	return nil
}
