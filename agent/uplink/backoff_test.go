package uplink_test

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"vedette/agent/agenttest"
	"vedette/agent/uplink"
	"vedette/proto/problem"
)

// TestAgentsDoNotComeBackInLockstep draws the wait of a thousand agents that
// were told the same at the same moment.
func TestAgentsDoNotComeBackInLockstep(t *testing.T) {
	const agents, slices = 1000, 10
	for name, c := range map[string]struct {
		backoff     uplink.Backoff
		fault       uplink.Fault
		try         int
		least, most time.Duration
	}{
		"a Sensor's 5 s":            {fault: uplink.Fault{Code: string(problem.LinkDown), RetryAfter: 5 * time.Second}, least: 5 * time.Second, most: 7500 * time.Millisecond},
		"and after many tries":      {fault: uplink.Fault{Code: string(problem.LinkDown), RetryAfter: 5 * time.Second}, try: 1000, least: 5 * time.Second, most: 7500 * time.Millisecond},
		"1 s":                       {fault: uplink.Fault{Code: string(problem.Busy), RetryAfter: time.Second}, least: time.Second, most: 3 * time.Second},
		"an hour":                   {fault: uplink.Fault{RetryAfter: time.Hour}, least: time.Hour, most: time.Hour + 30*time.Second},
		"a day is not believed":     {fault: uplink.Fault{RetryAfter: 24 * time.Hour}, least: time.Hour, most: time.Hour + 30*time.Second},
		"a cut":                     {fault: uplink.Fault{Code: uplink.CodeCut}, most: 2 * time.Second},
		"a cut again":               {fault: uplink.Fault{Code: uplink.CodeCut}, try: 1, least: time.Second, most: 2 * time.Second},
		"nobody listens":            {fault: uplink.Fault{Code: uplink.CodeUnreachable}, least: 500 * time.Millisecond, most: time.Second},
		"for long":                  {fault: uplink.Fault{Code: uplink.CodeUnreachable}, try: 1000, least: 30 * time.Second, most: time.Minute},
		"refused for long":          {fault: uplink.Fault{Code: "withdrawn", Refused: true}, try: 1000, least: 15 * time.Second, most: 30 * time.Second},
		"with bounds of one's own":  {backoff: uplink.Backoff{Most: 4 * time.Second}, fault: uplink.Fault{Code: uplink.CodeTimeout}, try: 7, least: 2 * time.Second, most: 4 * time.Second},
		"the greatest of exponents": {fault: uplink.Fault{Code: uplink.CodeTimeout}, try: 19, least: 30 * time.Second, most: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			var count [slices]int
			for range agents {
				d := c.backoff.Wait(c.try, &c.fault)
				if d < c.least || d > c.most {
					t.Fatalf("%s, not between %s and %s", d, c.least, c.most)
				}
				count[min(int((d-c.least)*slices/(c.most-c.least)), slices-1)]++
			}
			for i, n := range count {
				// A hundred each on average; twice that is ten standard deviations off.
				if n > 2*agents/slices {
					t.Errorf("%d of %d come in slice %d of %d", n, agents, i, slices)
				}
			}
		})
	}
}

// TestAgentsThatWereCutTogetherComeBackApart, whatever they were doing.
func TestAgentsThatWereCutTogetherComeBackApart(t *testing.T) {
	const agents = 30
	spread := 400 * time.Millisecond
	for _, waiting := range []bool{false, true} {
		t.Run(fmt.Sprintf("waiting for an answer: %v", waiting), func(t *testing.T) {
			n := agenttest.Start(t)
			var mu sync.Mutex
			var came []time.Time
			held := 0
			rigs := make([]*rig, agents)
			for i := range rigs {
				backoff := quick
				backoff.Cut = spread
				rigs[i] = start(t, uplink.Options{Servers: []string{n.Address}, Backoff: backoff}, n.Pair.Fingerprint())
			}
			for _, r := range rigs {
				r.await(t, uplink.CodeConnected)
			}
			if waiting {
				n.Set(func(u *agenttest.Rules) {
					u.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body) // only then the server sees the cut
						mu.Lock()
						held++
						mu.Unlock()
						<-r.Context().Done()
					})
				})
				for _, r := range rigs {
					r.send(t, 1)
				}
				agenttest.Eventually(t, "all calls", func() bool { mu.Lock(); defer mu.Unlock(); return held == agents })
			}
			n.Set(func(u *agenttest.Rules) {
				u.Handler = nil
				u.Clock = func() time.Time { // of each Sync
					mu.Lock()
					defer mu.Unlock()
					came = append(came, time.Now())
					return time.Now()
				}
			})
			n.Cut()
			agenttest.Eventually(t, "all back", func() bool { mu.Lock(); defer mu.Unlock(); return len(came) == agents })
			if d := came[agents-1].Sub(came[0]); d < spread/3 {
				t.Errorf("all came within %s", d)
			}
			if waiting {
				agenttest.Eventually(t, "delivery", func() bool { return n.Packages() == agents })
			}
		})
	}
}
