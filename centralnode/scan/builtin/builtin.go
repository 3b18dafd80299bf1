package builtin

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vedette/centralnode/scan/engine"
)

const (
	// lookEvery is how long a file may have changed before it is noticed.
	lookEvery = 10 * time.Second
	maxFiles  = 64
)

// Config says what the engine looks for beside the EICAR test file.
type Config struct {
	Hashes []string // files of hash lists
	Rules  []string // files of byte rules
	Logger *slog.Logger
	Now    func() time.Time
}

// Engine is the built-in engine. It is an engine.Engine.
type Engine struct {
	c       Config
	current atomic.Pointer[ruleSet]
	trouble atomic.Pointer[string]

	ctx   context.Context // of the reloads: they belong to no scan
	close context.CancelFunc
	ended sync.WaitGroup // of the reload

	mu     sync.Mutex // guards looked, closed and reloading
	looked time.Time
	closed bool
	// reloading owns sources.
	reloading bool
	sources   []*source
}

var _ engine.Engine = (*Engine)(nil)

// New reads all files. It fails for a configuration that can never work; a file
// that cannot be used now is Health's to tell.
func New(c Config) (*Engine, error) {
	e := &Engine{c: c}
	for _, list := range []bool{true, false} {
		paths, what := c.Rules, "rules"
		if list {
			paths, what = c.Hashes, "hashes"
		}
		for _, path := range paths {
			if path == "" {
				return nil, fmt.Errorf("%s: an empty name is no file", what)
			}
			path, err := filepath.Abs(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", what, err)
			}
			if slices.ContainsFunc(e.sources, func(s *source) bool { return s.path == path }) {
				return nil, fmt.Errorf("%s: %s is named twice", what, path)
			}
			e.sources = append(e.sources, &source{path: path, list: list})
		}
	}
	if len(e.sources) > maxFiles {
		return nil, fmt.Errorf("%d files of hashes and rules are named, at most %d are allowed", len(e.sources), maxFiles)
	}
	e.ctx, e.close = context.WithCancel(context.Background())
	e.looked = c.Now()
	e.load(true)
	return e, nil
}

// Name is "builtin".
func (e *Engine) Name() string { return "builtin" }

// Technology is AntiMalware.
func (e *Engine) Technology() engine.Technology { return engine.AntiMalware }

// Scan looks at one object, reading it once at most. While a file of the
// configuration was never read, it fails for objects in which nothing was found.
func (e *Engine) Scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	e.look()
	s := e.current.Load()
	r, err := s.scan(ctx, o)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = engine.ErrTimeout
	}
	return r, err
}

func (s *ruleSet) scan(ctx context.Context, o engine.Object) (engine.Result, error) {
	r := engine.Result{RuleSet: s.version, DataBaseVersion: s.dataBaseVersion}
	if ctx.Err() != nil {
		return engine.Result{}, context.Cause(ctx)
	}
	var md5Sum [md5.Size]byte
	var sha256Sum [sha256.Size]byte
	if err := errors.Join(parseSum(md5Sum[:], o.MD5), parseSum(sha256Sum[:], o.SHA256)); err != nil {
		return engine.Result{}, err
	}
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
	head := make([]byte, min(o.Size, bufferSize))
	if _, err := io.ReadFull(f, head); err != nil {
		return engine.Result{}, fmt.Errorf("read the object: %w", err)
	}
	typ, err := recognise(head)
	if err != nil {
		return engine.Result{}, err
	}
	r.Type = typ.name()
	if r.Detections, err = s.look(ctx, object{f, o.Size, head, typ}, md5Sum, sha256Sum); err != nil {
		return engine.Result{}, err
	}
	if s.missing != "" {
		if len(r.Detections) == 0 {
			return engine.Result{}, errors.New(s.missing)
		}
		r.Skipped = s.missing
	}
	return r, nil
}

// Health tells what is in use, and which file is not.
func (e *Engine) Health(context.Context) engine.Health {
	e.look()
	s := e.current.Load()
	return engine.Health{RuleSet: s.version, Rules: s.count, Trouble: *e.trouble.Load()}
}

// Close ends a reload that is under way.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.close()
	e.ended.Wait()
	return nil
}

// look has the files looked at when that is due, and does not wait: whoever scans
// meanwhile goes on with the rules there are.
func (e *Engine) look() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.c.Now()
	since := now.Sub(e.looked)
	if e.closed || e.reloading || since >= 0 && since < lookEvery || len(e.sources) == 0 {
		return
	}
	e.looked, e.reloading = now, true
	e.ended.Go(func() {
		e.load(false)
		e.mu.Lock()
		e.reloading = false
		e.mu.Unlock()
	})
}

// load reads what has changed and puts it to use.
func (e *Engine) load(always bool) {
	changed := always
	for _, s := range e.sources {
		hashes, left := maxHashes, room{maxRules, maxPatternBytes}
		for _, other := range e.sources {
			if other != s && other.hashes != nil {
				hashes -= other.hashes.len()
			}
			if other != s {
				left.rules -= len(other.rules)
				left.bytes -= other.patternBytes()
			}
		}
		was := s.trouble
		c, err := s.look(e.ctx, hashes, left)
		if err != nil {
			return // the engine is being closed
		}
		if s.trouble != "" && s.trouble != was {
			e.c.Logger.Warn("file of rules not in use as it is now", "trouble", s.trouble)
		}
		changed = changed || c
	}
	if !changed {
		return
	}
	for _, s := range e.sources {
		if s.trouble != "" {
			s.stamp = stamp{} // another file may have made room for it
		}
	}
	set := assemble(e.sources)
	trouble := troubleOf(e.sources)
	e.current.Store(set)
	e.trouble.Store(&trouble)
	e.c.Logger.Info("rules in use", "rule_set", set.version, "rules", set.count)
}

// assemble makes one set of rules of what the files hold.
func assemble(sources []*source) *ruleSet {
	set, sum := &ruleSet{count: 1, version: "eicar"}, sha256.New()
	var newest time.Time
	var rules []rule
	for _, s := range sources {
		if !s.loaded {
			set.missing = s.trouble
			continue
		}
		sum.Write(s.sum[:])
		if s.when.After(newest) {
			newest = s.when
		}
		if s.list {
			set.lists = append(set.lists, s.hashes)
			set.count += s.hashes.len()
			continue
		}
		rules = append(rules, s.rules...)
		set.count += len(s.rules)
	}
	set.compile(rules)
	if newest.IsZero() {
		return set
	}
	newest = newest.UTC()
	set.version = newest.Format("2006-01-02-") + hex.EncodeToString(sum.Sum(nil)[:4])
	set.dataBaseVersion = dataBaseVersion(newest)
	return set
}

// dataBaseVersion is a time as the documented integer, 0 for one that it cannot
// hold.
func dataBaseVersion(t time.Time) int64 {
	year, month, day := t.Date()
	if year < 1 || year > 9999 {
		return 0
	}
	return (((int64(year)*100+int64(month))*100+int64(day))*100+int64(t.Hour()))*100 + int64(t.Minute())
}

// troubleOf is one sentence of what is wrong with the files.
func troubleOf(sources []*source) string {
	var all []string
	for _, s := range sources {
		if s.trouble != "" {
			all = append(all, s.trouble)
		}
	}
	if len(all) > 3 {
		all = append(all[:3], fmt.Sprintf("and %d more files", len(all)-3))
	}
	return strings.Join(all, "; ")
}
