package yara

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/foreign"
)

const (
	lookEvery = 10 * time.Second // how long a change may not be noticed
	// Defaults and bounds of Config.
	defaultTimeout = time.Minute
	defaultMemory  = 1 << 30
	minMemory      = 64 << 20
	versionTimeout = 5 * time.Second
	// failuresInARow are the program's fault, not an object's.
	failuresInARow = 3

	rulesPath  = "/proc/self/fd/3"
	objectPath = "/proc/self/fd/4"
)

// Config says which rules objects are compared with, and by which programs.
type Config struct {
	Program, Compiler string        // empty: yara and yarac
	Rules             []string      // files, and folders of *.yar and *.yara
	Dir               string        // for compiled rules, made with mode 0700
	Timeout           time.Duration // for one object; 0: a minute
	// MaxMemory is the address space of a child beside the object, in bytes; 0:
	// 1 GiB, at least 64 MiB.
	MaxMemory int64
	Logger    *slog.Logger
	Now       func() time.Time
}

// Engine compares objects with YARA rules. It is an engine.Engine.
type Engine struct {
	c Config

	ctx   context.Context // of compilations, which belong to no scan; ends with Close
	close context.CancelFunc
	ended sync.WaitGroup // of compilations, scans and questions
	ready chan struct{}  // closed when rules were looked for once

	mu        sync.Mutex // guards what follows
	closed    bool
	looked    time.Time
	looking   bool
	current   *compiled // nil: none yet
	lost      bool      // the current set's file is gone or cannot be read
	trouble   string    // with the rules as they are on disk
	failures  int       // scans in a row
	failed    string    // why the last one did
	version   string
	versioned string // the program's stamp when it said version

	// seen belongs to whoever is looking: what the last look was at.
	seen     *sources
	programs string
	again    bool // whether it did not succeed for a reason that may pass
}

var _ engine.Engine = (*Engine)(nil)

// New begins to compile the rules. It fails for a configuration that can never
// work; programs and rules that cannot be used now are Health's to tell.
func New(c Config) (*Engine, error) {
	if c.Program == "" {
		c.Program = "yara"
	}
	if c.Compiler == "" {
		c.Compiler = "yarac"
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxMemory == 0 {
		c.MaxMemory = defaultMemory
	}
	switch {
	case len(c.Rules) == 0:
		return nil, errors.New("rules: no file and no folder is named")
	case c.Dir == "":
		return nil, errors.New("no folder for compiled rules is named")
	case c.Timeout < 0:
		return nil, fmt.Errorf("timeout: %v is less than nothing", c.Timeout)
	case c.MaxMemory < minMemory:
		return nil, fmt.Errorf("max_memory: yara does not start with less than %d bytes", minMemory)
	}
	c.Rules = slices.Clone(c.Rules)
	paths := []*string{&c.Dir}
	for i := range c.Rules {
		if c.Rules[i] == "" {
			return nil, errors.New("rules: an empty name is no file")
		}
		paths = append(paths, &c.Rules[i])
	}
	for _, program := range []*string{&c.Program, &c.Compiler} {
		if strings.Contains(*program, "/") { // children run in another folder
			paths = append(paths, program)
		}
	}
	for _, p := range paths {
		absolute, err := filepath.Abs(*p)
		if err != nil {
			return nil, err
		}
		*p = absolute
	}
	for i, path := range c.Rules {
		if slices.Contains(c.Rules[:i], path) {
			return nil, fmt.Errorf("rules: %s is named twice", path)
		}
	}
	e := &Engine{c: c, ready: make(chan struct{}), trouble: "YARA: no rules are in use yet"}
	e.ctx, e.close = context.WithCancel(context.Background())
	e.look()
	return e, nil
}

// Name is "yara".
func (e *Engine) Name() string { return "yara" }

// Technology is YARA.
func (e *Engine) Technology() engine.Technology { return engine.YARA }

// errClosed is what whoever is under way hears from Close.
var errClosed = errors.New("the yara engine is closed")

// enter begins something that Close ends and waits for.
func (e *Engine) enter(ctx context.Context) (inside context.Context, leave func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, errClosed
	}
	e.ended.Add(1)
	inside, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(e.ctx, func() { cancel(errClosed) })
	return inside, func() {
		stop()
		cancel(nil)
		e.ended.Done()
	}, nil
}

// Scan has yara look at one object.
func (e *Engine) Scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	inside, leave, err := e.enter(ctx)
	if err != nil {
		return engine.Result{}, err
	}
	defer leave()
	r, err := e.scan(inside, o)
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = engine.ErrTimeout
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return r, err
}

