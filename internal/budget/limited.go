package budget

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of a limited log.
const (
	// maxLines is how many lines of one text pass in a period, whatever their
	// addresses.
	maxLines = 10
	// maxSources is how many pairs of text and address are remembered.
	maxSources = 4096
	// maxTexts is how many texts are remembered. Texts are constants of the
	// program, so this bound is not met in practice.
	maxTexts = 512
)

// Limited is a log handler for what strangers cause. Of lines with the same
// text and the same address one passes in each period, and of lines with the
// same text at most ten from all addresses together. What is held back is
// counted, and the next line of that text that passes carries the count as
// "suppressed". Flush reports counts that no line has carried yet.
//
// An error line is treated like any other: it is for listeners' logs, where
// errors are what a stranger can cause most easily.
type Limited struct {
	next  slog.Handler
	state *limitedState
	// source is what With attributes gave as the address.
	source string
	nested bool // inside a group, where an address is not the line's own
}

type limitedState struct {
	every time.Duration
	now   func() time.Time
	by    []string

	mu      sync.Mutex
	sources map[source]time.Time // until when lines are held back
	texts   map[string]*textCount
}

type source struct{ text, value string }

type textCount struct {
	next       slog.Handler
	level      slog.Level
	until      time.Time // end of the period
	passed     int       // in this period
	suppressed uint64    // not yet reported
}

// NewLimited wraps a handler. The attributes named in by tell sources apart,
// usually "address".
func NewLimited(h slog.Handler, every time.Duration, now func() time.Time, by ...string) *Limited {
	return &Limited{next: h, state: &limitedState{
		every: every, now: now, by: by,
		sources: make(map[source]time.Time), texts: make(map[string]*textCount),
	}}
}

// Enabled asks the wrapped handler.
func (l *Limited) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, level)
}

// Handle passes the record on, or counts it.
func (l *Limited) Handle(ctx context.Context, r slog.Record) error {
	from := l.source
	if !l.nested {
		r.Attrs(func(a slog.Attr) bool {
			from = l.state.extend(from, a)
			return true
		})
	}
	suppressed, pass := l.state.admit(l.next, r, source{text: r.Message, value: from})
	if !pass {
		return nil
	}
	if suppressed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Uint64("suppressed", suppressed))
	}
	return l.next.Handle(ctx, r)
}

// WithAttrs returns a handler that shares the counts.
func (l *Limited) WithAttrs(attrs []slog.Attr) slog.Handler {
	inner := *l
	inner.next = l.next.WithAttrs(attrs)
	if !l.nested {
		for _, a := range attrs {
			inner.source = l.state.extend(inner.source, a)
		}
	}
	return &inner
}

// WithGroup returns a handler that shares the counts.
func (l *Limited) WithGroup(name string) slog.Handler {
	inner := *l
	inner.next = l.next.WithGroup(name)
	inner.nested = l.nested || name != ""
	return &inner
}

// Flush writes one line for every text of which lines were held back and not
// yet reported. Call it now and then, and at the end.
func (l *Limited) Flush(ctx context.Context) error {
	type report struct {
		handler slog.Handler
		record  slog.Record
	}
	var reports []report
	s := l.state
	s.mu.Lock()
	for text, t := range s.texts {
		if t.suppressed > 0 {
			r := slog.NewRecord(s.now(), t.level, text, 0)
			r.AddAttrs(slog.Uint64("suppressed", t.suppressed))
			reports = append(reports, report{t.next, r})
			t.suppressed = 0
		}
	}
	s.mu.Unlock()
	slices.SortFunc(reports, func(a, b report) int { return strings.Compare(a.record.Message, b.record.Message) })
	var errs []error
	for _, r := range reports {
		errs = append(errs, r.handler.Handle(ctx, r.record))
	}
	return errors.Join(errs...)
}

// Report flushes now and then, and at the end, until ctx ends.
func (l *Limited) Report(ctx context.Context, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		if err := l.Flush(context.WithoutCancel(ctx)); err != nil {
			log.Warn("count held back log lines", "error", err)
		}
	}
}

// extend adds an attribute to the source if it is one that tells sources apart.
func (s *limitedState) extend(from string, a slog.Attr) string {
	if !slices.Contains(s.by, a.Key) {
		return from
	}
	value := a.Value.Resolve().String()
	if len(value) > 128 {
		value = value[:128]
	}
	return from + a.Key + "=" + value + "\x00"
}

// admit decides about one line and returns the count it is to carry.
func (s *limitedState) admit(next slog.Handler, r slog.Record, from source) (suppressed uint64, pass bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	t := s.text(next, r, now)
	if t == nil {
		return 0, true
	}
	if !now.Before(t.until) || t.until.Sub(now) > s.every { // the latter: the clock was set back
		t.until, t.passed = now.Add(s.every), 0
	}
	until, seen := s.sources[from]
	held := seen && now.Before(until) && until.Sub(now) <= s.every
	if held || t.passed >= maxLines || !s.remember(from, now) {
		t.suppressed++
		return 0, false
	}
	t.passed++
	suppressed, t.suppressed = t.suppressed, 0
	return suppressed, true
}

// text finds the count of a text; nil when there are too many.
func (s *limitedState) text(next slog.Handler, r slog.Record, now time.Time) *textCount {
	t, ok := s.texts[r.Message]
	if !ok {
		if len(s.texts) >= maxTexts {
			return nil
		}
		t = &textCount{until: now.Add(s.every)}
		s.texts[r.Message] = t
	}
	t.next, t.level = next, r.Level
	return t
}

// remember holds further lines of a source back for one period. False means
// that too many sources are held back already.
func (s *limitedState) remember(from source, now time.Time) bool {
	if len(s.sources) >= maxSources {
		for k, until := range s.sources {
			if !now.Before(until) || until.Sub(now) > s.every {
				delete(s.sources, k)
			}
		}
		if len(s.sources) >= maxSources {
			return false
		}
	}
	s.sources[from] = now.Add(s.every)
	return true
}
