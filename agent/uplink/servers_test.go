package uplink

import (
	"testing"
	"time"
)

func TestTheServerThatMayBeAskedSoonestIsNext(t *testing.T) {
	now := time.Now()
	type fault struct {
		at    time.Duration
		pause time.Duration
		turn  bool
		all   bool
		next  string
		wait  time.Duration
	}
	for name, list := range map[string][]fault{
		"all in order, then the first when it is due": {
			{0, 4, true, false, "b", 0}, {0, 5, true, false, "c", 0}, {0, 6, true, false, "a", 4},
			{4, 4, true, false, "b", 1}, {5, 4, true, false, "c", 1},
		},
		"one that wants to be asked late holds nobody up": {
			{0, 60, true, false, "b", 0}, {1, 1, true, false, "c", 0}, {1, 2, true, false, "b", 1}, {2, 1, true, false, "c", 1},
			{3, 70, true, false, "b", 0}, {3, 80, true, false, "a", 57},
		},
		"what counts for all holds all": {{0, 5, true, true, "b", 5}, {5, 1, true, false, "c", 0}},
		"without a turn":                {{0, 5, false, false, "a", 5}, {5, 5, false, false, "a", 5}, {10, 5, true, false, "b", 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServers([]string{"a", "b", "c"})
			for i, f := range list {
				at := now.Add(f.at * time.Second)
				due := s.failed(at, f.pause*time.Second, f.turn, f.all)
				if got, wait := s.current().address, max(due.Sub(at), 0); got != f.next || wait != f.wait*time.Second {
					t.Fatalf("fault %d: %s after %s, want %s after %d s", i, got, wait, f.next, f.wait)
				}
			}
		})
	}
}
