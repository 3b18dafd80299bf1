package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// eventAnswer is an answer of the events API.
type eventAnswer struct {
	Events            []acts.Event `json:"events"`
	ContinuationToken string       `json:"continuationToken"`
}

// eventsPath is the address of the events API, going on at a token.
func (s *system) eventsPath(token string, more ...string) string {
	query := url.Values{}
	if token != "" {
		query.Set("continuation_token", token)
	}
	for _, v := range more {
		name, value, _ := strings.Cut(v, "=")
		query.Set(name, value)
	}
	return "https://" + s.node.address + "/kata/events_api/v1/" + s.id + "/events?" + query.Encode()
}

// events reads a page of events with curl.
func (s *system) events(token string, more ...string) (a eventAnswer) {
	s.t.Helper()
	code, body := s.curl(s.eventsPath(token, more...))
	if err := json.Unmarshal([]byte(body), &a); code != http.StatusOK || err != nil {
		s.t.Fatalf("events: %d %s, %v", code, body, err)
	}
	return a
}

// deliveringAgent is an agent that sends events to the Central Node.
func deliveringAgent(t *testing.T, n *node) *agent {
	t.Helper()
	a := newAgent(t, `package_period = "200ms"`)
	a.must("--message-broker=enable", "--type=kata", "--servers="+n.address, "--tls=yes", "--pinned-certificate="+n.certificate())
	a.start()
	return a
}

// TestAnExternalSystemIsGivenEveryEventOnce reads events page by page while an
// agent delivers and the Central Node restarts, and compares what came with what
// its administrator reads.
func TestAnExternalSystemIsGivenEveryEventOnce(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := acceptedSystem(t, n, "siem")
	a := deliveringAgent(t, n)
	var came []acts.Event
	token := ""
	page := func() int {
		answer := s.events(token, "max_events=9")
		if len(answer.Events) > 9 || answer.ContinuationToken == "" {
			t.Fatalf("%d events, token %q", len(answer.Events), answer.ContinuationToken)
		}
		came, token = append(came, answer.Events...), answer.ContinuationToken
		return len(answer.Events)
	}
	const marks = 6
	for i := range marks {
		mark := fmt.Sprintf("mark-for-a-system-%d", i)
		marked(t, mark)
		arrives(t, n, mark)
		if i == marks/2 {
			n.stop()
			n.start()
		}
		page()
		again := s.events(token, "max_events=9") // an answer that was lost can be asked for again
		// Where it had none, one may have come since.
		before := len(came)
		if page(); len(again.Events) > 0 && (len(came) == before || !reflect.DeepEqual(again.Events[0], came[before])) {
			t.Errorf("the same token gave other events: %+v", again.Events)
		}
	}
	a.stop()
	for page() > 0 {
	}
	listed := read[[]acts.Event](n, "event", "list", "--limit", "100000")
	want := make(map[string]acts.Event)
	for _, e := range listed {
		want[e.Event.ID] = e
	}
	text := ""
	for _, e := range came {
		listed, ok := want[e.Event.ID]
		if !ok {
			t.Errorf("came twice, or from nowhere: %+v", e)
		} else if !reflect.DeepEqual(e, listed) {
			t.Errorf("it came as\n%+v\nthe administrator reads\n%+v", e, listed)
		}
		delete(want, e.Event.ID)
		text += fmt.Sprintf("%+v\n", e.Process)
	}
	for _, e := range want {
		t.Errorf("never came: %+v", e)
	}
	for i := range marks {
		if mark := fmt.Sprintf("mark-for-a-system-%d", i); !strings.Contains(text, mark) {
			t.Errorf("%s is not among %d events", mark, len(came))
		}
	}
	n.stop()
}

// longPoll is a call that waits for an event.
func (s *system) longPoll(token string) *process {
	s.t.Helper()
	_ = os.Remove(s.file("poll"))
	p := spawn(s.t, s.file("poll.log"), "curl", append(s.flags(), "--output", s.file("poll"), "--dump-header", s.file("poll.head"), s.eventsPath(token, "max_timeout=PT50S"))...)
	eventually(s.t, 20*time.Second, "the call waits", func() bool { return s.shown().Connections == 1 })
	return p
}

// ended waits until a call has ended, well before it would do so by itself.
func (p *process) ended(limit time.Duration) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(busy * limit):
		p.t.Fatalf("%s still waits", p.cmd.Path)
	}
}

// TestLongPollsEndByEventsTimeAndWithdrawal has a system wait for events.
func TestLongPollsEndByEventsTimeAndWithdrawal(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	s := acceptedSystem(t, n, "siem")
	empty := s.events("")
	if len(empty.Events) != 0 {
		t.Fatalf("before any agent: %+v", empty.Events)
	}
	begun := time.Now()
	waited := s.events(empty.ContinuationToken, "max_timeout=PT1S")
	if took := time.Since(begun); len(waited.Events) != 0 || took < time.Second {
		t.Errorf("%d events after %v", len(waited.Events), took)
	}

	poll := s.longPoll(waited.ContinuationToken)
	a := deliveringAgent(t, n)
	marked(t, "mark-for-a-long-poll")
	poll.ended(30 * time.Second)
	body, err := os.ReadFile(s.file("poll"))
	var answer eventAnswer
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if poll.err != nil || err != nil || len(answer.Events) == 0 {
		t.Fatalf("the call ended with %v, %v: %s", poll.err, err, body)
	}

	a.stop()
	token := answer.ContinuationToken
	for {
		answer := s.events(token)
		token = answer.ContinuationToken
		if len(answer.Events) == 0 {
			break
		}
	}
	poll = s.longPoll(token)
	n.must("external-system", "reject", s.id, "--yes")
	poll.ended(10 * time.Second)
	if body, err := os.ReadFile(s.file("poll")); poll.err == nil && err == nil && strings.Contains(string(body), "events") {
		t.Errorf("after Reject the call is answered: %s", body)
	}
	if code, body := s.curl(s.eventsPath(token)); code != http.StatusUnauthorized || !strings.Contains(body, `"rejected"`) {
		t.Errorf("afterwards: %d %s", code, body)
	}
	n.stop()
}
