package sensor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
	"vedette/internal/audit"
)

// TestVerdictsAreLoggedAllAndRecordedWithinBounds has a link that goes back and
// forth over a limit all day.
func TestVerdictsAreLoggedAllAndRecordedWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []audit.Record
		var log strings.Builder
		var broken error
		v := newVerdicts(func(_ context.Context, r audit.Record) error {
			if broken == nil {
				records = append(records, r)
			}
			return broken
		}, slog.New(slog.NewTextHandler(&log, nil)))
		bad := acts.Judged{Limit: acts.LimitLoss, Verdict: acts.VerdictExceeded, Amount: 0.123, Bound: 0.1}
		good := acts.Judged{Limit: acts.LimitLoss, Verdict: acts.VerdictOK, Amount: 0.01, Bound: 0.1}
		for range 30 { // two changes every four minutes: 30 an hour
			v.changed(bad, acts.VerdictOK)
			<-time.After(2 * time.Minute)
			v.changed(good, acts.VerdictExceeded)
			<-time.After(2 * time.Minute)
		}
		v.changed(acts.Judged{Limit: acts.LimitDelay, Verdict: acts.VerdictUnknown}, acts.VerdictWarning)
		if n := strings.Count(log.String(), "level=WARN"); n != 30 {
			t.Errorf("%d warnings of 30", n)
		}
		if n := strings.Count(log.String(), "level=INFO"); n != 31 {
			t.Errorf("%d infos of 31", n)
		}
		for _, want := range []string{`limit="Packet loss" verdict=Exceeded before=OK value="12.3 %" bound="10.0 %"`, `meaning="At most 10 %`, `next="Ask for the line`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log.String()[:400])
			}
		}
		if len(records) != 25 { // two hours of 12, and the delay
			t.Errorf("%d records", len(records))
		}
		first, next, last := records[0], records[12], records[24]
		if first.Act != "link verdict" || first.Result != audit.Done || first.Account != "sensor" || fmt.Sprint(first.Subject) != "[Packet loss]" ||
			first.Detail != "OK became Exceeded: 12.3 % of 10.0 %" {
			t.Errorf("record %+v", first)
		}
		if !strings.HasSuffix(next.Detail, "; 18 changes before this one have no record") || last.Detail != "Warning became Not measured" {
			t.Errorf("records %q, %q", next.Detail, last.Detail)
		}

		<-time.After(2 * time.Hour)
		broken = errors.New("the disk is full")
		unsaid := v.unsaid[acts.LimitLoss]
		v.changed(bad, acts.VerdictOK)
		broken = nil
		v.changed(good, acts.VerdictExceeded)
		if got := records[len(records)-1].Detail; !strings.HasSuffix(got, fmt.Sprintf("; %d changes before this one have no record", unsaid+1)) || !strings.Contains(log.String(), "the disk is full") {
			t.Errorf("after a full disk: %q", got)
		}
	})
}
