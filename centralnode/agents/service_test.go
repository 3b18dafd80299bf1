package agents_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"vedette/centralnode/agents"
	"vedette/centralnode/eventlog"
	"vedette/centralnode/store"
	"vedette/centralnode/trust"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/agent/v1/agentv1connect"
)

const (
	agentOne = "0123456789abcdef0123456789abcdef"
	queueOne = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	queueTwo = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// openGate admits everybody, as the gateway does with validation off.
type openGate struct {
	mu       sync.Mutex
	underway int
}

func (g *openGate) Admit(context.Context, trust.Door) (trust.Admission, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.underway++
	return trust.Admission{
		Caller:   trust.Caller{Way: trust.Direct, Remote: netip.MustParseAddrPort("127.0.0.1:1000")},
		Revision: 7,
		Release:  func() { g.mu.Lock(); g.underway--; g.mu.Unlock() },
	}, nil
}

// memoryLog stands for an event log that fails on demand.
type memoryLog struct {
	mu       sync.Mutex
	packages []eventlog.Package
	err      error
}

func (l *memoryLog) Append(_ context.Context, p eventlog.Package) (eventlog.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return eventlog.Receipt{}, l.err
	}
	for _, b := range p.Encoded {
		e := new(agentv1.Event)
		if err := proto.Unmarshal(b, e); err != nil {
			return eventlog.Receipt{}, errors.Join(eventlog.ErrInvalid, err)
		}
		p.Events = append(p.Events, e)
	}
	l.packages = append(l.packages, p)
	return eventlog.Receipt{DurableSeq: p.Seq}, nil
}

// memoryHosts stands for a store that fails on demand.
type memoryHosts struct {
	mu    sync.Mutex
	saved map[string]store.Host
	err   error
}

func (m *memoryHosts) Hosts(context.Context) ([]store.Host, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Host
	for _, h := range m.saved {
		out = append(out, h)
	}
	return out, nil
}

func (m *memoryHosts) SaveHosts(_ context.Context, hosts []store.Host) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for _, h := range hosts {
		m.saved[h.AgentID] = h
	}
	return nil
}

type world struct {
	gate    *openGate
	log     *memoryLog
	hosts   *memoryHosts
	table   *agents.Table
	service *agents.Service
	server  *httptest.Server
	client  agentv1connect.AgentServiceClient
	now     time.Time
}

func start(t *testing.T) *world {
	t.Helper()
	w := &world{gate: &openGate{}, log: &memoryLog{}, hosts: &memoryHosts{saved: make(map[string]store.Host)}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	now := func() time.Time { return w.now }
	var err error
	if w.table, err = agents.NewTable(t.Context(), w.hosts, slog.New(slog.DiscardHandler), now); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = w.table.Run(ctx) }()
	w.service = agents.NewService(w.gate, w.log, w.table, now)
	mux := http.NewServeMux()
	patterns, handler := w.service.Handler()
	for _, p := range patterns {
		mux.Handle(p, handler)
	}
	w.server = httptest.NewServer(mux)
	w.client = agentv1connect.NewAgentServiceClient(w.server.Client(), w.server.URL)
	t.Cleanup(func() {
		w.server.Close()
		cancel()
		<-ended
		if w.gate.underway != 0 {
			t.Errorf("%d admissions were not released", w.gate.underway)
		}
	})
	return w
}

func pack(seq uint64, n int) *agentv1.SendEventsRequest {
	r := &agentv1.SendEventsRequest{AgentId: agentOne, QueueId: queueOne, Seq: seq}
	for range n {
		r.Events = append(r.Events, &agentv1.Event{Id: agentOne, Time: timestamppb.Now(), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{Pid: 1, Executable: "/bin/true"}}})
	}
	return r
}

func TestNewHostIsDurableBeforeItsSyncIsAnswered(t *testing.T) {
	w := start(t)
	host := &agentv1.Host{Name: "web-1", Addresses: []string{"10.0.0.1", "not an address", "fe80::1%eth0", "::ffff:10.0.0.2"}, OsName: strings.Repeat("x", 5000)}
	answer, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: agentOne, QueueId: queueOne, Host: host, State: &agentv1.AgentState{Clock: timestamppb.New(w.now.AddDate(10, 0, 0)), Dropped: map[string]uint64{"queue-full": 3}}})
	if err != nil {
		t.Fatal(err)
	}
	if !answer.GetClock().AsTime().Equal(w.now) {
		t.Errorf("clock %v", answer.GetClock().AsTime())
	}
	h, ok := w.hosts.saved[agentOne]
	if !ok || h.Name != "web-1" || fmt.Sprint(h.Addresses) != "[10.0.0.1 fe80::1 10.0.0.2]" || len(h.OSName) > 300 || h.Way != trust.Direct || h.Remote != "127.0.0.1" {
		t.Fatalf("stored %+v", h)
	}
	if years := h.ClockSkew.Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("a clock ten years ahead shows as %v", h.ClockSkew)
	}
	if h.Dropped["queue-full"] != 3 {
		t.Errorf("dropped %v", h.Dropped)
	}
}

