package web

import (
	"context"
	"net/http"
	"strings"
	"sync"

	"vedette/centralnode/web/websession"
)

// Most event streams, of one session and in all. What pages bound themselves is
// less.
const (
	maxFlowsOfSession = 32
	maxFlows          = 1024
)

// flows are the event streams that go on.
type flows struct {
	mu     sync.Mutex // guards what follows
	all    int
	of     map[*websession.Session]int
	now    context.Context // ends those that go on
	cancel context.CancelFunc
	over   bool // none may begin any more
}

func newFlows() *flows {
	f := &flows{of: make(map[*websession.Session]int)}
	f.now, f.cancel = context.WithCancel(context.Background())
	return f
}

// isFlow says whether a request asks for events.
func isFlow(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
}

// renew ends what goes on; others may begin.
func (f *flows) renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancel()
	if !f.over {
		f.now, f.cancel = context.WithCancel(context.Background())
	}
}

// end ends what goes on and lets nothing begin.
func (f *flows) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	f.cancel()
}

// begin takes a place for an event stream of a session (nil: of nobody). The
// context ends with the certificate that it began under and with the server;
// that it ends with its session is for those who make it, who have a last word
// for the person then. False means that there are too many.
func (f *flows) begin(ctx context.Context, s *websession.Session) (flowing context.Context, done func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= maxFlows || f.of[s] >= maxFlowsOfSession {
		return nil, nil, false
	}
	f.all++
	f.of[s]++
	flowing, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(f.now, cancel)
	return flowing, func() {
		stop()
		cancel()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all--
		if f.of[s]--; f.of[s] == 0 {
			delete(f.of, s)
		}
	}, true
}
