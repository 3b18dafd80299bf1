package events_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/external/events"
	"vedette/proto/problem"
)

// names lists the events of whole packages of a length.
func names(first, last uint64, length int) []string {
	all := []string{}
	for seq := first; seq <= last; seq++ {
		for i := range length {
			all = append(all, name(seq, i))
		}
	}
	return all
}

func TestFirstCallBeginsWithTheOldestAndTheTokenGoesOnFromThere(t *testing.T) {
	d := newDisk(t, 1)
	n, s := d.start(t), d.systems[0]
	a := s.poll(t)
	if len(a.Events) != 0 {
		t.Errorf("an empty log has %v", a.names())
	}
	for seq := uint64(1); seq <= 3; seq++ {
		n.append(seq, 3)
	}
	if got := s.poll(t, "continuation_token", a.ContinuationToken).names(); !slices.Equal(got, names(1, 3, 3)) {
		t.Errorf("after the token of an empty log: %v", got)
	}
	var got []string
	token, calls := "", 0
	for {
		a := s.poll(t, "max_events", "4", "continuation_token", token)
		if len(a.Events) == 0 {
			break
		}
		if calls++; len(a.Events) > 4 {
			t.Fatalf("%d events, asked for 4", len(a.Events))
		}
		got, token = append(got, a.names()...), a.ContinuationToken
	}
	if !slices.Equal(got, names(1, 3, 3)) || calls != 3 {
		t.Errorf("in %d calls: %v", calls, got)
	}
	// The same token gives the same events again: the caller may have lost them.
	if got := s.poll(t, "continuation_token", a.ContinuationToken, "max_events", "1").names(); !slices.Equal(got, []string{name(1, 0)}) {
		t.Errorf("the first token again: %v", got)
	}
}

func TestAnswerEndsAtItsBoundOfBytes(t *testing.T) {
	d := newDisk(t, 1)
	d.limits.AnswerBytes = 1000
	n, s := d.start(t), d.systems[0]
	n.append(1, 20)
	var got []string
	for token := ""; len(got) < 20; {
		a := s.poll(t, "continuation_token", token)
		if len(a.Events) == 0 || len(a.Events) > 10 {
			t.Fatalf("%d events in an answer of 1000 bytes", len(a.Events))
		}
		got, token = append(got, a.names()...), a.ContinuationToken
	}
	if !slices.Equal(got, names(1, 1, 20)) {
		t.Errorf("got %v", got)
	}
}

func TestTimestampsAreMicrosecondsAndNoRuleIsClaimed(t *testing.T) {
	d := newDisk(t, 1)
	n, s := d.start(t), d.systems[0]
	n.append(1, 1)
	res, err := s.get(t.Context(), s.client, "/events")
	must(t, err)
	defer res.Body.Close()
	body := make([]byte, 4096)
	k, _ := res.Body.Read(body)
	text := string(body[:k])
	if !strings.HasPrefix(text, `{"events":[{"Timestamp":0,"@timestamp":"1970-01-01T00:00:00Z",`) || strings.Contains(text, "Ioa") {
		t.Errorf("answer %s", text)
	}
	if h := res.Header; h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
}

func TestPathWithAnAmpersandIsUnderstood(t *testing.T) {
	d := newDisk(t, 1)
	n, s := d.start(t), d.systems[0]
	n.append(1, 3)
	token := s.poll(t, "max_events", "1").ContinuationToken
	for _, path := range []string{
		"/events&continuation_token=" + token,
		"/events&max_timeout=PT1S&continuation_token=" + token,
		"/events&continuation_token=" + token + "?max_timeout=PT1S",
	} {
		a, err := s.try(t.Context(), s.plain, path)
		if err != nil || !slices.Equal(a.names(), []string{name(1, 1), name(1, 2)}) {
			t.Errorf("%s: %v, %v", path, a.names(), err)
		}
	}
	s.refused(t, "/events&continuation_token=x", problem.BadRequest)
	s.refused(t, "/events&continuation_token="+token+"?continuation_token=x", problem.BadRequest)
	s.refused(t, "/event", problem.NotFound)
}