func (e *Engine) scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	c, rules, err := e.rules(ctx)
	if err != nil {
		return engine.Result{}, err
	}
	defer rules.Close()
	f, err := os.OpenFile(o.Path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return engine.Result{}, fmt.Errorf("open the object: %w", err)
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return engine.Result{}, fmt.Errorf("read the object: %w", err)
	}
	if !i.Mode().IsRegular() || i.Size() != o.Size {
		return engine.Result{}, fmt.Errorf("the object is a %v of %d bytes, and %d were submitted", i.Mode().Type(), i.Size(), o.Size)
	}
	r := engine.Result{RuleSet: c.RuleSet, DataBaseVersion: c.DataBaseVersion}
	out, err := e.ask(ctx, c.Mark, rules, f, o.Size, e.c.Timeout)
	e.count(ctx, err)
	r.Detections = out.detections
	switch {
	case err == nil && out.stopped:
		r.Skipped = fmt.Sprintf("yara stopped after %d rules that are true", maxDetections)
	case err == nil:
		r.Skipped = out.doubt
	case ctx.Err() != nil || len(r.Detections) == 0:
		return engine.Result{}, err
	default:
		// What was found stays found, whatever became of yara after it.
		r.Skipped = "yara did not look at all of the object: " + err.Error()
	}
	return r, nil
}

