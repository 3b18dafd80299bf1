package uplink_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/durationpb"

	"vedette/agent/agenttest"
	"vedette/agent/queue"
	"vedette/agent/uplink"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quick = uplink.Backoff{First: 5 * time.Millisecond, Refused: 20 * time.Millisecond, Most: 20 * time.Millisecond, Cut: 5 * time.Millisecond}

type rig struct {
	q    *queue.Queue
	pins *uplink.Pins
	up   *uplink.Uplink
}

func start(t testing.TB, o uplink.Options, pin pki.Fingerprint) *rig {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	q, err := queue.Open(t.TempDir(), queue.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{q: q}
	if !pin.IsZero() {
		if r.pins, err = uplink.OpenPins(filepath.Join(t.TempDir(), "pins"), pin); err != nil {
			t.Fatal(err)
		}
	}
	o.Queue, o.Pins = q, r.pins
	if o.Log == nil {
		o.Log = log
	}
	if o.Backoff == (uplink.Backoff{}) {
		o.Backoff = quick
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.SyncPeriod == 0 {
		o.SyncPeriod = time.Hour
	}
	if o.Request == nil {
		o.Request = func() *agentv1.SyncRequest {
			return &agentv1.SyncRequest{AgentId: q.AgentID(), QueueId: q.QueueID()}
		}
	}
	if r.up, err = uplink.New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.up.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = q.Close()
	})
	return r
}

func (r *rig) send(t testing.TB, n int) {
	t.Helper()
	var list []*agentv1.Event
	for i := range n {
		list = append(list, &agentv1.Event{Id: fmt.Sprintf("%032x", i), Kind: &agentv1.Event_ProcessStart{ProcessStart: &agentv1.ProcessStart{
			Executable: "/bin/x", Args: []string{strings.Repeat("argument ", 20)}}}})
	}
	if err := r.q.Append(list); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) await(t testing.TB, code string) uplink.State {
	t.Helper()
	agenttest.Eventually(t, "state "+code, func() bool { return r.up.State().Code == code })
	return r.up.State()
}

func TestPackagesAreDeliveredAndForgotten(t *testing.T) {
	for _, compress := range []bool{true, false} {
		n := agenttest.Start(t)
		r := start(t, uplink.Options{Servers: []string{n.Address}, Compress: compress}, n.Pair.Fingerprint())
		for range 5 {
			r.send(t, 100)
		}
		agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 5 && r.q.Stats().Packages == 0 })
		r.send(t, 1) // after the connection was idle
		agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 6 && r.q.Stats().Packages == 0 })
		if s := r.await(t, uplink.CodeConnected); s.Sent != 6 || s.LastContact.IsZero() {
			t.Fatalf("state %+v", s)
		}
	}
}

func TestRefusedAgentSaysWhyAndReturnsWhenAllowed(t *testing.T) {
	for _, code := range []problem.Code{problem.NoCertificate, problem.CertificateUnknown, problem.Withdrawn, problem.Pending, problem.Rejected, problem.CertificateChanged, problem.WrongDoor} {
		t.Run(string(code), func(t *testing.T) {
			n := agenttest.Start(t)
			r := start(t, uplink.Options{Servers: []string{n.Address}}, n.Pair.Fingerprint())
			r.await(t, uplink.CodeConnected)
			n.Set(func(u *agenttest.Rules) {
				u.Refuse = &problem.Problem{Title: "no", Status: 401, Code: code}
			})
			n.Cut() // an idle agent notices and asks why
			s := r.await(t, string(code))
			if s.Next == "" || !strings.Contains(s.Text, n.Address) {
				t.Fatalf("state %+v", s)
			}
			r.send(t, 3)
			n.Set(func(u *agenttest.Rules) { u.Refuse = nil })
			agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 1 })
			if got := r.q.Stats().Dropped; len(got) != 0 {
				t.Fatalf("dropped %v", got)
			}
		})
	}
}

func TestWrongPinIsNeverPassed(t *testing.T) {
	n := agenttest.Start(t)
	key := pkitest.ECDSAKey(t)
	right, wrong := pkitest.PairFor(t, key), pkitest.PairFor(t, key) // same key, same names, another serial
	n.Swap(wrong)
	r := start(t, uplink.Options{Servers: []string{n.Address}}, right.Fingerprint())
	r.send(t, 1)
	s := r.await(t, uplink.CodeWrongPin)
	if !strings.Contains(s.Text, right.Fingerprint().String()) || !strings.Contains(s.Text, wrong.Fingerprint().String()) {
		t.Fatalf("state %+v", s)
	}
	n.Swap(right)
	r.await(t, uplink.CodeConnected)
	agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 1 })
	if n.Requests(pki.Fingerprint{}) < 2 {
		t.Fatal("no request came")
	}
}

func TestNoPinTalksToNobodyAndOffTalksToAnybody(t *testing.T) {
	n := agenttest.Start(t)
	off := start(t, uplink.Options{Servers: []string{n.Address}}, pki.Fingerprint{})
	off.await(t, uplink.CodeConnected)
	c := uplink.NewClient(uplink.ClientOptions{Address: n.Address, Timeout: time.Second})
	defer c.Close()
	_, err := c.Sync(context.Background(), &agentv1.SyncRequest{})
	if f := uplink.Explain(n.Address, err); f.Code != uplink.CodeWrongPin {
		t.Fatalf("%+v", f)
	}
}

