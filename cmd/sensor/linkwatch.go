package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newLinkWatchCmd() *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show the link at each change, until interrupted",
		Long: "Show the link at once, at each change of its state, and every second while it is measured or agents send, until interrupted.\n" +
			"Loss and delay are those of the last 10 seconds; 95 % of the packets took at most this delay, there and back. What a limit\n" +
			"says is shown when it changes.",
		Example: "  sensor link watch\n" +
			"  sensor link watch --count 1\n" +
			"  sensor link watch --output jsonl",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().IntVar(&count, "count", 0, "end after `N` looks (0: until interrupted)")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSONL)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		if count < 0 {
			return cli.Usagef("--count: %d is negative", count)
		}
		looks := 0
		var last acts.LinkQuality
		var broken error // of the first write that failed
		err := cli.Live(cmd.Context(), c.draining, func(ctx context.Context) error {
			return c.admin.WatchLink(ctx, c.who, func(l acts.Link) bool {
				broken = writeLook(cmd.OutOrStdout(), *format, l, last)
				last = l.Quality
				looks++
				return broken == nil && looks != count
			})
		})
		if broken != nil {
			return broken
		}
		return err
	})
	return cli.Remote(cmd)
}

// writeLook writes a look at the link as one line, with what the limits say
// unless the look before it said the same.
func writeLook(w io.Writer, format cli.Format, l acts.Link, before acts.LinkQuality) error {
	if format == cli.FormatJSONL {
		return cli.WriteJSONL(w, l)
	}
	loss, delay := lookedAt(l)
	cells := []string{
		cli.Time(l.Time), string(l.State), fmt.Sprintf("lanes %d", len(l.Lanes)), "loss " + loss, "delay " + delay,
		fmt.Sprintf("agents %d", l.Ingress.Agents), acts.BitRate(l.Ingress.Rate),
	}
	if l.Ingress.Held {
		cells = append(cells, "held back by the limit")
	}
	if l.Quality.Copying {
		cells = append(cells, "small frames on two lanes")
	}
	if l.State != acts.LinkAccepted && l.Detail != "" {
		cells = append(cells, l.Detail)
	}
	cells = append(cells, verdictChanges(before, l.Quality)...)
	_, err := fmt.Fprintln(w, cli.Cells("  ", cells...))
	return err
}

// lookedAt is loss and delay of the last 10 seconds. Where packets are not
// measured, the round trip that the lanes know stands in for the delay.
func lookedAt(l acts.Link) (loss, delay string) {
	loss, delay = "not measured", rttText(l)
	now := l.Quality.Last(10 * time.Second)
	if now.Sent == 0 {
		return loss, delay
	}
	if now.RoundTripP95 > 0 {
		delay = acts.DelayText(now.RoundTripP95)
	}
	return now.LossText(), delay
}

// verdictChanges says what the limits say now and did not before. Nothing was
// said of them before the first look.
func verdictChanges(before, now acts.LinkQuality) (changes []string) {
	was := map[acts.LimitName]acts.Verdict{}
	for _, j := range before.Limits {
		was[j.Limit] = j.Verdict
	}
	for _, j := range now.Worst() {
		switch old, known := was[j.Limit]; {
		case known && old != j.Verdict:
			changes = append(changes, fmt.Sprintf("%s: %s, before %s", j.Limit, j.Stand(), old))
		case !known && j.Verdict.Worse(acts.VerdictOK):
			changes = append(changes, fmt.Sprintf("%s: %s", j.Limit, j.Stand()))
		}
	}
	return changes
}