// rules are those in use, with their file. The first time it waits for them.
func (e *Engine) rules(ctx context.Context) (*compiled, *os.File, error) {
	e.look()
	select {
	case <-e.ready:
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	// A set's file is removed when it is no longer the current one.
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil {
		return nil, nil, errors.New(e.trouble)
	}
	f, err := os.Open(filepath.Join(e.c.Dir, e.current.File))
	if err != nil {
		e.lost = true
		return nil, nil, fmt.Errorf("open the compiled rules: %w", err)
	}
	return e.current, f, nil
}

// answer is what yara said, and how sure it is.
type answer struct {
	output
	doubt string // which rule's result may be incorrect
}

// ask runs yara once. With an error, the answer has what was said before it.
func (e *Engine) ask(ctx context.Context, mark string, rules, object *os.File, size int64, timeout time.Duration, more ...string) (answer, error) {
	args := append([]string{
		"-C", "-e", "-m",
		"-l", fmt.Sprint(maxDetections + 1), // ours is one
		"-a", fmt.Sprint(int64((timeout + time.Second - 1) / time.Second)),
		"-d", fmt.Sprintf("vedette_size_mib=%d", size>>20),
		"-d", fmt.Sprintf("vedette_size_rest=%d", size&(1<<20-1)),
	}, more...)
	done, err := child{
		program: e.c.Program, args: append(args, rulesPath, objectPath), dir: filepath.Join(e.c.Dir, workFolder),
		files: []*os.File{rules, object}, memory: e.c.MaxMemory + size,
		// yara's own limit comes first: it says what it has found.
		timeout: timeout + timeout/8,
	}.run(ctx)
	if err != nil {
		return answer{}, err
	}
	var a answer
	failure := done.failure("yara")
	a.output, err = parseOutput(done.stdout, mark)
	switch {
	case failure != nil:
		e.notice(done.stderr)
		return a, failure
	case err != nil:
		return a, err
	case !a.whole && !a.stopped:
		return a, errors.New("yara ended as if all were well, and does not say that it looked at all of the object")
	}
	a.doubt = firstLine(done.stderr, "")
	return a, nil
}

// notice has the rules compiled again when yara cannot read what yarac wrote, as
// after an upgrade of their library.
func (e *Engine) notice(stderr []byte) {
	for _, said := range []string{"compiled with a different version", "invalid compiled rules", "corrupt compiled rules"} {
		if bytes.Contains(stderr, []byte(said)) {
			e.mu.Lock()
			e.lost = true
			e.mu.Unlock()
		}
	}
}

// count counts the runs of yara that failed in a row.
func (e *Engine) count(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil {
		return // nobody waits any more: this says nothing of yara
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err == nil {
		e.failures, e.failed = 0, ""
		return
	}
	e.failures++
	e.failed = err.Error()
}

// Health tells which rules are in use and what is wrong. It runs the program
// when it is another one than before.
func (e *Engine) Health(ctx context.Context) engine.Health {
	e.look()
	select {
	case <-e.ready:
	case <-ctx.Done():
		return engine.Health{Trouble: "the YARA rules are being compiled: nothing can be looked at before that"}
	}
	inside, leave, err := e.enter(ctx)
	if err != nil {
		return engine.Health{Trouble: err.Error()}
	}
	defer leave()
	version, err := e.programVersion(inside)
	e.mu.Lock()
	defer e.mu.Unlock()
	h := engine.Health{Version: version, Trouble: e.trouble}
	if e.current != nil {
		h.RuleSet, h.Rules = e.current.RuleSet, e.current.Rules
	}
	switch {
	case err != nil:
		h.Trouble = fmt.Sprintf("yara does not run: %v: install the package yara, or correct program in [scan.yara]", err)
	case h.Trouble == "" && e.failures >= failuresInARow:
		h.Trouble = fmt.Sprintf("the last %d scans by yara failed: %s: the daemon's log has more", e.failures, e.failed)
	}
	return h
}

func (e *Engine) programVersion(ctx context.Context) (string, error) {
	stamp := programStamp(e.c.Program)
	e.mu.Lock()
	version, known := e.version, e.versioned == stamp && stamp != ""
	e.mu.Unlock()
	if known {
		return version, nil
	}
	done, err := child{program: e.c.Program, args: []string{"--version"}, dir: "/", timeout: versionTimeout, memory: e.c.MaxMemory}.run(ctx)
	if err == nil {
		err = done.failure("yara")
	}
	version = firstLine(done.stdout, "")
	switch {
	case errors.Is(err, engine.ErrTimeout):
		return "", errors.New("it does not say its version")
	case err != nil:
		return "", err
	case version == "":
		return "", errors.New("it does not say its version")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.version, e.versioned = version, stamp
	return version, nil
}

// Close ends what is under way, and returns when no process of it is left.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.close()
	e.ended.Wait()
	return nil
}

// look has the rules looked at when that is due, and does not wait.
func (e *Engine) look() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.c.Now()
	since := now.Sub(e.looked)
	if e.closed || e.looking || !e.looked.IsZero() && since >= 0 && since < lookEvery {
		return
	}
	first := e.looked.IsZero()
	e.looked, e.looking = now, true
	e.ended.Go(func() {
		e.refresh(e.ctx, first)
		e.mu.Lock()
		e.looking = false
		e.mu.Unlock()
		if first {
			close(e.ready)
		}
	})
}

// refresh puts the rules as they are on disk to use.
func (e *Engine) refresh(ctx context.Context, first bool) {
	if first {
		if c := e.kept(ctx); c != nil {
			e.use(c, "")
		}
	}
	files, err := list(e.c.Rules)
	programs := programStamp(e.c.Program) + " " + programStamp(e.c.Compiler)
	e.mu.Lock()
	current, lost := e.current, e.lost
	e.mu.Unlock()
	if err == nil && !e.again && !lost && e.programs == programs && e.seen.same(files) {
		return
	}
	var s *sources
	if err == nil {
		s, err = read(ctx, files)
	}
	if err == nil && (current == nil || lost || current.Programs != programs || current.Digest != hex.EncodeToString(s.digest[:])) {
		current, err = e.compile(ctx, s, programs)
	}
	if ctx.Err() != nil {
		return // the engine is being closed
	}
	var source *sourceError
	e.seen, e.programs, e.again = s, programs, err != nil && !errors.As(err, &source)
	if err == nil {
		e.use(current, "")
		return
	}
	e.use(nil, e.explain(err))
}

// use puts a set to use, unless it is nil, and says what is wrong.
func (e *Engine) use(c *compiled, trouble string) {
	e.mu.Lock()
	old := e.current
	if c != nil {
		if c != old {
			e.lost = false
		}
		e.current = c
	}
	news := trouble != e.trouble
	e.trouble = trouble
	e.mu.Unlock()
	if c != nil && c != old {
		if old != nil && old.File != c.File {
			_ = os.Remove(filepath.Join(e.c.Dir, old.File)) // the next compilation would, too
		}
		e.c.Logger.Info("rules in use", "rule_set", c.RuleSet, "rules", c.Rules)
	}
	if news && trouble != "" {
		e.c.Logger.Warn("rules not in use as they are now", "trouble", trouble)
	}
}

// explain makes a sentence for an administrator.
func (e *Engine) explain(err error) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	rest := "nothing can be looked at until then"
	if e.current != nil {
		rest = "rule set " + e.current.RuleSet + " stays in use"
	}
	step := "correct the rules"
	var source *sourceError
	var system *os.PathError
	switch {
	case errors.As(err, &source):
	case errors.As(err, &system):
		return fmt.Sprintf("YARA: cannot %s %s: %v; %s: see that it is there and the daemon may use it", system.Op, foreign.Line(system.Path), system.Err, rest)
	case errors.Is(err, errNotStarted):
		step = "install the packages yara and util-linux, or correct program and compiler in [scan.yara]"
	case errors.Is(err, engine.ErrTimeout):
		err, step = errors.New("compiling and trying the rules takes too long"), "find the slow one among those that changed"
	default:
		step = "it is tried again every ten seconds"
	}
	return fmt.Sprintf("YARA: %v; %s: %s", err, rest, step)
}

// same says whether these files, and what they include, are what was read.
func (s *sources) same(files []string) bool {
	if s == nil || !slices.Equal(s.files, files) {
		return false
	}
	for path, was := range s.stamps {
		if stampOf(path) != was {
			return false
		}
	}
	return true
}