func TestSyncOfANewHostFailsWhenItCannotBeStored(t *testing.T) {
	w := start(t)
	w.hosts.err = errors.New("no space left on device")
	_, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: agentOne, QueueId: queueOne})
	if connect.CodeOf(err) != connect.CodeUnavailable || strings.Contains(err.Error(), "space") {
		t.Fatalf("error %v", err)
	}
}

func TestPackageCarriesItsCallerAndHost(t *testing.T) {
	w := start(t)
	if _, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: agentOne, QueueId: queueOne, Host: &agentv1.Host{Name: "web-1"}}); err != nil {
		t.Fatal(err)
	}
	answer, err := w.client.SendEvents(t.Context(), pack(3, 2))
	if err != nil || answer.GetDurableSeq() != 3 {
		t.Fatalf("answer %v, %v", answer, err)
	}
	p := w.log.packages[0]
	if p.Host != "web-1" || p.Way != trust.Direct || p.Remote != "127.0.0.1" || p.PolicyRevision != 7 || len(p.Events) != 2 {
		t.Fatalf("package %+v", p)
	}
}

func TestEachFaultOfTheEventLogHasItsAnswer(t *testing.T) {
	w := start(t)
	for err, want := range map[error]connect.Code{
		eventlog.ErrUnavailable: connect.CodeUnavailable,
		eventlog.ErrConflict:    connect.CodeAlreadyExists,
		eventlog.ErrSeqJump:     connect.CodeOutOfRange,
		eventlog.ErrTooLarge:    connect.CodeResourceExhausted,
		eventlog.ErrInvalid:     connect.CodeInvalidArgument,
		errors.New("disk sda1"): connect.CodeUnavailable,
	} {
		w.log.err = fmt.Errorf("wrapped: %w", err)
		_, got := w.client.SendEvents(t.Context(), pack(1, 1))
		var e *connect.Error
		if !errors.As(got, &e) || e.Code() != want {
			t.Errorf("%v is answered %v, want %v", err, got, want)
			continue
		}
		if retry := e.Meta().Get("Retry-After"); (retry != "") != (want == connect.CodeUnavailable) {
			t.Errorf("%v: Retry-After %q", err, retry)
		}
		if strings.Contains(got.Error(), "sda1") {
			t.Errorf("the caller reads the cause: %v", got)
		}
	}
	if n := w.service.Refused(); n != 2 {
		t.Errorf("%d counted as refused, want 2", n)
	}
}

func TestBadPackagesAreRefusedByName(t *testing.T) {
	w := start(t)
	for name, c := range map[string]struct {
		edit func(*agentv1.SendEventsRequest)
		says string
	}{
		"agent id":    {func(r *agentv1.SendEventsRequest) { r.AgentId = "ABC" }, "agent_id"},
		"upper case":  {func(r *agentv1.SendEventsRequest) { r.AgentId = strings.ToUpper(agentOne) }, "agent_id"},
		"queue id":    {func(r *agentv1.SendEventsRequest) { r.QueueId = agentOne + ">" }, "queue_id"},
		"no events":   {func(r *agentv1.SendEventsRequest) { r.Events = nil }, "1 to 1024"},
		"many events": {func(r *agentv1.SendEventsRequest) { r.Events = pack(1, 1025).Events }, "1 to 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			r := pack(1, 1)
			c.edit(r)
			_, err := w.client.SendEvents(t.Context(), r)
			if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v", err)
			}
		})
	}
	if len(w.log.packages) != 0 {
		t.Fatal("a bad package was taken")
	}
}