func TestDatesOfServerAndClientCertificatesCutNobody(t *testing.T) {
	for name, edit := range map[string]pkiEdit{"expired": pkitest.Expired, "future": pkitest.Future} {
		t.Run(name, func(t *testing.T) {
			n := agenttest.StartWith(t, pkitest.PairFor(t, pkitest.ECDSAKey(t), edit))
			client := pkitest.PairFor(t, pkitest.ECDSAKey(t), edit)
			r := start(t, uplink.Options{Servers: []string{n.Address}, Client: client}, n.Pair.Fingerprint())
			r.send(t, 1)
			agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 1 })
			if n.Requests(client.Fingerprint()) == 0 {
				t.Fatal("the client certificate was not shown")
			}
		})
	}
}

func TestAnnouncedPinIsAcceptedAndKept(t *testing.T) {
	n := agenttest.Start(t)
	next, third := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.PairFor(t, pkitest.ECDSAKey(t))
	f := next.Fingerprint()
	n.Set(func(u *agenttest.Rules) { u.NextPin = f[:] })
	r := start(t, uplink.Options{Servers: []string{n.Address}}, n.Pair.Fingerprint())
	agenttest.Eventually(t, "announcement", func() bool { return len(r.pins.List()) == 2 })
	n.Swap(next)
	n.Set(func(u *agenttest.Rules) { u.NextPin = nil })
	syncs := len(n.Syncs()) // before the cut: the agent may be back at once
	n.Cut()
	agenttest.Eventually(t, "contact with the next certificate", func() bool { return len(n.Syncs()) > syncs })
	n.Swap(third)
	n.Cut()
	r.await(t, uplink.CodeWrongPin)
}

// TestQueueThatTheServerCannotPlaceIsRenewed: its numbers came with other
// content, or the server has lost its state and finds them too high.
func TestQueueThatTheServerCannotPlaceIsRenewed(t *testing.T) {
	for _, code := range []connect.Code{connect.CodeAlreadyExists, connect.CodeOutOfRange} {
		t.Run(code.String(), func(t *testing.T) {
			n := agenttest.Start(t)
			var refused atomic.Int32
			n.Set(func(u *agenttest.Rules) {
				u.SendWith = func(*agentv1.SendEventsRequest) error {
					if refused.CompareAndSwap(0, 1) {
						return connect.NewError(code, errors.New("not this queue"))
					}
					return nil
				}
			})
			s := start(t, uplink.Options{Servers: []string{n.Address}}, n.Pair.Fingerprint())
			old := s.q.QueueID()
			s.send(t, 2)
			agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 1 })
			if s.q.QueueID() == old {
				t.Fatal("the queue kept its identity")
			}
		})
	}
}

func TestMalformedPackageIsDroppedAfterManyTries(t *testing.T) {
	n := agenttest.Start(t)
	var tries atomic.Int32
	n.Set(func(u *agenttest.Rules) {
		u.SendWith = func(r *agentv1.SendEventsRequest) error {
			if len(r.GetEvents()) == 3 {
				tries.Add(1)
				return connect.NewError(connect.CodeInvalidArgument, errors.New("no"))
			}
			return nil
		}
	})
	r := start(t, uplink.Options{Servers: []string{n.Address}}, n.Pair.Fingerprint())
	r.send(t, 3)
	r.send(t, 1)
	agenttest.Eventually(t, "delivery of the next", func() bool { return n.Packages() == 1 })
	if got := r.q.Stats().Dropped[queue.DroppedRefused]; got != 3 || tries.Load() != 10 {
		t.Fatalf("dropped %d, tries %d", got, tries.Load())
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	n := agenttest.Start(t)
	n.Set(func(u *agenttest.Rules) {
		u.Refuse = &problem.Problem{Title: "later", Status: 503, Code: problem.Unavailable, RetryAfter: 2 * time.Second}
	})
	began := time.Now()
	r := start(t, uplink.Options{Servers: []string{n.Address}}, n.Pair.Fingerprint())
	r.await(t, string(problem.Unavailable))
	n.Set(func(u *agenttest.Rules) { u.Refuse = nil })
	r.await(t, uplink.CodeConnected)
	if d := time.Since(began); d < 2*time.Second {
		t.Fatalf("asked again after %s", d)
	}
	if got := n.Requests(pki.Fingerprint{}); got != 2 {
		t.Fatalf("%d requests", got)
	}
}

func TestServersAreTriedInOrder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	n := agenttest.Start(t)
	r := start(t, uplink.Options{Servers: []string{dead, n.Address}}, n.Pair.Fingerprint())
	r.send(t, 1)
	agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 1 })
	if s := r.await(t, uplink.CodeConnected); s.Server != n.Address {
		t.Fatalf("state %+v", s)
	}
}

func TestSyncPeriodOfTheCentralNodeIsBounded(t *testing.T) {
	n := agenttest.Start(t)
	n.Set(func(u *agenttest.Rules) {
		u.Settings = &agentv1.Settings{SyncPeriod: durationpb.New(time.Nanosecond)}
		u.Clock = func() time.Time { return time.Now().Add(10 * 365 * 24 * time.Hour) }
	})
	r := start(t, uplink.Options{Servers: []string{n.Address}}, n.Pair.Fingerprint())
	s := r.await(t, uplink.CodeConnected)
	if s.ClockOffset < 9*365*24*time.Hour {
		t.Fatalf("clock offset %s", s.ClockOffset)
	}
	r.send(t, 1)
	agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 1 })
	if len(n.Syncs()) != 1 {
		t.Fatalf("%d syncs: a server cannot make agents storm", len(n.Syncs()))
	}
}
