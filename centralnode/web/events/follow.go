package events

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

const (
	// gather is how long rows are gathered before they are sent together, and
	// mostRows how many of those are sent: nobody reads more.
	gather    = 250 * time.Millisecond
	mostRows  = 100
	heartbeat = 15 * time.Second // of silence
	// mostFollow is how many may follow at once: each reads all that comes.
	mostFollow = 32
)

// follow sends the rows of new events that match as they become durable, until
// the person leaves, the session ends or the server stops. Each batch carries the place that it
// reaches to, from which a browser that lost the connection goes on.
func (m *room) follow(w http.ResponseWriter, r *page.Request) error {
	if !strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
		// A person who was sent to sign in comes back to where the script was.
		q := r.URL.Query()
		q.Del(after)
		http.Redirect(w, r.Request, front+"?"+q.Encode(), http.StatusSeeOther)
		return nil
	}
	select {
	case m.places <- struct{}{}:
		defer func() { <-m.places }()
	default:
		return &acts.Error{Code: acts.Unavailable, Text: "too many follow events now", Hint: "try again later, or refresh the search"}
	}
	f := acts.EventFilter{
		Host: r.Param(byHost), Kind: r.Param(byKind), Text: r.Param(byText),
		After: acts.EventPlace(cmp.Or(r.Header.Get("Last-Event-ID"), r.Param(after))),
	}
	ctx, cancel := context.WithCancel(r.Context())
	news, ended := make(chan acts.Event), make(chan error, 1)
	go func() {
		ended <- m.backend.WatchEvents(ctx, r.Actor, f, func(e acts.Event) bool {
			select {
			case news <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	over := false
	defer func() {
		cancel()
		if !over {
			<-ended
		}
	}()
	out := page.NewEvents(w)
	defer out.Close()
	if out.Comment() != nil {
		return nil // nobody is there
	}
	silence := time.NewTicker(heartbeat)
	defer silence.Stop()
	for {
		var err error
		select {
		case e := <-news:
			err = m.send(out, m.gather(ctx, e, news))
			silence.Reset(heartbeat)
		case <-silence.C:
			err = out.Comment()
		case <-r.Session.Ended():
			return nil // who asks again is told where to sign in
		case <-ctx.Done():
			return nil
		case err := <-ended:
			over = true
			if err != nil && acts.CodeOf(err) != acts.Unavailable {
				out.Send("gone", "", err.Error()) // nobody else is left to tell
			}
			return nil // the script tries again
		}
		if err != nil {
			return nil // nobody is there
		}
	}
}

// batch is what is sent together, the newest last, and how many events before
// them were not.
type batch struct {
	events  []acts.Event
	leftOut int
}

// gather waits for what comes soon after an event.
func (m *room) gather(ctx context.Context, first acts.Event, news <-chan acts.Event) batch {
	b := batch{events: []acts.Event{first}}
	soon := time.NewTimer(gather)
	defer soon.Stop()
	for {
		select {
		case e := <-news:
			if b.events = append(b.events, e); len(b.events) >= 2*mostRows {
				b.bound()
			}
		case <-soon.C:
			b.bound()
			return b
		case <-ctx.Done():
			return b
		}
	}
}

// bound leaves out the oldest events that are too many.
func (b *batch) bound() {
	if over := len(b.events) - mostRows; over > 0 {
		b.events = slices.Delete(b.events, 0, over)
		b.leftOut += over
	}
}

func (m *room) send(out *page.Events, b batch) error {
	last := b.events[len(b.events)-1].Behind
	slices.Reverse(b.events)
	var html bytes.Buffer
	if err := m.rows.ExecuteTemplate(&html, "rows", rowsOf(b.events)); err != nil {
		return err
	}
	if err := out.Send("rows", string(last), html.String()); err != nil || b.leftOut == 0 {
		return err
	}
	return out.Send("note", "", fmt.Sprintf("Events come faster than they can be shown: %d were left out at %s. A search shows them.", b.leftOut, clock(m.now())))
}
