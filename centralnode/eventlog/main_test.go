package eventlog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	agentv1 "vedette/proto/agent/v1"
)

// TestMain turns this binary into a crash harness's child when it is told so.
func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		if err := runChild(spec); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// memory keeps checkpoints in memory and can be told to fail.
type memory struct {
	mu     sync.Mutex // guards what follows
	queues map[QueueKey]QueueState
	at     Position
	saves  int
	err    error
}

func (c *memory) Load(_ context.Context, key QueueKey) (QueueState, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.queues[key]
	return s, ok, c.err
}

func (c *memory) Position(context.Context) (Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, nil
}

func (c *memory) Save(_ context.Context, changed map[QueueKey]QueueState, at Position) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.queues == nil {
		c.queues = make(map[QueueKey]QueueState)
	}
	maps.Copy(c.queues, changed)
	c.at = at
	c.saves++
	return nil
}

func (c *memory) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// file keeps checkpoints in one file, replaced durably, for tests that crash.
type file struct {
	memory
	dir string
}

type fileContent struct {
	At     Position
	Queues map[string]QueueState
	Keys   map[string]QueueKey
}

func openFile(dir string) (*file, error) {
	f := &file{dir: dir}
	b, err := os.ReadFile(filepath.Join(dir, "checkpoints.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	var c fileContent
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, err
	}
	f.at = c.At
	f.queues = make(map[QueueKey]QueueState)
	for name, s := range c.Queues {
		f.queues[c.Keys[name]] = s
	}
	return f, nil
}

func (f *file) Save(ctx context.Context, changed map[QueueKey]QueueState, at Position) error {
	if err := f.memory.Save(ctx, changed, at); err != nil {
		return err
	}
	c := fileContent{At: at, Queues: make(map[string]QueueState), Keys: make(map[string]QueueKey)}
	f.mu.Lock()
	for k, s := range f.queues {
		c.Queues[k.subject()], c.Keys[k.subject()] = s, k
	}
	f.mu.Unlock()
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	path := filepath.Join(f.dir, "checkpoints.json")
	w, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	if err := errors.Join(err, w.Sync(), w.Close(), os.Rename(path+".tmp", path)); err != nil {
		return err
	}
	return syncPath(f.dir)
}

// id makes a 32 digit id of a number.
func id(n int) string { return fmt.Sprintf("%032x", n) }

// newPackage makes a package whose content follows from its numbers.
func newPackage(agent int, seq uint64, size int) Package {
	return Package{
		AgentID: id(agent), QueueID: id(1<<20 + agent), Seq: seq,
		Way: "direct", Remote: "192.0.2.7", Host: fmt.Sprintf("host-%d", agent), PolicyRevision: 7,
		Events: content(agent, seq, size),
	}
}

// content makes a few events of about size bytes in all.
func content(agent int, seq uint64, size int) []*agentv1.Event {
	count := min(max(1, size/200), 16)
	return makeEvents(agent, seq, count, max(1, size/count-70))
}

// makeEvents makes events with texts of a length.
func makeEvents(agent int, seq uint64, count, length int) []*agentv1.Event {
	events := make([]*agentv1.Event, count)
	for i := range events {
		h := sha256.Sum256(fmt.Appendf(nil, "%d %d %d", agent, seq, i))
		text := strings.Repeat(hex.EncodeToString(h[:]), length/64+1)[:length]
		events[i] = &agentv1.Event{
			Id: fmt.Sprintf("%08x%016x%08x", agent, seq, i),
			Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
				Pid: uint32(i), Executable: "/usr/bin/" + text,
			}},
		}
	}
	return events
}

// open opens a log in a folder of the test and closes it at the end.
func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	if cfg.Checkpoints == nil {
		cfg.Checkpoints = new(memory)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	l, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

// run runs the log until the test ends.
func run(t testing.TB, l *Log) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}
