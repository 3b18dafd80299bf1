package queue

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	agentv1 "vedette/proto/agent/v1"
)

// Batch collects events until they make a full package.
type Batch struct {
	events []*agentv1.Event
	size   int
}

// Add takes one event. When the event does not fit any more, Add returns the
// package before it, which the caller queues, and the event begins the next.
func (b *Batch) Add(e *agentv1.Event) (full []*agentv1.Event) {
	n := protowire.SizeTag(4) + protowire.SizeBytes(proto.Size(e))
	if len(b.events) == MaxEvents || (len(b.events) > 0 && b.size+n > MaxSize) {
		full = b.Take()
	}
	b.events = append(b.events, e)
	b.size += n
	return full
}

// Len is how many events wait.
func (b *Batch) Len() int { return len(b.events) }

// Full reports that no further event fits by count.
func (b *Batch) Full() bool { return len(b.events) >= MaxEvents }

// Take returns what waits and starts anew.
func (b *Batch) Take() []*agentv1.Event {
	events := b.events
	b.events, b.size = nil, 0
	return events
}
