package yara_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
)

const goodbye = `rule Says_Goodbye { strings: $a = "hello" condition: $a }` + "\n"

func healthy(h engine.Health) bool { return h.Trouble == "" }

// changed waits for another rule set than this.
func (w *world) changed(before engine.Health) engine.Health {
	w.t.Helper()
	w.clock.pass(10 * time.Second)
	return w.until("new rules", func(h engine.Health) bool { return h.RuleSet != before.RuleSet && h.Trouble == "" })
}

// troubled waits for trouble that says this.
func (w *world) troubled(parts ...string) engine.Health {
	w.t.Helper()
	w.clock.pass(10 * time.Second)
	h := w.until("trouble with "+parts[0], func(h engine.Health) bool { return strings.Contains(h.Trouble, parts[0]) })
	for _, p := range parts {
		if !strings.Contains(h.Trouble, p) {
			w.t.Errorf("the trouble %q does not say %q", h.Trouble, p)
		}
	}
	return h
}

// compiledFiles are the sets on disk.
func (w *world) compiledFiles() []string {
	all, err := filepath.Glob(w.path("state/*.yarc"))
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestChangedRulesAreCompiledAgain(t *testing.T) {
	w := newWorld(t, "a.yar", hello).open()
	w.wants("hello", "Says_Hello")
	before := w.Health(context.Background())
	w.write("a.yar", goodbye)
	w.clock.pass(9 * time.Second)
	w.wants("hello", "Says_Hello")
	w.clock.pass(-9 * time.Second)
	w.changed(before)
	w.wants("hello", "Says_Goodbye")
	before = w.Health(context.Background())
	w.write("b.yar", hello)
	w.changed(before)
	w.wants("hello", "Says_Goodbye", "Says_Hello")
	before = w.Health(context.Background())
	w.remove("a.yar")
	w.changed(before)
	w.wants("hello", "Says_Hello")
	if files := w.compiledFiles(); len(files) != 1 {
		t.Errorf("the sets on disk are %v", files)
	}
}

func TestIncludedFilesAreWatched(t *testing.T) {
	w := newWorld(t, "a.yar", "// include \"nowhere.yar\"\ninclude \"../parts/b.inc\"\n")
	if err := os.Mkdir(w.path("parts"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("../parts/b.inc", `include "c.inc"`+"\n")
	w.write("../parts/c.inc", hello)
	w.open()
	w.wants("hello", "Says_Hello")
	before := w.Health(context.Background())
	w.write("../parts/c.inc", goodbye)
	w.changed(before)
	w.wants("hello", "Says_Goodbye")
	if err := os.Remove(w.path("parts/c.inc")); err != nil {
		t.Fatal(err)
	}
	w.troubled("parts/b.inc(1)", "c.inc", "stays in use")
	w.wants("hello", "Says_Goodbye")
}

func TestRulesThatDoNotCompileLeaveTheOldOnes(t *testing.T) {
	w := newWorld(t, "a.yar", hello, "b.yar", "rule B { condition: false }").open()
	w.wants("hello", "Says_Hello")
	before := w.Health(context.Background())

	w.write("b.yar", "rule B { condition: false }\nrule C {\n condition: nonsense\x1b }\n")
	h := w.troubled("b.yar(3)", "do not compile", before.RuleSet+" stays in use", "correct the rules")
	if h.RuleSet != before.RuleSet || h.Rules != before.Rules || strings.Contains(h.Trouble, "\x1b") {
		t.Errorf("the health is %+v", h)
	}
	w.wants("hello", "Says_Hello")

	// Also over a restart.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	w.wants("hello", "Says_Hello")
	if h := w.Health(context.Background()); h.RuleSet != before.RuleSet || !strings.Contains(h.Trouble, "b.yar(3)") {
		t.Errorf("the health after a restart is %+v", h)
	}

	w.write("b.yar", "rule B { condition: true }")
	w.changed(before)
	w.wants("hello", "Says_Hello", "B")
}

func TestRulesWithoutARuleLeaveTheOldOnes(t *testing.T) {
	w := newWorld(t, "a.yar", hello).open()
	w.wants("hello", "Says_Hello")
	w.write("a.yar", "// nothing\n")
	w.troubled("hold no rule", "stays in use")
	w.wants("hello", "Says_Hello")
	w.remove("a.yar")
	w.troubled("there is no file of rules", "stays in use")
	if err := os.Remove(w.path("rules")); err != nil {
		t.Fatal(err)
	}
	w.troubled("no such file or directory", w.path("rules"), "stays in use")
	w.wants("hello", "Says_Hello")
}

func TestNothingIsCleanWithoutRules(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world) error
		trouble string
	}{
		"no rule":   {func(w *world) error { w.write("a.yar", "// nothing"); return nil }, "hold no rule"},
		"no file":   {func(*world) error { return nil }, "there is no file of rules"},
		"no folder": {func(w *world) error { return os.Remove(w.path("rules")) }, "no such file"},
		"broken":    {func(w *world) error { w.write("a.yar", "rubbish"); return nil }, "a.yar(1)"},
		"pipe":      {func(w *world) error { return syscall.Mkfifo(w.path("rules/a.yar"), 0o600) }, "not a regular file"},
		"no state":  {func(w *world) error { w.write("a.yar", hello); return os.WriteFile(w.path("state"), nil, 0o600) }, "state"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if err := c.prepare(w); err != nil {
				t.Fatal(err)
			}
			w.open()
			for range 4 {
				if err := w.fails(); !strings.Contains(err.Error(), c.trouble) {
					t.Errorf("the error is %v", err)
				}
			}
			h := w.Health(context.Background())
			if !strings.Contains(h.Trouble, c.trouble) || !strings.Contains(h.Trouble, "nothing can be looked at") || h.Rules != 0 {
				t.Errorf("the health is %+v", h)
			}
			// It heals without a restart.
			if err := errors.Join(os.RemoveAll(w.path("rules")), os.RemoveAll(w.path("state")), os.Mkdir(w.path("rules"), 0o700)); err != nil {
				t.Fatal(err)
			}
			w.write("b.yar", hello)
			w.clock.pass(10 * time.Second)
			w.until("no trouble", healthy)
			w.wants("hello", "Says_Hello")
		})
	}
}

