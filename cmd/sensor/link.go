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

func (c commands) newLinkStatusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the link to the Central Node and what agents send into it",
		Example: "  sensor link status\n  sensor link status --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		l, err := c.admin.Link(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), l)
		}
		return writeLink(cmd.OutOrStdout(), l)
	})
	return cli.Remote(cmd)
}

func (c commands) newLinkWatchCmd() *cobra.Command {
	var count int
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show the link at each change, until interrupted",
		Long:  "Show the link at once, at each change of its state, and every second while agents come, go or send, until interrupted.",
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
		var broken error // of the first write that failed
		err := cli.Live(cmd.Context(), c.draining, func(ctx context.Context) error {
			return c.admin.WatchLink(ctx, c.who, func(l acts.Link) bool {
				broken = writeLook(cmd.OutOrStdout(), *format, l)
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

func writeLook(w io.Writer, format cli.Format, l acts.Link) error {
	if format == cli.FormatJSONL {
		return cli.WriteJSONL(w, l)
	}
	cells := []string{
		cli.Time(l.Time), string(l.State), fmt.Sprintf("lanes %d", len(l.Lanes)), "round trip " + rttText(l),
		fmt.Sprintf("agents %d", l.Ingress.Agents), acts.BitRate(l.Ingress.Rate),
	}
	if l.Ingress.Held {
		cells = append(cells, "held back by the limit")
	}
	if l.State != acts.LinkAccepted && l.Detail != "" {
		cells = append(cells, l.Detail)
	}
	_, err := fmt.Fprintln(w, cli.Cells("  ", cells...))
	return err
}

func writeLink(w io.Writer, l acts.Link) error {
	f := cli.NewFields(w)
	addCentralNode(f, l.CentralNode)
	lanes := make([]string, len(l.Lanes))
	for i, lane := range l.Lanes {
		lanes[i] = fmt.Sprintf("%s, %s, %s to %s, since %s", lane.Class, lane.Congestion, lane.Local, lane.Remote, cli.Time(lane.Since))
	}
	f.Add("Lanes", lanes...)
	f.Add("Round trip", rttText(l))
	f.Add("Streams", fmt.Sprintf("%d, and %s that wait for acknowledgement", l.Streams, acts.ByteSize(uint64(l.RetainedBytes))))
	f.Add("Validate Endpoint Agent TLS certificates", policyText(l))
	f.Add("Agents", agentsText(l.Ingress))
	f.Add("Ingress", ingressLines(l.Ingress)...)
	f.Add("Warnings", l.Warnings...)
	return f.Flush()
}

func rttText(l acts.Link) string {
	if l.RTT == 0 {
		return "not measured"
	}
	return l.RTT.Round(10 * time.Microsecond).String()
}

// policyText is the switch as the Central Node told it on this link. A policy
// that nobody changed yet has revision 0.
func policyText(l acts.Link) string {
	if l.PolicyRevision == 0 && l.State != acts.LinkAccepted {
		return "unknown until the Central Node tells it"
	}
	return fmt.Sprintf("%s (policy revision %d)", cli.OnOff(l.Validation), l.PolicyRevision)
}

func agentsText(i acts.Ingress) string {
	return fmt.Sprintf("%d, and %d not carried; %d refused since the start", i.Agents, i.Strangers, i.Refused)
}

func ingressLines(i acts.Ingress) []string {
	lines := []string{fmt.Sprintf("%s since the start, %s now, at most %s", acts.ByteSize(i.Bytes), acts.BitRate(i.Rate), acts.BitRate(i.Limit))}
	if i.Held {
		lines = append(lines, "the limit holds agents back now")
	}
	return lines
}
