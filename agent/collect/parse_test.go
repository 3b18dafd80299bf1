package collect

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	agentv1 "vedette/proto/agent/v1"
)

// fakeProcess writes what procfs shows of a process.
func fakeProcess(t *testing.T, root string, pid int, exe, cmdline, status, stat string) {
	t.Helper()
	dir := filepath.Join(root, strconv.Itoa(pid))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cmdline": cmdline, "status": status, "stat": stat} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"exe": exe, "cwd": "/"} {
		path := filepath.Join(dir, name)
		_ = os.Remove(path)
		if target == "" {
			continue
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	fakeStatus = "Name:\tx\nPid:\t7\nPPid:\t3\nUid:\t4242424\t0\t0\t0\n"
	fakeStat   = "7 (a) b) S 3 7 7 0 -1 1 1 1 1 1 1 1 1 1 20 0 1 0 9911 1 1"
)

func TestForeignTextIsBoundedAndValid(t *testing.T) {
	root := t.TempDir()
	fakeProcess(t, root, 7, "/bin/\xff\xfe", "a\x00"+strings.Repeat("\xf0x", maxCommandLine)+"\x00", fakeStatus, fakeStat)
	p := newProcfs(root)
	d, err := p.read(7)
	if err != nil {
		t.Fatal(err)
	}
	if d.complete || !utf8.ValidString(d.executable) || d.parent != 3 || d.uid != 4242424 {
		t.Fatalf("%+v", d)
	}
	size := 0
	for _, a := range d.args {
		if !utf8.ValidString(a) {
			t.Fatalf("invalid UTF-8 in %q", a)
		}
		size += len(a)
	}
	if size > 3*maxCommandLine {
		t.Fatalf("%d bytes of arguments", size)
	}
	if got := p.startTime(7); got != 9911 {
		t.Fatalf("start time %d from a name with parentheses", got)
	}
	fakeProcess(t, root, 8, "/bin/x", strings.Repeat("a\x00", maxArgs+5), fakeStatus, fakeStat)
	if d, err := p.read(8); err != nil || len(d.args) != maxArgs || d.complete {
		t.Fatalf("%d arguments, complete %v, %v", len(d.args), d.complete, err)
	}
}

func connectorMessage(what uint32, words ...uint32) message {
	data := make([]byte, 4*len(words))
	for i, w := range words {
		binary.NativeEndian.PutUint32(data[4*i:], w)
	}
	return message{what: what, data: data}
}

func TestStartOfAProcessThatIsGoneLearnsItsParentFromItsExit(t *testing.T) {
	now := time.Unix(1000, 0)
	o := Options{Log: slog.New(slog.DiscardHandler), Proc: t.TempDir(), Now: func() time.Time { return now }}.withDefaults()
	c := &Connector{options: o, table: newTable(o), clock: func() time.Duration { return 0 }}
	c.table.known[3] = process{executable: "/bin/sh", started: true}
	var seen []*agentv1.Event
	emit := func(e *agentv1.Event) { seen = append(seen, e) }
	exit := func(words ...uint32) {
		c.fetch(connectorMessage(procEventExit, words...))
		for _, e := range c.ended {
			c.tellEnd(e, emit)
		}
		c.ended = nil
	}
	c.start(connectorMessage(procEventExec, 7, 7))
	c.start(connectorMessage(procEventExec, 8, 8))
	c.tellStarts(emit)
	c.release(emit)
	if len(seen) != 0 {
		t.Fatalf("%v came before the exit", seen)
	}
	exit(7, 7, 3<<8, 17, 3, 3)
	if len(seen) != 2 || seen[1].GetProcessExit().GetExitCode() != 3 {
		t.Fatalf("%v", seen)
	}
	s := seen[0].GetProcessStart()
	if !s.Incomplete || s.Pid != 7 || s.Executable != "" || s.ParentPid != 3 || s.ParentExecutable != "/bin/sh" {
		t.Fatalf("%v", s)
	}
	now = now.Add(patience)
	c.release(emit)
	if len(seen) != 3 || seen[2].GetProcessStart().GetPid() != 8 || len(c.waiting) != 0 {
		t.Fatalf("a start whose exit was lost: %v", seen)
	}
	exit(99, 99, 0, 17, 3, 3)
	exit(98, 8, 0, 17, 3, 3)
	if len(seen) != 3 {
		t.Fatalf("neither a fork that executed nothing nor a thread has an exit: %v", seen)
	}
}

func TestStartOfAProcessThatEndedWhileItWasReadLearnsItsParentToo(t *testing.T) {
	o := Options{Log: slog.New(slog.DiscardHandler), Proc: t.TempDir()}.withDefaults()
	c := &Connector{options: o, table: newTable(o), clock: func() time.Duration { return 0 }}
	c.table.known[3] = process{executable: "/bin/sh", started: true}
	var seen []*agentv1.Event
	emit := func(e *agentv1.Event) { seen = append(seen, e) }
	fakeProcess(t, o.Proc, 7, "/bin/one", "one\x00", fakeStatus, fakeStat)
	if err := os.Remove(filepath.Join(o.Proc, "7", "status")); err != nil { // as from a process that is gone
		t.Fatal(err)
	}
	fakeProcess(t, o.Proc, 8, "/bin/two", "two\x00", strings.Replace(fakeStatus, "PPid:\t3", "PPid:\t0", 1), fakeStat)
	c.start(connectorMessage(procEventExec, 7, 7))
	if !c.hurry() {
		t.Error("telling waits although the parent may go")
	}
	c.start(connectorMessage(procEventExec, 8, 8))
	c.tellStarts(emit)
	if len(seen) != 1 || seen[0].GetProcessStart().GetPid() != 8 {
		t.Fatalf("a process that has no parent does not wait for one, and one whose parent is not known does: %v", seen)
	}
	c.fetch(connectorMessage(procEventExit, 7, 7, 3<<8, 17, 3, 3))
	c.tellEnd(c.ended[0], emit)
	if len(seen) != 3 || seen[2].GetProcessExit().GetExitCode() != 3 {
		t.Fatalf("%v", seen)
	}
	s := seen[1].GetProcessStart()
	if !s.Incomplete || s.Pid != 7 || s.Executable != "/bin/one" || s.ParentPid != 3 || s.ParentExecutable != "/bin/sh" {
		t.Fatalf("%v", s)
	}
}

func TestPollSeesReusedNumbersAndNewPrograms(t *testing.T) {
	root := t.TempDir()
	fakeProcess(t, root, 7, "/bin/one", "one\x00", fakeStatus, fakeStat)
	p := NewPoll(Options{Log: slog.New(slog.DiscardHandler), Proc: root})
	if err := p.first(); err != nil {
		t.Fatal(err)
	}
	var seen []*agentv1.Event
	rounds := func(n int) []*agentv1.Event {
		t.Helper()
		seen = nil
		for range n {
			if err := p.look(func(e *agentv1.Event) { seen = append(seen, e) }); err != nil {
				t.Fatal(err)
			}
		}
		return seen
	}
	if got := rounds(checkEvery); len(got) != 0 {
		t.Fatalf("what ran before is no start: %v", got)
	}
	fakeProcess(t, root, 7, "/bin/two", "two\x00", fakeStatus, fakeStat)
	if got := rounds(checkEvery); len(got) != 1 || got[0].GetProcessStart().GetExecutable() != "/bin/two" {
		t.Fatalf("another program: %v", got)
	}
	fakeProcess(t, root, 7, "/bin/two", "two\x00", fakeStatus, strings.Replace(fakeStat, "9911", "9912", 1))
	if got := rounds(checkEvery); len(got) != 2 || got[0].GetProcessExit().GetExecutable() != "/bin/two" || got[1].GetProcessStart() == nil {
		t.Fatalf("the number was given again: %v", got)
	}
	fakeProcess(t, root, 9, "", "", fakeStatus, fakeStat)
	if got := rounds(checkEvery); len(got) != 0 {
		t.Fatalf("a thread of the kernel: %v", got)
	}
	if err := os.RemoveAll(filepath.Join(root, "7")); err != nil {
		t.Fatal(err)
	}
	if got := rounds(1); len(got) != 1 || got[0].GetProcessExit().GetExitCode() != UnknownExitCode {
		t.Fatalf("the end: %v", got)
	}
}

func TestExitCodesAreThoseOfAShell(t *testing.T) {
	for status, want := range map[uint32]int32{0: 0, 1 << 8: 1, 255 << 8: 255, 9: 137, 11 | 0x80: 139, 15: 143} {
		if got := exitCode(status); got != want {
			t.Errorf("status %#x is %d, want %d", status, got, want)
		}
	}
}

type broken struct{ Source }

func (broken) Run(context.Context, func(*agentv1.Event)) error { return errors.New("lost the socket") }

func TestBrokenConnectorIsReplacedByPolling(t *testing.T) {
	o := Options{Log: slog.New(slog.DiscardHandler), Proc: t.TempDir()}.withDefaults()
	f := &fallback{options: o, current: broken{}}
	ctx, cancel := context.WithCancel(context.Background())
	var notices int
	err := f.Run(ctx, func(e *agentv1.Event) {
		if e.GetCollectorNotice().GetCode() == NoticeChanged {
			notices++
		}
		cancel()
	})
	if err != nil || notices != 1 || f.Name() != NamePoll {
		t.Fatalf("%v, %d notices, now %s", err, notices, f.Name())
	}
}

func FuzzParse(f *testing.F) {
	b := make([]byte, procDataAt+24)
	binary.NativeEndian.PutUint32(b[16:], connectorProc)
	binary.NativeEndian.PutUint32(b[20:], connectorProc)
	binary.NativeEndian.PutUint32(b[36:], procEventExit)
	f.Add(b)
	o := Options{Log: slog.New(slog.DiscardHandler), Proc: f.TempDir()}.withDefaults()
	f.Fuzz(func(_ *testing.T, b []byte) {
		c := &Connector{options: o, table: newTable(o), clock: func() time.Duration { return 0 }}
		if m, ok := parse(b); ok {
			c.start(m)
			c.fetch(m)
			c.tellStarts(func(*agentv1.Event) {})
			for _, e := range c.ended {
				c.tellEnd(e, func(*agentv1.Event) {})
			}
		}
	})
}