// TestRestartsUseTheCompiledRules has a compiler that counts its runs.
func TestRestartsUseTheCompiledRules(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	count := w.path("count")
	w.config.Compiler = w.program("counts", `mkdir `+count+`.$$; exec yarac "$@"`)
	compiled := func() int {
		all, err := filepath.Glob(count + ".*")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	w.open()
	w.wants("hello", "Says_Hello")
	before := w.Health(context.Background())
	for range 2 {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		w.open()
		w.wants("hello", "Says_Hello")
	}
	if h := w.Health(context.Background()); h != before || compiled() != 1 {
		t.Errorf("the rules were compiled %d times, the health is %+v and was %+v", compiled(), h, before)
	}
	// A touch changes nothing.
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(w.path("rules/a.yar"), at, at); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(10 * time.Second)
	w.wants("hello", "Says_Hello")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if compiled() != 1 {
		t.Errorf("the rules were compiled %d times", compiled())
	}
}

// TestDamagedCompiledRulesAreMadeAgain has what disks and people do to files.
func TestDamagedCompiledRulesAreMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"gone":    os.Remove,
		"empty":   func(path string) error { return os.Truncate(path, 0) },
		"cut":     func(path string) error { return os.Truncate(path, 300) },
		"rubbish": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("rubbish", 1000)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a.yar", hello).open()
			w.wants("hello", "Says_Hello")
			harm := func() {
				t.Helper()
				for _, path := range w.compiledFiles() {
					if err := damage(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			// While it runs,
			harm()
			w.fails()
			w.clock.pass(10 * time.Second)
			poll(t, "the rules", func() bool {
				r, err := w.Scan(context.Background(), w.object("hello"))
				return err == nil && len(r.Detections) == 1
			})
			// and while it does not.
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			harm()
			w.open()
			w.wants("hello", "Says_Hello")
		})
	}
}

func TestCompilersThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct{ script, trouble string }{
		"does nothing":   {`exit 0`, "no such file"},
		"writes rubbish": {`for f; do :; done; echo rubbish > "$f"`, "try the compiled rules"},
		"dies":           {`kill -9 $$`, "ended by signal killed"},
		"says nothing":   {`exit 1`, "ended with status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "a.yar", hello)
			w.config.Compiler = w.program("odd", c.script)
			w.open()
			if err := w.fails(); !strings.Contains(err.Error(), c.trouble) {
				t.Errorf("the error is %v", err)
			}
			if files := w.compiledFiles(); len(files) != 0 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
}

func TestCloseEndsACompilation(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Compiler = w.program("slow", "sleep 1000 & wait")
	w.open()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if h := w.Health(ctx); !strings.Contains(h.Trouble, "are being compiled") {
		t.Errorf("the trouble is %q", h.Trouble)
	}
	if _, err := w.Scan(ctx, w.object("hello")); !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
	poll(t, "the compiler", func() bool { return len(children(w.dir)) > 0 })
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.wantNoChildren()
	w.fails()
}

func TestCloseEndsScans(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.program("slow", whenScanning+"sleep 1000 & wait")
	w.open()
	o, done := w.object("hello"), make(chan error)
	go func() {
		_, err := w.Scan(context.Background(), o)
		done <- err
	}()
	poll(t, "a child", func() bool { return len(children(w.dir)) >= 2 })
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.wantNoChildren()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("the error is %v", err)
	}
	if h := w.Health(context.Background()); !strings.Contains(h.Trouble, "closed") {
		t.Errorf("the health is %+v", h)
	}
}
