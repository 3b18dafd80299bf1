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

// Bounds of a test of the channel.
const (
	maxTestSeconds = 30
	mbit           = 1_000_000
	maxTestMbit    = acts.MaxIngress / mbit
)

func (c commands) newLinkTestCmd() *cobra.Command {
	var seconds, rate int
	var back bool
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Measure what the channel to the Central Node carries",
		Long: "Fill the channel between Sensor and Central Node for a few seconds, and say what it carries. The test gives way to agents:\n" +
			"what they send goes first, and may take a little longer meanwhile. Others on the same line notice it as they would a\n" +
			"download; --rate spares them. The direction to the Central Node is set against 15 % of the SPAN traffic by: sensor link status.",
		Example: "  sensor link test\n" +
			"  sensor link test --seconds 10 --rate 100\n" +
			"  sensor link test --back --output json",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().IntVar(&seconds, "seconds", 5, fmt.Sprintf("`N` seconds, 1 to %d", maxTestSeconds))
	cmd.Flags().IntVar(&rate, "rate", maxTestMbit, fmt.Sprintf("send at most `N` Mbit/s, 1 to %d", maxTestMbit))
	cmd.Flags().BoolVar(&back, "back", false, "test the direction from the Central Node to the Sensor")
	cli.CompleteFlag(cmd, "seconds", "5", "10", "30")
	cli.CompleteFlag(cmd, "rate", "10", "100", "1000")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		if seconds < 1 || seconds > maxTestSeconds {
			return cli.Usagef("--seconds: %d is not from 1 to %d", seconds, maxTestSeconds)
		}
		if rate < 1 || rate > maxTestMbit {
			return cli.Usagef("--rate: %d Mbit/s is not from 1 to %d", rate, maxTestMbit)
		}
		var result acts.LinkTest
		err := cli.Live(cmd.Context(), c.draining, func(ctx context.Context) (err error) {
			result, err = c.admin.TestLink(ctx, c.who, acts.TestLink{Duration: time.Duration(seconds) * time.Second, Rate: uint64(rate) * mbit, Back: back})
			return err
		})
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), result)
		}
		return writeLinkTest(cmd.OutOrStdout(), result)
	})
	return cli.Remote(cmd)
}

func writeLinkTest(w io.Writer, r acts.LinkTest) error {
	f := cli.NewFields(w)
	f.Add("Capacity of the channel", r.Found()...)
	f.Add("Direction", r.Direction())
	f.Add("Test", r.Rates())
	f.Add("Agents meanwhile", acts.BitRate(r.Others))
	f.Add("Round trip", r.RoundTrips())
	f.Add("Time", cli.Time(r.Time))
	return f.Flush()
}

func (c commands) newLinkHistoryCmd() *cobra.Command {
	return cli.History{
		Use: "history", Short: "Show what was measured of the link", Args: cli.Args(0, 0), Now: c.now,
		Example: "  sensor link history\n" +
			"  sensor link history --since 2026-11-22T08:00:00Z --until 2026-11-22T10:00:00Z\n" +
			"  sensor link history --since 30m --minutes\n" +
			"  sensor link history --output json",
		Load: func(ctx context.Context, _ []string, in acts.ViewHistory) ([]acts.QualityMinute, error) {
			return c.admin.LinkHistory(ctx, c.who, in)
		},
	}.NewCmd()
}
