package agent_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"vedette/agent"
	"vedette/agent/agenttest"
	"vedette/internal/health/healthtest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

func TestRunningAgentTellsWhatItDoes(t *testing.T) {
	n, source, c := agenttest.Start(t), newSource(), config(t)
	c.LocalListen = "127.0.0.1:0"
	a := run(t, c, source).Agent
	agenttest.Eventually(t, "an agent that is turned off does what it should", func() bool {
		code, _ := healthtest.Get(t, a.LocalAddress(), "/readyz")
		return code == http.StatusOK
	})
	write(t, c, fmt.Sprintf("enabled = true\nservers = [%q]\n%s", n.Address, pinned(n.Pair)))
	gone := start("")
	gone.GetProcessStart().Incomplete = true
	end := &agentv1.Event{Id: strings.Repeat("e", 32), Kind: &agentv1.Event_ProcessExit{ProcessExit: &agentv1.ProcessExit{Pid: 7}}}
	for _, e := range []*agentv1.Event{start("/bin/a"), gone, end} {
		source.events <- e
	}
	var body string
	agenttest.Eventually(t, "package", func() bool {
		_, body = healthtest.Get(t, a.LocalAddress(), "/metrics")
		sent, _ := healthtest.Value(t, body, "vedette_packages_sent_total")
		exits, _ := healthtest.Value(t, body, `vedette_collected_events_total{kind="process-exit"}`)
		waiting, _ := healthtest.Value(t, body, "vedette_queue_packages")
		return sent > 0 && exits > 0 && waiting == 0
	})
	for name, want := range map[string]float64{
		`vedette_collected_events_total{kind="process-start"}`:   2,
		`vedette_collected_events_total{kind="process-exit"}`:    1,
		`vedette_collected_events_total{kind="notice"}`:          0,
		"vedette_incomplete_starts_total":                        1,
		"vedette_suppressed_starts_total":                        0,
		"vedette_server_up":                                      1,
		"vedette_enabled":                                        1,
		"vedette_collector_kernel":                               0,
		"vedette_queue_limit_bytes":                              float64(c.Queue.MaxSize),
		"vedette_pinned_certificate_not_after_timestamp_seconds": float64(n.Pair.Leaf().NotAfter.Unix()),
	} {
		if got, ok := healthtest.Value(t, body, name); !ok || got != want {
			t.Errorf("%s is %v (there: %v), want %v", name, got, ok, want)
		}
	}
	for _, name := range []string{"vedette_package_latency_seconds", "vedette_package_wait_seconds_total", "vedette_last_contact_timestamp_seconds"} {
		if got, _ := healthtest.Value(t, body, name); got <= 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
	if _, ok := healthtest.Value(t, body, "vedette_client_certificate_not_after_timestamp_seconds"); ok {
		t.Error("an expiry of a certificate that is not there")
	}
	healthtest.Check(t, "Endpoint Agent", body)
	if code, text := healthtest.Get(t, a.LocalAddress(), "/readyz"); code != http.StatusOK {
		t.Errorf("ready: %d %q", code, text)
	}
	n.Set(func(r *agenttest.Rules) {
		r.Refuse = &problem.Problem{Title: "No", Status: http.StatusUnauthorized, Code: problem.Withdrawn}
	})
	n.Cut()
	agenttest.Eventually(t, "trouble", func() bool {
		code, text := healthtest.Get(t, a.LocalAddress(), "/readyz")
		return code == http.StatusServiceUnavailable && strings.HasPrefix(text, "server: ") && strings.Contains(text, string(problem.Withdrawn))
	})
	if code, _ := healthtest.Get(t, a.LocalAddress(), "/livez"); code != http.StatusOK {
		t.Errorf("alive: %d", code)
	}
}

func TestLocalListenerIsOffAndNeverBeyondTheMachine(t *testing.T) {
	c := agent.DefaultConfig()
	if c.LocalListen != "" || c.Validate() != nil {
		t.Fatalf("default %q: %v", c.LocalListen, c.Validate())
	}
	for address, good := range map[string]bool{
		"127.0.0.1:9445": true, "localhost:9445": true, "[::1]:9445": true,
		":9445": false, "0.0.0.0:9445": false, "192.0.2.1:9445": false, "127.0.0.1": false, "host:9445": false,
	} {
		c.LocalListen = address
		if err := c.Validate(); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}
