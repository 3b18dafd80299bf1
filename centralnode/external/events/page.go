package events

import (
	"bytes"
	"encoding/json"
	"fmt"

	"vedette/centralnode/eventlog"
	"vedette/internal/acts"
)

// event is one event as it is answered.
type event struct {
	// Timestamp is acts.Event.Time in microseconds since 1970.
	Timestamp int64
	acts.Event
}

// page is an answer in the making.
type page struct {
	body   bytes.Buffer
	encode *json.Encoder
	events int
}

func newPage() *page {
	p := new(page)
	p.encode = json.NewEncoder(&p.body)
	p.encode.SetEscapeHTML(false)
	p.body.WriteString(`{"events":[`)
	return p
}

// add adds an event.
func (p *page) add(e acts.Event) error {
	before := p.body.Len()
	if p.events > 0 {
		p.body.WriteByte(',')
	}
	if err := p.encode.Encode(event{Timestamp: e.Time.UnixMicro(), Event: e}); err != nil {
		p.body.Truncate(before)
		return fmt.Errorf("encode an event: %w", err)
	}
	p.events++
	return nil
}

// end adds where to go on and returns the body.
func (p *page) end(next eventlog.Cursor) []byte {
	fmt.Fprintf(&p.body, "],\"continuationToken\":%q}\n", encodeToken(next))
	return p.body.Bytes()
}
