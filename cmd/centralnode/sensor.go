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

func (c commands) newSensorListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List Sensor servers: the connected ones, and those that ask to join",
		Example: "  centralnode sensor list\n  centralnode sensor list --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		list, err := c.admin.SensorServers(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), list)
		}
		t := cli.NewTable(cmd.OutOrStdout(), "ADDRESS", "NAME", "TYPE", "CERTIFICATE FINGERPRINT", "STATE", "CONNECTED", "AGENTS", "POLICY", "LINK QUALITY", "LOSS", "DELAY", "LAST CONTACT", "ID", "PROBLEM")
		for _, s := range list.Servers {
			quality := qualityOf(s)
			t.Row(s.Address, s.Name, s.Type, s.Fingerprint.String(), string(s.State), cli.YesNo(s.Connected), fmt.Sprint(s.Agents),
				policyOf(s, list.PolicyRevision), quality.verdict, quality.loss, quality.delay, cli.Time(s.LastContact), s.ID, s.Problem)
		}
		return t.Flush()
	})
	return cli.Remote(cmd)
}

// policyOf says which policy a Sensor has in force.
func policyOf(s acts.SensorServer, now uint64) string {
	switch {
	case !s.Connected || s.State != acts.Accepted:
		return ""
	case s.PolicyRevision == now:
		return fmt.Sprint(now)
	default:
		return fmt.Sprintf("%d, not yet %d", s.PolicyRevision, now)
	}
}

// linkQuality is the link of a Sensor in the list: the worst verdict, and loss
// and delay of the last minute.
type linkQuality struct{ verdict, loss, delay string }

func qualityOf(s acts.SensorServer) linkQuality {
	if s.Quality == nil || !s.Connected {
		return linkQuality{}
	}
	now := s.Quality.Last(time.Minute)
	return linkQuality{verdict: string(s.Quality.Verdict), loss: now.LossText(), delay: acts.DelayText(now.RoundTripP95)}
}

func (c commands) newSensorShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show WHICH",
		Short:   "Show one Sensor server, named by fingerprint, id, address or name",
		Example: "  centralnode sensor show branch-1\n  centralnode sensor show 0a1b2c3d4e5f6071 --output json",
		Args:    cli.Args(1, 1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		s, err := c.admin.SensorServer(cmd.Context(), c.who, args[0])
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), s)
		}
		return writeSensorServer(cmd.OutOrStdout(), s)
	})
	return cli.Remote(cmd)
}

func (c commands) newSensorHistoryCmd() *cobra.Command {
	return cli.History{
		Use: "history WHICH", Short: "Show what a Sensor measured of its link", Args: cli.Args(1, 1), Now: c.now,
		Example: "  centralnode sensor history branch-1\n" +
			"  centralnode sensor history branch-1 --since 30m --minutes\n" +
			"  centralnode sensor history 0a1b2c3d4e5f6071 --output json",
		Load: func(ctx context.Context, args []string, in acts.ViewHistory) ([]acts.QualityMinute, error) {
			return c.admin.SensorHistory(ctx, c.who, args[0], in)
		},
	}.NewCmd()
}

func writeSensorServer(w io.Writer, s acts.SensorServer) error {
	f := cli.NewFields(w)
	f.Add("Name", s.Name)
	f.Add("ID", s.ID)
	f.Add("Type", s.Type)
	f.Add("State", string(s.State))
	f.Add("Problem", some(s.Problem)...)
	f.Add("Certificate fingerprint", s.Fingerprint.String())
	f.Add("Connects from", s.Address)
	f.Add("Addresses", s.Addresses...)
	f.Add("Version", s.Version)
	if !s.ServerCertificate.IsZero() {
		f.Add("Server certificate, for its agents", s.ServerCertificate.String())
	}
	f.Add("Requested", cli.Time(s.Requested))
	f.Add("Decided", some(cli.Time(s.Decided), s.DecidedBy)...)
	f.Add("Last contact", cli.Time(s.LastContact))
	f.Add("Connected", cli.YesNo(s.Connected))
	if s.Connected {
		f.Add("Link", fmt.Sprintf("%d lanes, round trip %s", s.Lanes, delayText(s.RTT)))
		f.Add("Agents", fmt.Sprintf("%d connections; %d bytes read from agents and %d agents refused since the Sensor's start", s.Agents, s.IngressBytes, s.Refused))
		f.Add("Policy", fmt.Sprint(s.PolicyRevision))
	}
	f.Add("Link quality", some(s.Unreported())...)
	if err := f.Flush(); err != nil || s.Quality == nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return cli.WriteQuality(w, *s.Quality)
}

