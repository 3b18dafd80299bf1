package uplink_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	"vedette/agent/agenttest"
	"vedette/agent/uplink"
	"vedette/pki"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

func TestSensorThatCarriesNobodyIsExplainedAndAskedAgain(t *testing.T) {
	for code, want := range map[problem.Code][2]string{
		problem.SensorUnconfigured: {"has no Central Node yet", "Configure Central Node"},
		problem.SensorPending:      {"waits until an administrator of the Central Node accepts it", "Sensor servers"},
		problem.SensorRejected:     {"an administrator of the Central Node rejected the Sensor", "central-node set"},
		problem.SameServer:         {"on one server with its Central Node", "a server of its own"},
		problem.CentralNodeChanged: {"another certificate at its Central Node's address", "central-node set"},
		problem.LinkDown:           {"has no connection to its Central Node", "link status"},
	} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			n := agenttest.Start(t)
			told := new(codes)
			r := start(t, uplink.Options{Servers: []string{n.Address}, Log: slog.New(told)}, n.Pair.Fingerprint())
			r.await(t, uplink.CodeConnected)
			const later = 2 * time.Second
			var refused atomic.Bool
			n.Set(func(u *agenttest.Rules) {
				u.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if refused.CompareAndSwap(false, true) {
						problem.Write(w, &problem.Problem{Title: "no", Status: 503, Code: code, RetryAfter: later})
						return
					}
					n.Service.ServeHTTP(w, r)
				})
			})
			before := n.Requests(pki.Fingerprint{})
			n.Cut()
			s := r.await(t, string(code))
			if !strings.Contains(s.Text, want[0]) || !strings.Contains(s.Text, "Sensor at "+n.Address) ||
				!strings.HasPrefix(s.Next, "nothing to do on this host, it is set up right and keeps its events; ") || !strings.Contains(s.Next, want[1]) {
				t.Errorf("state %+v", s)
			}
			r.send(t, 3)
			r.send(t, 4)
			agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == 2 && r.q.Stats().Packages == 0 })
			if d := time.Since(s.Since); d < later {
				t.Errorf("asked again after %s", d)
			}
			if got := n.Requests(pki.Fingerprint{}) - before; got != 4 {
				t.Errorf("%d requests: one that is refused, a Sync and two packages were to come", got)
			}
			if dropped := r.q.Stats().Dropped; len(dropped) != 0 {
				t.Errorf("dropped %v", dropped)
			}
			if got := told.list(); len(got) != 1 || got[0] != string(code) {
				t.Errorf("the log told of %v", got)
			}
		})
	}
}

// TestRetryAfterOfConnectErrorsIsObeyed: the agent service says so when nothing can be made durable.
func TestRetryAfterOfConnectErrorsIsObeyed(t *testing.T) {
	for value, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "-1": 0, "soon": 0, "99999999999999": 0} {
		n := agenttest.Start(t)
		n.Set(func(u *agenttest.Rules) {
			u.SendWith = func(*agentv1.SendEventsRequest) error {
				err := connect.NewError(connect.CodeUnavailable, errors.New("not durable"))
				err.Meta().Set("Retry-After", value)
				return err
			}
		})
		c := uplink.NewClient(uplink.ClientOptions{Address: n.Address, Pins: pki.PinTo(n.Pair.Fingerprint()), Timeout: 5 * time.Second})
		_, err := c.SendEvents(context.Background(), &agentv1.SendEventsRequest{})
		c.Close()
		if f := uplink.Explain(n.Address, err); f.Code != string(problem.Unavailable) || f.RetryAfter != want || !strings.Contains(f.Next, "keeps its events") {
			t.Errorf("%q: %+v", value, f)
		}
	}
}

func TestSensorThatCarriesNobodyDoesNotHoldUpTheOtherSensor(t *testing.T) {
	first := agenttest.Start(t)
	second := agenttest.StartWith(t, first.Pair)
	first.Set(func(u *agenttest.Rules) {
		u.Refuse = &problem.Problem{Title: "no", Status: 503, Code: problem.SensorPending, RetryAfter: time.Hour}
	})
	r := start(t, uplink.Options{Servers: []string{first.Address, second.Address}}, first.Pair.Fingerprint())
	r.send(t, 1)
	agenttest.Eventually(t, "delivery", func() bool { return second.Packages() == 1 })
	// When the second has none either, the first is left alone, as it wished.
	second.Set(func(u *agenttest.Rules) {
		u.Refuse = &problem.Problem{Title: "no", Status: 503, Code: problem.LinkDown, RetryAfter: time.Second}
	})
	second.Cut()
	r.await(t, string(problem.LinkDown))
	r.send(t, 1)
	second.Set(func(u *agenttest.Rules) { u.Refuse = nil })
	agenttest.Eventually(t, "delivery", func() bool { return second.Packages() == 2 })
	if got := first.Requests(pki.Fingerprint{}); got != 1 {
		t.Errorf("the first was asked %d times", got)
	}
}

func TestCutAgentAsksTheSameServerWhy(t *testing.T) {
	first := agenttest.Start(t)
	second := agenttest.StartWith(t, first.Pair)
	r := start(t, uplink.Options{Servers: []string{first.Address, second.Address}}, first.Pair.Fingerprint())
	r.await(t, uplink.CodeConnected)
	first.Set(func(u *agenttest.Rules) {
		u.Refuse = &problem.Problem{Title: "no", Status: 401, Code: problem.Withdrawn}
	})
	first.Cut()
	if s := r.await(t, string(problem.Withdrawn)); s.Server != first.Address {
		t.Fatalf("state %+v", s)
	}
	if got := second.Requests(pki.Fingerprint{}); got != 0 {
		t.Errorf("the second was asked %d times", got)
	}
}
