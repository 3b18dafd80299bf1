package eventlog

import (
	"fmt"
	"strings"
	"time"

	agentv1 "vedette/proto/agent/v1"
)

// matcher is a filter made ready.
type matcher struct {
	filter  Filter
	subject string
	text    string
	sieve   sieve
}

func newMatcher(f Filter) (*matcher, error) {
	m := &matcher{filter: f, subject: subjectAll, text: strings.ToLower(f.Text)}
	m.sieve = newSieve(m.text)
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
	if !m.sieve.may(e.body) {
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
