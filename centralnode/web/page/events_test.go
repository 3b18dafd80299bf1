package page

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// slowWriter is a connection whose other end reads until it does not.
type slowWriter struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
	stuck     bool
}

var errStuck = errors.New("deadline exceeded")

func (w *slowWriter) SetWriteDeadline(t time.Time) error {
	w.deadlines = append(w.deadlines, t)
	return nil
}

func (w *slowWriter) Write(p []byte) (int, error) {
	if w.stuck {
		return 0, errStuck
	}
	return w.ResponseRecorder.Write(p)
}

func TestEventsAreOneLineEachAndSentAtOnce(t *testing.T) {
	w := &slowWriter{ResponseRecorder: httptest.NewRecorder()}
	e := NewEvents(w)
	if err := errors.Join(e.Comment(), e.Send("rows", "7", "<tr>\r\n\u2028&"), e.Send("note", "a\nevent: evil", 1)); err != nil {
		t.Fatal(err)
	}
	const want = ":\n\nevent: rows\nid: 7\ndata: \"<tr>\\r\\n\\u2028&\"\n\nevent: note\ndata: 1\n\n"
	if got := w.Body.String(); got != want || !w.Flushed || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%q, want %q", got, want)
	}
	e.Close()
	if last := w.deadlines[len(w.deadlines)-1]; !last.IsZero() {
		t.Error("the next request on the connection has a deadline that was ours")
	}
	if err := e.Send("x", "", make(chan int)); err == nil {
		t.Error("what cannot be written was")
	}
}

func TestABrowserThatDoesNotReadIsCut(t *testing.T) {
	w := &slowWriter{ResponseRecorder: httptest.NewRecorder(), stuck: true}
	e := NewEvents(w)
	if err := e.Send("rows", "", 1); !errors.Is(err, errStuck) {
		t.Fatal(err)
	}
	e.Close()
	if n := len(w.deadlines); n != 1 || time.Until(w.deadlines[0]) > writeWithin {
		t.Errorf("deadlines %v", w.deadlines)
	}
}

func TestAConnectionWithoutDeadlinesIsNotFollowed(t *testing.T) {
	if err := NewEvents(struct{ http.ResponseWriter }{httptest.NewRecorder()}).Send("rows", "", 1); err == nil {
		t.Error("a writer that cannot be cut was written to")
	}
}
