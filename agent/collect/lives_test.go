package collect_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

// life is what was told of one process.
type life struct {
	code         int32
	args         []string
	start        *agentv1.ProcessStart
	exit         *agentv1.ProcessExit
	began, ended time.Time
}

func (l *life) whole(path, dir, self string) bool {
	s := l.start
	return !s.Incomplete && s.Executable == path && slices.Equal(s.Args, l.args) && s.WorkingDirectory == dir &&
		s.ParentExecutable == self && s.UserId == fmt.Sprint(os.Getuid()) && s.UserName != "" && l.exit.Executable == path
}

// TestNoLifeIsMissed runs processes of several lengths of life. Each start and
// each end is told, in this order, with its code and parent; those that live
// long enough to be read are told in full.
func TestNoLifeIsMissed(t *testing.T) {
	const each = 40
	lengths := []string{"0", "0.002", "0.02", "0.2"}
	path, dir := program(t), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	events := watch(t, connector(t))
	for seen := false; !seen; { // the source is at work
		cmd := exec.Command(path, "0.1")
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		for len(events) > 0 {
			seen = startOf(cmd.Process.Pid)(<-events) || seen
		}
	}
	lives := make(map[uint32]*life)
	whole := make(map[string]int)
	for i := range each {
		var running []*exec.Cmd
		for _, length := range lengths {
			cmd := exec.Command(path, length)
			cmd.Dir = dir
			if i%2 == 1 {
				cmd.Args = append(cmd.Args, "x") // sleep refuses it, after a look at all
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lives[uint32(cmd.Process.Pid)] = &life{code: int32(i % 2), args: cmd.Args}
			running = append(running, cmd)
		}
		for _, cmd := range running {
			_ = cmd.Wait() // the code is compared below
		}
	}
	for missing := 2 * len(lives); missing > 0; missing-- {
		e := await(t, events, func(e *agentv1.Event) bool {
			return lives[e.GetProcessStart().GetPid()] != nil || lives[e.GetProcessExit().GetPid()] != nil
		})
		if s := e.GetProcessStart(); s != nil {
			l := lives[s.Pid]
			if l.start != nil || l.exit != nil {
				t.Fatalf("started twice, or after its end: %v", e)
			}
			l.start, l.began = s, e.Time.AsTime()
			continue
		}
		l := lives[e.GetProcessExit().Pid]
		l.exit, l.ended = e.GetProcessExit(), e.Time.AsTime()
	}
	for pid, l := range lives {
		if l.start == nil || l.exit == nil || l.exit.ExitCode != l.code || l.start.ParentPid != uint32(os.Getpid()) || l.ended.Before(l.began) {
			t.Errorf("process %d: %v to %v, %v, %v", pid, l.began, l.ended, l.start, l.exit)
			continue
		}
		length := l.args[1]
		if l.code != 0 {
			length = "refused"
		}
		if l.whole(path, dir, self) {
			whole[length]++
		} else if length == "0.2" {
			t.Errorf("process %d lived %s and was not read: %v", pid, l.ended.Sub(l.began), l.start)
		}
	}
	t.Logf("of %d each, told in full: %v", each/2, whole)
}
