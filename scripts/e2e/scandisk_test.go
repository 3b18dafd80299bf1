package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/internal/disktest"
)

// TestFullDiskTakesNoObjectByHalves fills the disk of a Central Node under
// submissions, twice: they are refused with 503 storage_full and leave nothing,
// what was answered OK keeps its promise, and it is over when there is room.
func TestFullDiskTakesNoObjectByHalves(t *testing.T) {
	socket := socketIn(t)
	newFakeClamd(t, socket, slowly)
	n := prepareNode(t, clampedScan(t, socket, "workers = 1", `retry_after = "200ms"`, "attempts = 8"))
	disktest.New(t, n.state(), "96M")
	n.start()
	s := acceptedSystem(t, n, "file-store")
	c := s.caller()
	asks := newSystem(t, n, "newcomer")
	taken := make(map[string]int) // by scanId: which object
	refused := make(map[string]bool)
	submit := func(id string, i int) (full bool) {
		t.Helper()
		status, body, err := c.submit(id, loadObject(c.id, i))
		switch {
		case err != nil:
			t.Fatalf("submit %s: %v", id, err)
		case status == http.StatusOK && body == "OK":
			taken[id] = i
		case status == http.StatusServiceUnavailable && strings.Contains(body, `"storage_full"`):
			refused[id] = true
			return true
		default:
			t.Fatalf("submit %s: %d %s", id, status, body)
		}
		return false
	}
	for round := range 2 {
		for i := range 20 {
			submit(fmt.Sprintf("before-%d-%d", round, i), i)
		}
		free := fill(t, n.state())
		// What is freed by verdicts lets some in again.
		for i := 0; len(refused) < 30*(round+1); i++ {
			submit(fmt.Sprintf("full-%d-%d", round, i), i)
		}
		eventually(t, 30*time.Second, "the Central Node says that its disk is full", func() bool {
			v := n.scanning()
			return v.Degraded && strings.Contains(v.Reason, "no space left")
		})
		select {
		case <-n.done:
			t.Fatalf("the Central Node died of a full disk:\n%s", tail(n.log))
		default:
		}
		if out := n.must("status"); !strings.Contains(out, "no space left") {
			t.Errorf("the status does not say it:\n%s", out)
		}
		// Reading goes on; acts are done or refused with a sentence, never half.
		for _, id := range []string{fmt.Sprintf("before-%d-0", round), fmt.Sprintf("before-%d-1", round)} {
			if _, there := c.states()[id]; !there {
				t.Errorf("%s is not there while the disk is full", id)
			}
		}
		c.becomes(fmt.Sprintf("before-%d-0", round), "detect")
		if status, body := asks.curl(asks.scanner("connection")); status != http.StatusUnauthorized {
			t.Errorf("a request on a full disk: %d %s", status, body)
		}
		o := n.run("external-system", "accept", "newcomer", "--yes")
		if o.code != 0 && !strings.Contains(o.err, "hint: ") {
			t.Errorf("Accept on a full disk: exit %d, %s", o.code, o.err)
		}
		want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[o.code == 0]
		if status, body := asks.curl(asks.scanner("connection")); status != want {
			t.Errorf("after Accept with exit %d: %d %s", o.code, status, body)
		}
		o = n.run("external-system", "reject", "newcomer", "--yes")
		if o.code != 0 && !strings.Contains(o.err, "hint: ") {
			t.Errorf("Reject on a full disk: exit %d, %s", o.code, o.err)
		}
		victim := fmt.Sprintf("before-%d-1", round)
		switch status, body, err := c.call(http.MethodDelete, c.scanner("scans/"+victim), "", nil); {
		case err == nil && status == http.StatusOK:
			delete(taken, victim)
			if _, there := c.states()[victim]; there {
				t.Errorf("%s is there after its deletion", victim)
			}
		case err == nil && status == http.StatusServiceUnavailable:
			if _, there := c.states()[victim]; !there {
				t.Errorf("%s is gone after a refused deletion", victim)
			}
		default:
			t.Errorf("a deletion on a full disk: %d %s, %v", status, body, err)
		}
		free()
		eventually(t, 30*time.Second, "objects are taken again, without a restart", func() bool {
			return !submit(fmt.Sprintf("after-%d-%d", round, len(refused)), 5)
		})
		n.run("external-system", "reject", "newcomer", "--yes") // again, if it was refused
		if state := asks.shown().State; state != acts.Rejected {
			t.Errorf("the newcomer is %s", state)
		}
	}
	eventually(t, 30*time.Second, "the Central Node is well", func() bool { return !n.scanning().Degraded })
	check := func(when string) {
		t.Helper()
		n.clean()
		states, alerts := c.states(), n.alerts()
		for id, i := range taken {
			want, wantAlerts := "not detected", 0
			if badObject(i) {
				want, wantAlerts = "detect", 2
			}
			if got := alerts[[2]string{c.id, id}]; states[id] != want || len(got) != wantAlerts {
				t.Errorf("%s: %s is %q with %d alerts, want %q with %d", when, id, states[id], len(got), want, wantAlerts)
			}
		}
		for id := range refused {
			if _, there := states[id]; there || len(alerts[[2]string{c.id, id}]) != 0 {
				t.Errorf("%s: %s was refused and is there", when, id)
			}
		}
		if len(states) != len(taken) {
			t.Errorf("%s: %d results, %d objects were answered OK", when, len(states), len(taken))
		}
	}
	check("afterwards")
	n.stop()
	n.start()
	check("after a restart")
	t.Logf("%d objects answered OK, %d refused", len(taken), len(refused))
	n.must("audit", "verify")
	n.stop()
}
