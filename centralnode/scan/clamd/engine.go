package clamd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/internal/budget"
)

// Defaults of a Config.
const (
	// DefaultMaxFileSize is clamd's own default of MaxScanSize. (Its MaxFileSize is
	// 100M by default, 25M as Debian ships it; see the package comment why the two
	// have to be equal.)
	DefaultMaxFileSize = 400 << 20
	DefaultTimeout     = 2 * time.Minute
)

// maxSent is the largest object that is sent: clamd looks at none of 2 GiB or
// more.
const maxSent = 2<<30 - 1

// failuresInARow are the fault of clamd, not of an object.
const failuresInARow = 3

// Config says where clamd is.
type Config struct {
	// Address is unix:/path, /path, tcp://host:port or host:port.
	Address string
	// MaxFileSize is the size of MaxFileSize and MaxScanSize in clamd.conf, in
	// bytes; zero: DefaultMaxFileSize. What is larger was not looked at as a whole,
	// whatever clamd says.
	MaxFileSize int64
	// Timeout is how long one object may take; zero: DefaultTimeout.
	Timeout time.Duration
	Logger  *slog.Logger
	Now     func() time.Time // its zone is taken for that of clamd
}

// Engine has clamd look at objects. The number of connections at a time is its
// callers': each Scan has one.
type Engine struct {
	c                Config
	network, address string
	probes           func() (probes, error)

	checking budget.Gate // one check at a time; taken before mu

	mu        sync.Mutex // guards what follows
	state     state
	forgotten uint64 // how often
	failures  int    // looks in a row that gave no verdict
	why       string // why the last one did not
	told      string // the trouble that was logged last
	asked     bool   // something was logged
}

// New makes an Engine. It fails only for a configuration that cannot work:
// whether clamd is there shows when it is asked.
func New(c Config) (*Engine, error) {
	network, address, err := parseAddress(c.Address)
	if err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	if c.MaxFileSize < 0 || c.MaxFileSize >= maxSent {
		return nil, fmt.Errorf("clamd: the largest file is %d bytes, and must be less than 2 GiB", c.MaxFileSize)
	}
	if c.Timeout < 0 {
		return nil, fmt.Errorf("clamd: the timeout is %s, and must not be negative", c.Timeout)
	}
	if c.MaxFileSize == 0 {
		c.MaxFileSize = DefaultMaxFileSize
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	e := &Engine{c: c, network: network, address: address, checking: budget.NewGate(1)}
	// Made when they are needed first: that takes a while.
	e.probes = sync.OnceValues(func() (probes, error) { return makeProbes(c.MaxFileSize) })
	return e, nil
}

// Name is "clamd".
func (e *Engine) Name() string { return "clamd" }

// Technology is anti-malware.
func (e *Engine) Technology() engine.Technology { return engine.AntiMalware }

// Scan has clamd look at one object.
func (e *Engine) Scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, e.c.Timeout)
	defer cancel()
	known, err := e.check(ctx, false)
	if err != nil {
		return engine.Result{}, err
	}
	result := engine.Result{RuleSet: known.version.ruleSet, DataBaseVersion: known.version.dataBase}
	if o.Size > maxSent {
		result.Skipped = "clamd looks at no object of 2 GiB or more"
		return result, nil
	}
	file, err := os.Open(o.Path)
	if err != nil {
		return engine.Result{}, &unreadableError{err}
	}
	defer file.Close()
	if err := isWhole(file, o.Size); err != nil {
		return engine.Result{}, err
	}
	v, err := e.look(ctx, file, o.Size)
	e.count(err)
	if err != nil {
		return engine.Result{}, err
	}
	result.Detections, result.Skipped = v.detections(), v.skipped(o.Size)
	switch {
	case result.Skipped != "" || len(result.Detections) > 0:
	case o.Size > e.c.MaxFileSize:
		result.Skipped = fmt.Sprintf("the object has %d bytes, clamd looks at %s (max_file_size): raise it there, and MaxFileSize and MaxScanSize in clamd.conf", o.Size, size(e.c.MaxFileSize))
	case !known.watch.same(): // its settings may not be those that were tried out
		return engine.Result{}, e.another()
	default:
		result.Skipped = known.trouble
	}
	return result, nil
}

// look sends an object and reads the verdict. An error that comes from clamd
// makes the next check ask for everything again.
func (e *Engine) look(ctx context.Context, file *os.File, size int64) (verdict, error) {
	a, err := e.stream(ctx, file, size)
	var v verdict
	if err == nil {
		v, err = parseVerdict(a)
	}
	var unreadable *unreadableError
	if err != nil && !errors.As(err, &unreadable) && !errors.Is(err, context.Canceled) {
		e.forget(err)
	}
	return v, err
}

// count counts the looks in a row that gave no verdict.
func (e *Engine) count(err error) {
	var unreadable *unreadableError
	if errors.As(err, &unreadable) || errors.Is(err, context.Canceled) {
		return // this says nothing of clamd
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures, e.why = e.failures+1, ""
	if err == nil {
		e.failures = 0
	} else {
		e.why = err.Error()
	}
}

// failing says that clamd answers what it is asked and gives no verdicts;
// nothing while it does.
func (e *Engine) failing() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failures < failuresInARow {
		return ""
	}
	return fmt.Sprintf("clamd answers, but the last %d objects got no verdict: %s; see its log", e.failures, e.why)
}

// isWhole refuses what is not the file that was submitted.
func isWhole(file *os.File, size int64) error {
	info, err := file.Stat()
	if err != nil {
		return &unreadableError{err}
	}
	if !info.Mode().IsRegular() || info.Size() != size {
		return &unreadableError{fmt.Errorf("%s is not a regular file of %d bytes", file.Name(), size)}
	}
	return nil
}

// Health asks clamd for its version and whether its OK can be believed.
func (e *Engine) Health(ctx context.Context) engine.Health {
	ctx, cancel := context.WithTimeout(ctx, e.c.Timeout)
	defer cancel()
	known, err := e.check(ctx, true)
	if err != nil {
		return engine.Health{Trouble: unreachable + ": " + err.Error() + "; check that it runs, listens at this address and lets this daemon connect"}
	}
	return engine.Health{Version: known.version.program, RuleSet: known.version.ruleSet, Trouble: cmp.Or(known.trouble, e.failing())}
}

// Close ends the connection that is kept between Scans. There must be none any
// more.
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.state.watch.end()
	e.state = state{}
	return nil
}

var _ engine.Engine = (*Engine)(nil)
