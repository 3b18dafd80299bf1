package scan

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestSharesTakeFromThoseWhoHaveMost compares with taking one after the other
// from whoever has most.
func TestSharesTakeFromThoseWhoHaveMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := map[*system]int{}
		total := 0
		for range rapid.IntRange(1, 6).Draw(t, "systems") {
			n := rapid.IntRange(0, 30).Draw(t, "has")
			have[newSystem("s")] = n
			total += n
		}
		excess := rapid.IntRange(1, max(1, total)).Draw(t, "excess")
		most := 0 // what anybody has when one after the other was taken
		left := map[*system]int{}
		for s, n := range have {
			left[s] = n
		}
		for range min(excess, total) {
			var top *system
			for s := range left {
				if top == nil || left[s] > left[top] {
					top = s
				}
			}
			left[top]--
		}
		for _, n := range left {
			most = max(most, n)
		}
		lost := 0
		for s, n := range shares(have, excess) {
			lost += n
			if n > 0 && have[s]-n < most-1 || n > have[s] {
				t.Fatalf("one of %d loses %d, others keep %d; all have %v", have[s], n, most, have)
			}
		}
		if lost < min(excess, total) || lost >= excess+len(have) {
			t.Fatalf("%d are lost, expected %d", lost, excess)
		}
	})
}

func TestFloodOfVerdictsPushesOutOnlyItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := open(t, Config{Limits: Limits{MaxResults: 100}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		stop := run(t, r)
		submitOK(t, r, "gate", "evil", []byte("evil"))
		awaitVerdict(r, "gate", "evil")
		submitOK(t, r, "files", "0", []byte("x"))
		for n := range 250 {
			submitOK(t, r, "flood", fmt.Sprint(n), []byte("x"))
			if n%10 == 0 {
				awaitVerdict(r, "flood", fmt.Sprint(n))
			}
		}
		<-time.After(2 * time.Minute)
		if kept := r.Status(t.Context()).Kept; kept > 100 || kept < 95 {
			t.Errorf("%d are kept", kept)
		}
		if gate, files := stateOf(r, "gate", "evil"), stateOf(r, "files", "0"); gate != Detect || files != NotDetected {
			t.Errorf("of the others: %q, %q", gate, files)
		}
		flood := r.States("flood", "", true, nil)
		// Those that were scanned together may have ended in another order.
		if n := len(flood); n == 0 || flood[n-1].Key.ScanID != "249" {
			t.Errorf("of the flood: %d", n)
		} else if oldest, err := strconv.Atoi(flood[0].Key.ScanID); err != nil || oldest < 240-n {
			t.Errorf("of the flood: %d, from %s", n, flood[0].Key.ScanID)
		}
		stop()
		told := 0
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "before their time") {
				told++
				if !strings.Contains(line, "system=flood") || !strings.Contains(line, "max_results=100") {
					t.Errorf("told: %s", line)
				}
			}
		}
		if told == 0 || told > 3 {
			t.Errorf("told %d times", told)
		}
	})
}
