package collect

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "vedette/proto/agent/v1"
)

// Names of sources, as in Host.collector.
const (
	NameConnector = "proc-connector"
	NamePoll      = "proc-poll"
)

// Codes of notices that a source writes.
const (
	NoticeOverrun = "kernel-overrun"
	NoticeChanged = "collector-changed"
)

// UnknownExitCode stands for the code of a process whose end was seen too late
// to learn it.
const UnknownExitCode = -1

// Source tells of process starts and exits.
type Source interface {
	// Name is NameConnector or NamePoll. It may change while Run runs.
	Name() string
	// Limits says in one sentence what the source may miss.
	Limits() string
	// Run calls emit, from one goroutine, for each event until the context
	// ends (then it returns nil) or the source fails.
	Run(ctx context.Context, emit func(*agentv1.Event)) error
}

// Options say how to look.
type Options struct {
	Log  *slog.Logger     // required
	Proc string           // where procfs is mounted; empty means /proc
	Poll time.Duration    // how often /proc is read without the connector; 0 means one second
	Now  func() time.Time // nil means time.Now
}

func (o Options) withDefaults() Options {
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Open takes the best source there is and says in the log which and why. The
// source that it returns changes to polling when the connector fails later.
func Open(o Options) Source {
	o = o.withDefaults()
	c, err := NewConnector(o)
	if err != nil {
		p := NewPoll(o)
		o.Log.Warn("collecting from /proc: the kernel's proc connector cannot be used", "reason", err, "limits", p.Limits())
		return p
	}
	o.Log.Info("collecting from the kernel's proc connector")
	return &fallback{options: o, current: c}
}

// fallback begins with one source and changes to polling when it fails.
type fallback struct {
	options Options

	mu      sync.Mutex
	current Source
}

func (f *fallback) source() Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.current
}

func (f *fallback) Name() string   { return f.source().Name() }
func (f *fallback) Limits() string { return f.source().Limits() }

func (f *fallback) Run(ctx context.Context, emit func(*agentv1.Event)) error {
	err := f.source().Run(ctx, emit)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	p := NewPoll(f.options)
	f.mu.Lock()
	f.current = p
	f.mu.Unlock()
	f.options.Log.Error("the kernel's proc connector failed, collecting from /proc", "error", err, "limits", p.Limits())
	emit(Notice(f.options.Now(), NoticeChanged, "the proc connector failed; "+p.Limits(), 0))
	return p.Run(ctx, emit)
}

// Notice is the agent's own word about what it may have missed.
func Notice(now time.Time, code, text string, count uint64) *agentv1.Event {
	return newEvent(now, &agentv1.Event{Kind: &agentv1.Event_CollectorNotice{
		CollectorNotice: &agentv1.CollectorNotice{Code: code, Text: text, Count: count},
	}})
}

func newEvent(now time.Time, e *agentv1.Event) *agentv1.Event {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	e.Id = hex.EncodeToString(id[:])
	e.Time = timestamppb.New(now)
	return e
}

// errGone says that a process ended before it could be read.
var errGone = errors.New("process is gone")
