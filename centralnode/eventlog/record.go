package eventlog

import (
	"time"

	agentv1 "vedette/proto/agent/v1"

	"vedette/pki"
)

// Record is one event as the log gives it back. The queue's id is not part of
// it, for it is nobody's to see.
type Record struct {
	// Received is when the Central Node took the package. Event.Time is the
	// agent's own word.
	Received time.Time
	AgentID  string
	// Store is the identity of the event store, and Place where the package lies
	// in it; it grows from package to package.
	Store string
	Place uint64
	// PackageSeq is the package's seq, Index the event's place in the package.
	PackageSeq uint64
	Index      int
	Way        string
	Remote     string
	Leaf       pki.Fingerprint
	// Host is foreign text.
	Host           string
	PolicyRevision uint64
	Event          *agentv1.Event
	// Skipped, in Watch, counts the packages that were left out right before
	// this record because the reader was too slow. Always zero in a search.
	Skipped uint64
}

// Cursor is the place right before the record.
func (r Record) Cursor() Cursor { return Cursor{Store: r.Store, Place: r.Place, Index: r.Index} }

// Behind is the place right behind the record.
func (r Record) Behind() Cursor { return Cursor{Store: r.Store, Place: r.Place, Index: r.Index + 1} }

// Kind names a sort of event in filters.
type Kind string

// The kinds of events, one for each member of agentv1.Event.kind.
const (
	KindProcessStart    Kind = "process-start"
	KindProcessExit     Kind = "process-exit"
	KindCollectorNotice Kind = "collector-notice"
)

// KindOf returns the kind of an event, or "" for one of a newer agent.
func KindOf(e *agentv1.Event) Kind {
	switch e.GetKind().(type) {
	case *agentv1.Event_ProcessStart:
		return KindProcessStart
	case *agentv1.Event_ProcessExit:
		return KindProcessExit
	case *agentv1.Event_CollectorNotice:
		return KindCollectorNotice
	}
	return ""
}

// Filter selects records; empty fields select all.
type Filter struct {
	// Host is compared without regard to case.
	Host    string
	AgentID string
	Kind    Kind
	// Text must occur, without regard to case, in one of the event's texts:
	// executable, arguments, user, working directory, notice.
	Text string
	// Since (inclusive) and Until (exclusive) bound the time of arrival.
	Since, Until time.Time
	// From is the place where a search or a watch begins.
	From Cursor
}
