package yara_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/centralnode/scan/yara"
)

// TestProgramsThatMisbehaveNeverGiveACleanResult has programs that compile and
// try rules as the real one does, and then do as it says.
func TestProgramsThatMisbehaveNeverGiveACleanResult(t *testing.T) {
	for name, c := range map[string]struct {
		script, wrong string
	}{
		"says nothing":         {`exit 0`, "does not say that it looked at all"},
		"says rubbish":         {`head -c 3000 /dev/urandom`, "does not say that it looked at all"},
		"imitates our rule":    {`echo "v0000000000000000_last:looked_at_all [] /proc/self/fd/4"`, "does not say that it looked at all"},
		"says half":            {`$YARA "$@" | head -c 30`, "does not say that it looked at all"},
		"bad status":           {`exit 3`, "ended with status 3"},
		"bad status, with why": {`echo "error scanning x: could not \033[31mopen file" >&2; exit 1`, `ended with status 1: error scanning x: could not \u{1b}[31mopen`},
		"killed":               {`kill -9 $$`, "ended by signal killed"},
		"crashes":              {`kill -SEGV $$`, "ended by signal segmentation fault"},
		"dies after its work":  {`$YARA "$@" >/dev/null; kill -9 $$`, "ended by signal killed"},
		"floods":               {`exec yes`, "wrote more than 1048576 bytes"},
		"floods errors":        {`yes | head -c 10000000 >&2; exit 1`, "ended with status 1: y"},
		"sees another object":  {`$YARA "$@" 4</etc/passwd`, "does not say that it looked at all"},
		"sees an empty one":    {`$YARA "$@" 4</dev/null`, "does not say that it looked at all"},
		"has other limits":     {`ulimit -v 1000; exec $YARA "$@"`, "cannot be started"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a.yar", `rule Odd { condition: filesize == 77777 }`)
			w.config.Program = w.program("odd", whenScanning+c.script)
			w.open()
			for range 3 {
				if err := w.fails(); !strings.Contains(err.Error(), c.wrong) || len(err.Error()) > 500 {
					t.Errorf("the error is %v, want %q", err, c.wrong)
				}
			}
			if h := w.Health(context.Background()); !strings.Contains(h.Trouble, "the last 3 scans by yara failed") || strings.Contains(h.Trouble, "\x1b") {
				t.Errorf("the trouble is %q", h.Trouble)
			}
		})
	}
}

// TestWhatWasFoundStaysFound has a program that dies when it has said something.
func TestWhatWasFoundStaysFound(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.program("dies", whenScanning+`$YARA "$@" | head -1; kill -9 $$`)
	w.open()
	r := w.scan("hello")
	if !slices.Equal(r.Detections, []engine.Detection{{Name: "Says_Hello", Importance: engine.High}}) || !strings.Contains(r.Skipped, "ended by signal killed") {
		t.Errorf("the result is %+v", r)
	}
}

func TestProgramsThatHangAreEnded(t *testing.T) {
	for name, script := range map[string]string{
		"sleeps":          `exec sleep 1000`,
		"has children":    `sleep 1000 & sleep 1000 & wait`,
		"ignores signals": `trap "" TERM INT HUP XCPU; while :; do sleep 1000; done`,
		"spins":           `while :; do :; done`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a.yar", hello)
			w.config.Program, w.config.Timeout = w.program("slow", whenScanning+script), 500*time.Millisecond
			w.open()
			poll(t, "the rules", func() bool { return w.Health(context.Background()).Trouble == "" })
			if err := w.fails(); !errors.Is(err, engine.ErrTimeout) {
				t.Errorf("the error is %v", err)
			}
			w.wantNoChildren()
		})
	}
}

// TestChildrenLeftBehindAreEnded has a program that does its work and leaves
// others running, one of them with its output.
func TestChildrenLeftBehindAreEnded(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.program("leaves", whenScanning+`sleep 1000 & sleep 1000 >/dev/null 2>&1 & exec $YARA "$@"`)
	w.open()
	w.wants("hello", "Says_Hello")
	w.wantNoChildren()
}

// TestChildrenThatLeaveTheirGroupHoldNobodyUp has one that keeps the output open.
func TestChildrenThatLeaveTheirGroupHoldNobodyUp(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.program("leaves", whenScanning+`setsid sleep 1000 & exec $YARA "$@"`)
	w.open()
	w.wants("hello", "Says_Hello")
	for _, pid := range children(w.dir) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
}

// TestTimeoutOfYARAItselfIsATimeout has a rule that computes for hours, about
// objects of five bytes.
func TestTimeoutOfYARAItselfIsATimeout(t *testing.T) {
	w := newWorld(t, "a.yar", hello+`rule Slow { condition: filesize == 5 and for any i in (0..2000000000) : ( for any j in (0..2000000000) : ( i + j == 4000000001 ) ) }`)
	w.config.Timeout = time.Second
	w.open()
	poll(t, "the rules", func() bool { return w.Health(context.Background()).Trouble == "" })
	if err := w.fails(); !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
}

func TestChildrenHaveLimits(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.MaxMemory = 128 << 20
	w.config.Program = w.program("tells", whenScanning+`
{ env; pwd; ls -A; ulimit -v; ulimit -f; ulimit -n; ulimit -c; ulimit -t; readlink /proc/self/fd/0; ls /proc/$$/fd; } 2>&1 | tr '\n' ',' >&2
exit 1`)
	w.open()
	err := w.fails().Error()
	t.Log(err)
	for _, part := range []string{"PWD=" + w.path("state/empty"), fmt.Sprintf(",%d,0,64,0,24,/dev/null,", 128<<10)} {
		if !strings.Contains(err, part) {
			t.Errorf("the child says %s, want %q in it", err, part)
		}
	}
	if strings.Contains(err, "HOME=") || strings.Contains(err, "PATH=") {
		t.Errorf("the child has an environment: %s", err)
	}
}

