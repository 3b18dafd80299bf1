package cli_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

func TestQualitySaysOnceWhyNothingIsMeasured(t *testing.T) {
	var out bytes.Buffer
	q := acts.LinkQuality{Verdict: acts.VerdictUnknown, Unmeasured: "There is no link."}
	for _, limit := range acts.Limits() {
		q.Limits = append(q.Limits, acts.Judged{Limit: limit, Verdict: acts.VerdictUnknown})
	}
	if err := cli.WriteQuality(&out, q); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "There is no link."); n != 1 || strings.Contains(out.String(), "LAST") {
		t.Errorf("said %d times:\n%s", n, &out)
	}
	out.Reset()
	if err := cli.WriteQuality(&out, acts.LinkQuality{Unmeasured: "Nothing\x1b is known yet."}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "Link quality:  Not measured\n               Nothing\\u{1b} is known yet.\n") {
		t.Errorf("without limits:\n%s", &out)
	}
}

var historyNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// history gives a history command a line, and returns what was asked for.
func history(t *testing.T, minutes []acts.QualityMinute, args ...string) (out string, asked acts.ViewHistory, exit int) {
	t.Helper()
	h := cli.History{
		Use: "history WHICH", Short: "Show it", Args: cobra.ExactArgs(1), Now: func() time.Time { return historyNow },
		Load: func(_ context.Context, _ []string, in acts.ViewHistory) ([]acts.QualityMinute, error) {
			asked = in
			return minutes, nil
		},
	}
	root := cli.NewRoot("d", "")
	root.AddCommand(h.NewCmd())
	var b, errs bytes.Buffer
	exit = cli.Execute(t.Context(), root, append([]string{"history", "x"}, args...), sshd.Streams{Out: &b, Err: &errs})
	return b.String() + errs.String(), asked, exit
}

// day is a day of minutes in which the line was bad from 8:00 to 8:20.
func day() (all []acts.QualityMinute) {
	for at := historyNow.Add(-24 * time.Hour); at.Before(historyNow); at = at.Add(time.Minute) {
		m := acts.QualityMinute{Start: at, Verdict: acts.VerdictOK, Figures: acts.Figures{
			Sent: 1200, Lost: 12, RoundTripP50: 20 * time.Millisecond, RoundTripP95: 31500 * time.Microsecond, RoundTripP99: 40 * time.Millisecond, Segments: 1000, Retransmitted: 11,
		}}
		switch since := at.Sub(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)); {
		case since >= 0 && since < 20*time.Minute:
			m.Verdict, m.Lost, m.RoundTripP95 = acts.VerdictExceeded, 180, 1234500*time.Microsecond
		case since >= 30*time.Minute && since < 45*time.Minute:
			m = acts.QualityMinute{Start: at, Verdict: acts.VerdictUnknown}
		}
		all = append(all, m)
	}
	return all
}

func TestHistoryFitsATerminal(t *testing.T) {
	out, asked, exit := history(t, day())
	if exit != 0 || !asked.From.Equal(historyNow.Add(-24*time.Hour)) || !asked.To.IsZero() {
		t.Fatalf("exit %d, asked %+v", exit, asked)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 97 {
		t.Errorf("%d lines for 96 quarter hours", len(lines))
	}
	for _, l := range lines {
		if len(l) > 80 {
			t.Errorf("%d columns: %q", len(l), l)
		}
	}
	for _, want := range []string{
		"TIME                  LOSS    P50 MS  P95 MS  RESENT  OF THE LIMIT     VERDICT",
		"2026-11-22T07:45:00Z  1.0 %   20.0    31.5    1.1 %   [###.......]     OK",
		"2026-11-22T08:00:00Z  15.0 %  20.0    1234.5  1.1 %   [##########]##+  Exceeded",
		"2026-11-22T08:15:00Z  5.7 %   20.0    1234.5  1.1 %   [##########]##+  Exceeded",
		"2026-11-22T08:30:00Z  -       -       -       -       not measured     -",
	} {
		if !strings.Contains(out, want+"\n") {
			t.Errorf("there is no line %q in\n%s", want, strings.Join(lines[78:90], "\n"))
		}
	}
}

func TestAnEmptyHistorySaysSo(t *testing.T) {
	for _, args := range [][]string{nil, {"--minutes"}} {
		if out, _, exit := history(t, nil, args...); exit != 0 || out != "Nothing was measured in this time.\n" {
			t.Errorf("%q: exit %d, %q", args, exit, out)
		}
	}
}

func TestHistoryOfEveryMinute(t *testing.T) {
	out, asked, exit := history(t, day()[1200:1260], "--minutes", "--since", "4h", "--until", "2026-11-22T09:00:00Z")
	if n := strings.Count(out, "\n"); exit != 0 || n != 61 || !asked.From.Equal(historyNow.Add(-4*time.Hour)) || !asked.To.Equal(historyNow.Add(-3*time.Hour)) {
		t.Errorf("exit %d, %d lines, asked %+v", exit, n, asked)
	}
	out, _, _ = history(t, day()[:30], "-o", "json")
	if n := strings.Count(out, `"start": `); n != 30 {
		t.Errorf("JSON has %d minutes", n)
	}
	if out, _, _ = history(t, nil, "-o", "json"); out != "[]\n" {
		t.Errorf("nothing as JSON is %q", out)
	}
	for _, bad := range [][]string{{"--since", "yesterday"}, {"--since", "1h", "--until", "2h"}} {
		if _, _, exit := history(t, nil, bad...); exit != cli.ExitUsage {
			t.Errorf("%q: exit %d", bad, exit)
		}
	}
}