// raw posts bytes as they are.
func (w *world) raw(t *testing.T, kind, encoding string, body io.Reader) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+agentv1connect.AgentServiceSendEventsProcedure, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	answer, err := w.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestHalfAPackageAndABombAreRefused(t *testing.T) {
	w := start(t)
	whole, err := proto.Marshal(pack(1, 100))
	if err != nil {
		t.Fatal(err)
	}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := e.EncodeAll(make([]byte, 1<<30>>4), nil)
	small := e.EncodeAll(whole, nil)
	for name, c := range map[string]struct {
		kind, encoding string
		body           []byte
	}{
		"half a message":    {"application/proto", "", whole[:len(whole)/2+1]},
		"half a zstd frame": {"application/proto", "zstd", small[:len(small)/2]},
		"a bomb":            {"application/proto", "zstd", bomb},
		"5 MB":              {"application/proto", "", make([]byte, 5<<20)},
		"rubbish":           {"application/proto", "", []byte("\xff\xff\xff\xff")},
		"half JSON":         {"application/json", "", []byte(`{"agentId":`)},
		"unknown encoding":  {"application/proto", "br", whole},
		"unknown type":      {"text/html", "", whole},
	} {
		t.Run(name, func(t *testing.T) {
			if code, text := w.raw(t, c.kind, c.encoding, bytes.NewReader(c.body)); code < 400 || code == http.StatusInternalServerError {
				t.Fatalf("answer %d %s", code, text)
			}
		})
	}
	if len(w.log.packages) != 0 {
		t.Fatal("something of it was taken")
	}
	if code, text := w.raw(t, "application/proto", "zstd", bytes.NewReader(small)); code != http.StatusOK {
		t.Fatalf("the whole package is answered %d %s", code, text)
	}
}

func TestPackageMayBeJSON(t *testing.T) {
	w := start(t)
	body := `{"agentId":"` + agentOne + `","queueId":"` + queueOne + `","seq":"1","events":[{"id":"` + queueTwo + `","time":"2026-01-02T03:04:05Z","processStart":{"pid":42,"executable":"/bin/ls"}}]}`
	code, text := w.raw(t, "application/json", "", strings.NewReader(body))
	if code != http.StatusOK || !strings.Contains(text, `"durableSeq":"1"`) {
		t.Fatalf("answer %d %s", code, text)
	}
	if got := w.log.packages[0].Events[0].GetProcessStart().GetExecutable(); got != "/bin/ls" {
		t.Fatalf("taken %q", got)
	}
}

func TestTwoInstallationsUnderOneIDAreNoticed(t *testing.T) {
	w := start(t)
	sync := func(queue string) {
		t.Helper()
		if _, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: agentOne, QueueId: queue}); err != nil {
			t.Fatal(err)
		}
	}
	sync(queueOne)
	sync(queueTwo)
	sync(queueTwo)
	if h := w.table.Hosts()[0]; h.Conflict != "" {
		t.Fatalf("a new queue alone is called a conflict: %s", h.Conflict)
	}
	sync(queueOne)
	if h := w.table.Hosts()[0]; h.Conflict == "" {
		t.Fatal("two installations that take turns are not noticed")
	}
}

func TestNewQueuesAreRationed(t *testing.T) {
	w := start(t)
	refused := 0
	for i := range 40 {
		_, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: agentOne, QueueId: fmt.Sprintf("%032x", i+1)})
		if connect.CodeOf(err) == connect.CodeResourceExhausted {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused != 40-32 {
		t.Fatalf("%d of 40 new queues in a row were refused", refused)
	}
	if _, err := w.client.Sync(t.Context(), &agentv1.SyncRequest{AgentId: queueTwo, QueueId: queueOne}); err != nil {
		t.Fatalf("another agent: %v", err)
	}
}

func TestContactsSurviveARestart(t *testing.T) {
	hosts := &memoryHosts{saved: make(map[string]store.Host)}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	w := &world{hosts: hosts, gate: &openGate{}, log: &memoryLog{}}
	clock := func() time.Time { return now }
	table, err := agents.NewTable(t.Context(), hosts, slog.New(slog.DiscardHandler), clock)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = table.Run(ctx) }()
	service := agents.NewService(w.gate, w.log, table, clock)
	if _, err := service.Sync(t.Context(), &agentv1.SyncRequest{AgentId: agentOne, QueueId: queueOne, Host: &agentv1.Host{Name: "web-1"}}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	if _, err := service.SendEvents(t.Context(), pack(1, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-ended
	again, err := agents.NewTable(t.Context(), hosts, slog.New(slog.DiscardHandler), clock)
	if err != nil {
		t.Fatal(err)
	}
	if h := again.Hosts()[0]; !h.Last.Equal(now) || !h.First.Equal(now.Add(-time.Hour)) || h.Name != "web-1" {
		t.Fatalf("after the restart %+v", h)
	}
}

func TestOneUnreadableEventRefusesItsPackage(t *testing.T) {
	w := start(t)
	r := pack(1, 3)
	r.Events[1].ProtoReflect().SetUnknown([]byte{0x0a, 1, 0xff}) // an id that is not UTF-8
	body, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if code, text := w.raw(t, "application/proto", "", bytes.NewReader(body)); code != http.StatusBadRequest || !strings.Contains(text, "invalid_argument") {
		t.Fatalf("answer %d %s", code, text)
	}
	if len(w.log.packages) != 0 {
		t.Fatal("something of it was taken")
	}
}