func TestBadCallsAreToldWhatToChange(t *testing.T) {
	d, other := newDisk(t, 1), newDisk(t, 1)
	n, s := d.start(t), d.systems[0]
	n.append(1, 1)
	foreign := func() string {
		n := other.start(t)
		defer n.end()
		return other.systems[0].poll(t).ContinuationToken
	}()
	const startOver = "without continuation_token"
	for _, tt := range []struct {
		query string
		code  problem.Code
		says  string
	}{
		{"max_timeout=60", problem.BadRequest, "PT60S"},
		{"max_timeout=P1M", problem.BadRequest, "PT60S"},
		{"max_timeout=-PT1S", problem.BadRequest, "PT60S"},
		{"max_events=0", problem.BadRequest, "1 to 10000"},
		{"max_events=10001", problem.BadRequest, "1 to 10000"},
		{"max_events=ten", problem.BadRequest, "1 to 10000"},
		{"max_events=1&max_events=2", problem.BadRequest, "more than once"},
		{"Max_Events=1", problem.BadRequest, "max_events"},
		{"max_events=1;max_timeout=PT1S", problem.BadRequest, "malformed"},
		{"max_events=%zz", problem.BadRequest, "malformed"},
		{"filter=EventType+%3D+%22x%22", problem.NotSupported, "leave filter out"},
		{"continuation_token=x", problem.BadRequest, startOver},
		{"continuation_token=" + strings.Repeat("A", 5000), problem.BadRequest, startOver},
		{"continuation_token=" + foreign, problem.BadRequest, startOver},
	} {
		_, err := s.try(t.Context(), s.client, "/events?"+tt.query)
		var p *problem.Problem
		if !errors.As(err, &p) || p.Status != http.StatusBadRequest || p.Code != tt.code || !strings.Contains(p.Detail, tt.says) {
			t.Errorf("%.60s: %v", tt.query, err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+n.gateway.Address().String()+"/kata/events_api/v1/"+s.id+"/events", strings.NewReader("x"))
	must(t, err)
	res, err := s.plain.Do(r)
	must(t, err)
	res.Body.Close()
	if res.StatusCode != http.StatusBadRequest || !res.Close {
		t.Errorf("a call with a body: %s, closes %t", res.Status, res.Close)
	}
	if l := n.room.Look(s.who()); l.LastError == "" {
		t.Errorf("the last error is not noted: %+v", l)
	}
}

func TestEventsAreGivenForTwoHours(t *testing.T) {
	var ahead atomic.Int64
	d := newDisk(t, 1)
	d.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	n, s := d.start(t), d.systems[0]
	old := s.poll(t).ContinuationToken
	for seq := uint64(1); seq <= 50; seq++ {
		n.append(seq, 2)
	}
	begun := s.poll(t, "max_events", "3").ContinuationToken
	ahead.Add(int64(2*time.Hour + time.Minute))
	for _, token := range []string{"", old, begun} {
		if a := s.poll(t, "continuation_token", token); len(a.Events) != 0 {
			t.Errorf("events that are too old: %v", a.names())
		}
	}
	late := s.poll(t, "continuation_token", old).ContinuationToken
	n.append(51, 2)
	for _, tt := range []struct {
		token   string
		skipped uint64
	}{
		{"", 0}, {old, 50}, {begun, 49}, {late, 50},
	} {
		a := s.poll(t, "continuation_token", tt.token)
		if !slices.Equal(a.names(), names(51, 51, 2)) || a.Events[0].Vedette.Skipped != tt.skipped || a.Events[1].Vedette.Skipped != 0 {
			t.Errorf("%+v, want %d packages skipped once", a, tt.skipped)
		}
	}
}

func TestFirstCallLeavesNothingOutThatIsJustTooOld(t *testing.T) {
	var ahead atomic.Int64
	d := newDisk(t, 1)
	d.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	n, s := d.start(t), d.systems[0]
	for seq := uint64(1); seq <= 5; seq++ {
		n.append(seq, 1)
	}
	ahead.Add(int64(10 * time.Second))
	n.append(6, 1)
	ahead.Add(int64(2*time.Hour - 5*time.Second))
	if a := s.poll(t); !slices.Equal(a.names(), names(6, 6, 1)) || a.Events[0].Vedette.Skipped != 0 {
		t.Errorf("the first call: %+v", a)
	}
	ahead.Add(int64(8 * time.Second))
	token := s.poll(t).ContinuationToken
	n.append(7, 1)
	if a := s.poll(t, "continuation_token", token); !slices.Equal(a.names(), names(7, 7, 1)) || a.Events[0].Vedette.Skipped != 0 {
		t.Errorf("after a first call without events: %+v", a)
	}
}

func TestLogThatDoesNotWorkIsSaidAndTheTokenStaysGood(t *testing.T) {
	d := newDisk(t, 1)
	n, s := d.start(t), d.systems[0]
	n.append(1, 2)
	token := s.poll(t, "max_events", "1").ContinuationToken
	must(t, n.log.Close())
	for _, path := range []string{"/events", "/events?max_timeout=PT1H&continuation_token=" + token} {
		_, err := s.try(t.Context(), s.client, path)
		var p *problem.Problem
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || p.Code != problem.Unavailable || p.RetryAfter == 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
	n.end()
	d.start(t)
	if got := s.poll(t, "continuation_token", token).names(); !slices.Equal(got, []string{name(1, 1)}) {
		t.Errorf("after a restart: %v", got)
	}
}

// waitingCall starts a call that waits for events after a token.
func (s *system) waitingCall(ctx context.Context, token string) <-chan result {
	done := make(chan result, 1)
	go func() {
		a, err := s.try(ctx, s.plain, "/events?max_timeout=PT2H&continuation_token="+token)
		done <- result{a, err}
	}()
	return done
}

// parkedCall starts a call and returns when it waits.
func (s *system) parkedCall(ctx context.Context, t testing.TB, token string) <-chan result {
	t.Helper()
	done := s.waitingCall(ctx, token)
	select {
	case <-s.node.parked:
	case r := <-done:
		t.Fatalf("did not wait: %+v", r)
	case <-time.After(20 * time.Second):
		t.Fatal("the call does not wait")
	}
	return done
}

type result struct {
	answer answer
	err    error
}

func await(t testing.TB, done <-chan result) result {
	t.Helper()
	select {
	case r := <-done:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("no answer came")
		panic("unreachable")
	}
}

func TestLimitsOfCallsAreKeptForEachSystemAndInAll(t *testing.T) {
	d := newDisk(t, 3)
	d.limits = events.Limits{Calls: 4, CallsPerSystem: 2}
	n := d.start(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	token := d.systems[0].poll(t).ContinuationToken
	calls := []<-chan result{d.systems[0].parkedCall(ctx, t, token), d.systems[0].parkedCall(ctx, t, token)}
	if p := d.systems[0].refused(t, "/events", problem.Busy); p.Status != http.StatusTooManyRequests || p.RetryAfter == 0 {
		t.Errorf("a call too many of one system: %+v", p)
	}
	calls = append(calls, d.systems[1].parkedCall(ctx, t, token), d.systems[1].parkedCall(ctx, t, token))
	d.systems[2].refused(t, "/events", problem.Busy)
	n.append(1, 1)
	for _, c := range calls {
		if r := await(t, c); r.err != nil || !slices.Equal(r.answer.names(), []string{name(1, 0)}) {
			t.Errorf("a call that waited: %+v", r)
		}
	}
	d.systems[2].poll(t)
	// A caller that goes away leaves its place.
	d.systems[2].parkedCall(ctx, t, d.systems[2].poll(t).ContinuationToken)
	d.systems[2].parkedCall(ctx, t, d.systems[2].poll(t).ContinuationToken)
	d.systems[2].refused(t, "/events", problem.Busy)
	leave()
	free := func() error { _, err := d.systems[2].try(t.Context(), d.systems[2].plain, "/events"); return err }
	deadline := time.After(20 * time.Second)
	for err := free(); err != nil; err = free() {
		select {
		case <-deadline:
			t.Fatalf("places of callers that went away: %v", err)
		default:
		}
	}
}

func TestEmptyAnswerComesWhenTheTimeIsOver(t *testing.T) {
	d := newDisk(t, 1)
	d.start(t)
	s := d.systems[0]
	token := s.poll(t).ContinuationToken
	began := time.Now()
	a := s.poll(t, "continuation_token", token, "max_timeout", "PT0.2S")
	if took := time.Since(began); len(a.Events) != 0 || a.ContinuationToken != token || took < 200*time.Millisecond {
		t.Errorf("after %v: %+v", took, a)
	}
	if a := s.poll(t, "max_timeout", "PT0S"); len(a.Events) != 0 {
		t.Errorf("no wait: %+v", a)
	}
}
