package eventlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

const (
	// maxListBytes bounds what one List reads.
	maxListBytes = 2 << 30
	// arrivalSlack is how far packages may lie out of the order of their
	// arrival, because one waited longer than another for the disk.
	arrivalSlack = 2 * publishTimeout
)

// List yields the stored records that match, oldest arrival first, until yield
// returns false or Filter.Limit is reached. It reads every package of the time
// range; a *BoundError says that it stopped before the range's end.
func (l *Log) List(ctx context.Context, f Filter, yield func(Record) bool) error {
	s, err := l.session()
	if err != nil {
		return err
	}
	st, err := s.info(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	m, err := newMatcher(f)
	if err != nil {
		return err
	}
	from := st.FirstSeq
	if !f.Since.IsZero() {
		if from, err = s.since(ctx, st, f.Since.Add(-arrivalSlack)); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	from = max(from, f.After+1)
	bound := BoundError{After: f.After}
	read, yielded := 0, 0
	err = s.scan(ctx, scan{from: from, to: st.LastSeq, filter: m.subject}, func(e envelope) (bool, error) {
		if !f.Until.IsZero() && !e.received.Before(f.Until.Add(arrivalSlack)) {
			return false, nil
		}
		if read > l.listBytes {
			bound.Next = e.received
			return false, &bound
		}
		read += len(e.body)
		bound.Packages++
		bound.After = e.streamSeq
		if !m.inTime(e.received) {
			return true, nil
		}
		return m.each(&e, func(r Record) bool {
			yielded++
			return yield(r) && yielded != f.Limit
		})
	})
	if err != nil && ctx.Err() == nil && s.failed() != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// matcher is a filter made ready.
type matcher struct {
	filter  Filter
	subject string
	text    string
}

func newMatcher(f Filter) (*matcher, error) {
	m := &matcher{filter: f, subject: subjectAll, text: strings.ToLower(f.Text)}
	if f.AgentID != "" {
		if !agentv1.ValidID(f.AgentID) {
			return nil, fmt.Errorf("%w: agent id must be 32 lower-case hexadecimal digits", ErrInvalid)
		}
		m.subject = subjectPrefix + f.AgentID + ".*"
	}
	return m, nil
}

func (m *matcher) inTime(t time.Time) bool {
	return !t.Before(m.filter.Since) && (m.filter.Until.IsZero() || t.Before(m.filter.Until))
}

// each yields the package's matching records; false means no more are wanted.
// A body that cannot be decoded has none.
func (m *matcher) each(e *envelope, yield func(Record) bool) (bool, error) {
	if m.filter.Host != "" && !strings.EqualFold(m.filter.Host, e.host) {
		return true, nil
	}
	events, err := e.events()
	if err != nil {
		return true, nil
	}
	for i, ev := range events {
		if m.filter.Kind != "" && KindOf(ev) != m.filter.Kind {
			continue
		}
		if m.text != "" && !hasText(ev, m.text) {
			continue
		}
		if !yield(e.record(i, ev)) {
			return false, nil
		}
	}
	return true, nil
}

// hasText says whether one of the event's texts has the lower-case text in it.
func hasText(e *agentv1.Event, text string) bool {
	has := func(values ...string) bool {
		for _, v := range values {
			if strings.Contains(strings.ToLower(v), text) {
				return true
			}
		}
		return false
	}
	switch k := e.GetKind().(type) {
	case *agentv1.Event_ProcessStart:
		p := k.ProcessStart
		return has(p.GetExecutable(), p.GetUserName(), p.GetUserId(), p.GetWorkingDirectory(), p.GetParentExecutable()) ||
			has(p.GetArgs()...) || has(strings.Join(p.GetArgs(), " "))
	case *agentv1.Event_ProcessExit:
		return has(k.ProcessExit.GetExecutable())
	case *agentv1.Event_CollectorNotice:
		return has(k.CollectorNotice.GetCode(), k.CollectorNotice.GetText())
	}
	return false
}
