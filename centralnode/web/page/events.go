package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// writeWithin is how long a browser may take to read; a slower one is cut.
const writeWithin = 10 * time.Second

// Events writes server-sent events.
type Events struct {
	w       http.ResponseWriter
	control *http.ResponseController
	broken  bool
}

// NewEvents begins an answer of events; whoever begins it calls Close.
func NewEvents(w http.ResponseWriter) *Events {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	return &Events{w: w, control: http.NewResponseController(w)}
}

// Send sends one event at once. Its data is written as JSON. The browser gives
// back the id of the last one when it connects again; an empty one is none. An
// error means that nobody listens any more.
func (e *Events) Send(name, id string, data any) error {
	var text bytes.Buffer
	to := json.NewEncoder(&text) // has no line ends but the last
	to.SetEscapeHTML(false)
	if err := to.Encode(data); err != nil {
		return fmt.Errorf("event %s: %w", name, err)
	}
	head := "event: " + name + "\n"
	if id != "" && !strings.ContainsAny(id, "\r\n\x00") {
		head += "id: " + id + "\n"
	}
	return e.write(head + "data: " + text.String() + "\n")
}

// Comment sends what no script hears, which keeps the connection open.
func (e *Events) Comment() error { return e.write(":\n\n") }

func (e *Events) write(s string) error {
	err := e.control.SetWriteDeadline(time.Now().Add(writeWithin))
	if err == nil {
		_, err = e.w.Write([]byte(s))
	}
	if err == nil {
		err = e.control.Flush()
	}
	e.broken = err != nil
	return err
}

// Close leaves the connection to the next request as it was.
func (e *Events) Close() {
	if !e.broken {
		e.control.SetWriteDeadline(time.Time{}) // where it cannot be set it was not
	}
}