func delayText(d time.Duration) string {
	if d == 0 {
		return "not measured"
	}
	return acts.DelayText(d)
}

// some leaves out what is empty.
func some(values ...string) (out []string) {
	for _, v := range values {
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}

func (c commands) newSensorAcceptCmd() *cobra.Command {
	var in acts.DecideSensorServer
	cmd := newDecisionCmd(c, decision[acts.DecideSensorServer, acts.SensorServerDecision]{
		verb: "accept", short: "Let a Sensor carry agents",
		long: "Let a Sensor carry agents. Compare the fingerprint of its link identity with the one that the Sensor itself shows\n" +
			"(on it: sensor central-node show) first. With --yes the fingerprint that was compared has to be named, as WHICH or\n" +
			"with --fingerprint.",
		example: "  centralnode sensor accept branch-1\n" +
			"  centralnode sensor accept AA:BB:...:FF --yes",
		preview: Admin.PreviewAcceptSensorServer, deed: Admin.AcceptSensorServer, name: nameSensor, write: writeSensorDecision("accepted"),
	}, &in)
	comparedFlag(cmd, &in.Fingerprint)
	return cmd
}

func (c commands) newSensorRejectCmd() *cobra.Command {
	return newDecisionCmd(c, decision[acts.DecideSensorServer, acts.SensorServerDecision]{
		verb: "reject", short: "Refuse a Sensor, and cut what it carries",
		long: "Refuse a Sensor. When the command returns, every agent's connection through it is cut and nothing that comes through it\n" +
			"is taken any more. It may ask again once its administrator has confirmed this Central Node anew.",
		example: "  centralnode sensor reject branch-1 --dry-run\n" +
			"  centralnode sensor reject branch-1 --yes",
		preview: Admin.PreviewRejectSensorServer, deed: Admin.RejectSensorServer, name: nameSensor, write: writeSensorDecision("rejected"),
	}, new(acts.DecideSensorServer))
}

func (c commands) newSensorDeleteCmd() *cobra.Command {
	return newDecisionCmd(c, decision[acts.DecideSensorServer, acts.SensorServerDecision]{
		verb: "delete", short: "Forget a Sensor, and cut what it carries",
		long: "Forget a Sensor, with the effect of rejecting it. If it connects again it makes a new request; to keep it away, reject it.",
		example: "  centralnode sensor delete branch-1 --dry-run\n" +
			"  centralnode sensor delete branch-1 --yes",
		preview: Admin.PreviewDeleteSensorServer, deed: Admin.DeleteSensorServer, name: nameSensor, write: writeSensorDecision("deleted"),
	}, new(acts.DecideSensorServer))
}

func nameSensor(in *acts.DecideSensorServer, which string, revision uint64) {
	in.Which, in.Revision = which, revision
}

func writeSensorDecision(done string) func(io.Writer, acts.SensorServerDecision) error {
	return func(w io.Writer, d acts.SensorServerDecision) error {
		fmt.Fprintf(w, "%s %s\n", done, cli.Cells("", way(d.Server.ID, d.Server.Name)))
		return writeCut(w, d.Cut, d.Took, d.Revision)
	}
}

// way names how something came: directly, or through a Sensor.
func way(id, sensor string) string {
	if sensor == "" {
		return id
	}
	return sensor + " (" + id + ")"
}
