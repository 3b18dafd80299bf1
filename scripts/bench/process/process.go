// Package process runs what the benchmarks measure as children of theirs, and
// reads what these use by the kernel's accounting.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a child that runs.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs a command. It ends with its parent, if End was never called.
func Start(cmd *exec.Cmd) (*Process, error) {
	// SIGTERM, so that a child with children of its own can end these too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() { p.err = cmd.Wait(); close(p.done) }()
	return p, nil
}

// PID is the number of the child.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended; Err says how.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended, nil for exit status 0. It is read after Done.
func (p *Process) Err() error { return p.err }

// Signal sends a signal to the child.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// endTimeout is what a child has between SIGTERM and SIGKILL.
const endTimeout = 20 * time.Second

// End ends the child and waits for it.
func (p *Process) End() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(endTimeout):
	}
	err := p.cmd.Process.Kill()
	<-p.done
	return errors.Join(fmt.Errorf("%s did not end within %s", p.cmd.Path, endTimeout), err)
}

// Usage is what processes have used so far. Sizes are in KiB.
type Usage struct {
	CPU  time.Duration // user and system
	RSS  float64
	Peak float64 // the highest RSS so far
	// PSS is the RSS with each shared page divided by those who share it.
	PSS float64
}

// Usage of the child together with its own children.
func (p *Process) Usage() (Usage, error) {
	total, err := Of(p.PID())
	if err != nil {
		return Usage{}, err
	}
	children, err := p.Children()
	if err != nil {
		return Usage{}, err
	}
	for _, child := range children {
		u, err := Of(child)
		if err != nil {
			return Usage{}, err
		}
		total.CPU += u.CPU
		total.RSS += u.RSS
		total.Peak += u.Peak
		total.PSS += u.PSS
	}
	return total, nil
}

// Children are the child's own children.
func (p *Process) Children() (pids []int, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", p.PID(), p.PID()))
	if err != nil {
		return nil, err
	}
	for word := range strings.FieldsSeq(string(raw)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// Of is the usage of one process.
func Of(pid int) (Usage, error) {
	var u Usage
	var err error
	if u.CPU, err = CPU(pid); err != nil {
		return Usage{}, err
	}
	if err := kib(fmt.Sprintf("/proc/%d/status", pid), map[string]*float64{"VmRSS:": &u.RSS, "VmHWM:": &u.Peak}); err != nil {
		return Usage{}, err
	}
	if err := kib(fmt.Sprintf("/proc/%d/smaps_rollup", pid), map[string]*float64{"Pss:": &u.PSS}); err != nil {
		return Usage{}, err
	}
	return u, nil
}

// CPU is the processor time of all threads of a process, also those that have
// ended, to the nanosecond: its CPU clock (clock_getcpuclockid(3)).
func CPU(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|scheduler, &t); err != nil {
		return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// Written is how many bytes a process has caused to be written to disks so far
// (write_bytes in proc(5)).
func Written(pid int) (int64, error) {
	path := fmt.Sprintf("/proc/%d/io", pid)
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if n, found := strings.CutPrefix(line, "write_bytes: "); found {
			return strconv.ParseInt(strings.TrimSpace(n), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s does not tell what was written", path)
}

// Descriptors is how many descriptors a process has open.
func Descriptors(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}

// kib reads lines like "VmRSS:   123 kB".
func kib(path string, into map[string]*float64) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	found := 0
	for line := range bytes.Lines(raw) {
		f := strings.Fields(string(line))
		if len(f) != 3 || into[f[0]] == nil {
			continue
		}
		if *into[f[0]], err = strconv.ParseFloat(f[1], 64); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		found++
	}
	if found != len(into) {
		return fmt.Errorf("%s lacks a line of %d", path, len(into))
	}
	return nil
}
