package main

import (
	"errors"
	"fmt"
	"io"

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

func writeLink(w io.Writer, l acts.Link) error {
	f := cli.NewFields(w)
	addCentralNode(f, l.CentralNode)
	f.Add("Round trip", rttText(l))
	f.Add("Streams", fmt.Sprintf("%d, and %s that wait for acknowledgement", l.Streams, acts.ByteSize(uint64(l.RetainedBytes))))
	f.Add("Validate Endpoint Agent TLS certificates", policyText(l))
	f.Add("Agents", agentsText(l.Ingress))
	f.Add("Ingress", ingressLines(l.Ingress)...)
	f.Add("Warnings", l.Warnings...)
	if err := f.Flush(); err != nil || l.Address == "" {
		return err
	}
	return errors.Join(section(w, func() error { return cli.WriteQuality(w, l.Quality) }), section(w, func() error { return writeLanes(w, l.Lanes) }))
}

// section writes what stands apart from the text above it.
func section(w io.Writer, write func() error) error {
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return write()
}

// writeLanes writes the connections of the link, and what the kernel says of
// each.
func writeLanes(w io.Writer, lanes []acts.Lane) error {
	if len(lanes) == 0 {
		_, err := fmt.Fprintln(w, "The link has no lane now.")
		return err
	}
	t := cli.NewTable(w, "LANE", "ROUND TRIP", "RETRANSMITTED", "DELIVERY RATE", "CONGESTION", "FROM", "TO", "SINCE")
	for _, lane := range lanes {
		resent := ""
		if lane.Segments > 0 {
			resent = fmt.Sprintf("%d of %d", lane.Retransmitted, lane.Segments)
		}
		delivery := ""
		if lane.DeliveryRate > 0 {
			delivery = acts.BitRate(lane.DeliveryRate)
		}
		trip := acts.DelayText(lane.RTT)
		if lane.Idle {
			trip = "idle"
		}
		t.Row(lane.Class, trip, resent, delivery, lane.Congestion, lane.Local, lane.Remote, cli.Time(lane.Since))
	}
	return t.Flush()
}

func rttText(l acts.Link) string {
	if l.RTT == 0 {
		return "not measured"
	}
	return acts.DelayText(l.RTT)
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