func TestChildrenThatEatMemoryDieAlone(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.MaxMemory = 128 << 20
	// tail keeps all of a line.
	w.config.Program = w.program("eats", whenScanning+`tail -n 1 </dev/zero >&2`)
	w.open()
	if err := w.fails(); errors.Is(err, engine.ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
	w.wantNoChildren()
}

// TestRulesThatEatMemoryDieAlone has the real yara and a million matches of each
// of many strings.
func TestRulesThatEatMemoryDieAlone(t *testing.T) {
	var rule strings.Builder
	rule.WriteString("rule Eats { strings:\n")
	for i := range 40 {
		fmt.Fprintf(&rule, "$s%d = { 00 00 00 00 [0-%d] 00 00 00 }\n", i, i)
	}
	rule.WriteString("condition: for all of them : ( # > 10000000 ) }\n")
	w := newWorld(t, "a.yar", rule.String())
	w.config.MaxMemory = 64 << 20
	w.open()
	o := w.object(strings.Repeat("\x00", 1<<20))
	r, err := w.Scan(context.Background(), o)
	t.Log(err)
	if err == nil {
		t.Errorf("no error, but %+v", r)
	}
	w.wantNoChildren()
}

func TestChildrenWriteNoFiles(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	target := w.path("written")
	w.config.Program = w.program("writes", whenScanning+`echo something > `+target+`; exec $YARA "$@"`)
	w.open()
	if r, err := w.Scan(context.Background(), w.object("hello")); err == nil {
		t.Logf("the result is %+v", r)
	}
	if i, err := os.Stat(target); err == nil && i.Size() > 0 {
		t.Errorf("%d bytes were written", i.Size())
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		named  string
	}{
		"no yara":      {func(w *world) { w.config.Program = w.path("nowhere") }, "nowhere"},
		"no yarac":     {func(w *world) { w.config.Compiler = w.path("nowhere") }, "nowhere"},
		"no program":   {func(w *world) { w.config.Program = w.dir }, "is not installed"},
		"no such name": {func(w *world) { w.config.Compiler = "yarac-of-nobody" }, "yarac-of-nobody"},
		"no interpreter": {func(w *world) {
			if err := os.WriteFile(w.path("broken"), []byte("#!/nowhere/sh\n"), 0o700); err != nil {
				w.t.Fatal(err)
			}
			w.config.Compiler = w.path("broken")
		}, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a.yar", hello)
			c.change(w)
			w.open()
			h := w.Health(context.Background())
			if !strings.Contains(h.Trouble, c.named) || !strings.Contains(h.Trouble, "install the package") {
				t.Errorf("the trouble is %q", h.Trouble)
			}
			w.fails()
		})
	}
}

// TestProgramsThatComeLaterAreUsed has what an installation does.
func TestProgramsThatComeLaterAreUsed(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.path("later")
	w.open()
	w.fails()
	real, err := exec.LookPath("yara")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, w.path("later")); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(10 * time.Second)
	w.until("the program", func(h engine.Health) bool { return h.Trouble == "" })
	w.wants("hello", "Says_Hello")
	if err := os.Remove(w.path("later")); err != nil {
		t.Fatal(err)
	}
	w.fails()
	if h := w.Health(context.Background()); !strings.Contains(h.Trouble, "later is not installed") {
		t.Errorf("the trouble is %q", h.Trouble)
	}
}

func TestHealthOfAProgramThatHangs(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.program("hangs", `case "$*" in *--version*) exec sleep 1000;; esac; exec $YARA "$@"`)
	w.open()
	w.wants("hello", "Says_Hello")
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if h := w.Health(ctx); !strings.Contains(h.Trouble, "yara does not run") {
		t.Errorf("the trouble is %q", h.Trouble)
	}
	w.wantNoChildren()
}

// TestChildrenDieWithTheDaemon kills a process that scans, as kill -9 and the
// kernel's lack of memory do.
func TestChildrenDieWithTheDaemon(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.program("slow", whenScanning+"exec sleep 1000")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), dyingDir+"="+w.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sleeping := func() bool {
		for _, pid := range children(w.path("state")) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if pid != cmd.Process.Pid && strings.HasPrefix(string(line), "sleep\x00") {
				return true
			}
		}
		return false
	}
	poll(t, "the child", sleeping)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	w.wantNoChildren()
}

const dyingDir = "VEDETTE_TEST_DYING_DIR"

// scanUntilKilled is the process of TestChildrenDieWithTheDaemon.
func scanUntilKilled(dir string) {
	w := &world{clock: &clock{now: time.Now()}, dir: dir}
	e, err := yara.New(yara.Config{Program: w.path("slow"), Rules: []string{w.path("rules")}, Dir: w.path("state"), Logger: discard(), Now: w.clock.Now})
	if err != nil {
		panic(err)
	}
	object := w.path("object")
	if err := os.WriteFile(object, []byte("hello"), 0o600); err != nil {
		panic(err)
	}
	_, err = e.Scan(context.Background(), engine.Object{Path: object, Size: 5})
	panic(fmt.Sprint("the scan ended: ", err))
}
