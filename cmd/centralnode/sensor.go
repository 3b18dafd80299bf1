package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/pki"
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
		t := cli.NewTable(cmd.OutOrStdout(), "ADDRESS", "NAME", "TYPE", "CERTIFICATE FINGERPRINT", "STATE", "CONNECTED", "AGENTS", "POLICY", "LAST CONTACT", "ID", "PROBLEM")
		for _, s := range list.Servers {
			t.Row(s.Address, s.Name, s.Type, s.Fingerprint.String(), string(s.State), cli.YesNo(s.Connected), fmt.Sprint(s.Agents),
				policyOf(s, list.PolicyRevision), cli.Time(s.LastContact), s.ID, s.Problem)
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
		f.Add("Link", fmt.Sprintf("%d lanes, round trip %s", s.Lanes, s.RTT.Round(time.Microsecond)))
		f.Add("Agents", fmt.Sprintf("%d connections; %d bytes read from agents and %d agents refused since the Sensor's start", s.Agents, s.IngressBytes, s.Refused))
		f.Add("Policy", fmt.Sprint(s.PolicyRevision))
	}
	return f.Flush()
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
	d := decision{
		verb: "accept", short: "Let a Sensor carry agents", done: "accepted",
		long: "Let a Sensor carry agents. Compare the fingerprint of its link identity with the one that the Sensor itself shows\n" +
			"(on it: sensor central-node show) first. With --yes the fingerprint that was compared has to be named, as WHICH or\n" +
			"with --fingerprint.",
		example: "  centralnode sensor accept branch-1\n" +
			"  centralnode sensor accept AA:BB:...:FF --yes",
		preview: c.preview(Admin.PreviewAcceptSensorServer), deed: c.deed(Admin.AcceptSensorServer),
	}
	var in acts.DecideSensorServer
	cmd := c.newDecisionCmd(d, &in)
	cli.FingerprintFlag(cmd, &in.Fingerprint, "the `FINGERPRINT` that was compared")
	demand := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if _, err := pki.ParseFingerprint(args[0]); err == nil {
			return nil // WHICH is what was compared
		}
		return demand(cmd, args)
	}
	return cmd
}

func (c commands) newSensorRejectCmd() *cobra.Command {
	return c.newDecisionCmd(decision{
		verb: "reject", short: "Refuse a Sensor, and cut what it carries", done: "rejected",
		long: "Refuse a Sensor. When the command returns, every agent's connection through it is cut and nothing that comes through it\n" +
			"is taken any more. It may ask again once its administrator has confirmed this Central Node anew.",
		example: "  centralnode sensor reject branch-1 --dry-run\n" +
			"  centralnode sensor reject branch-1 --yes",
		preview: c.preview(Admin.PreviewRejectSensorServer), deed: c.deed(Admin.RejectSensorServer),
	}, new(acts.DecideSensorServer))
}

func (c commands) newSensorDeleteCmd() *cobra.Command {
	return c.newDecisionCmd(decision{
		verb: "delete", short: "Forget a Sensor, and cut what it carries", done: "deleted",
		long: "Forget a Sensor, with the effect of rejecting it. If it connects again it makes a new request; to keep it away, reject it.",
		example: "  centralnode sensor delete branch-1 --dry-run\n" +
			"  centralnode sensor delete branch-1 --yes",
		preview: c.preview(Admin.PreviewDeleteSensorServer), deed: c.deed(Admin.DeleteSensorServer),
	}, new(acts.DecideSensorServer))
}

// decision is one of the three commands that decide about a Sensor.
type decision struct {
	verb, short, long, example, done string

	preview func(*cobra.Command, acts.DecideSensorServer) (acts.Preview, error)
	deed    func(*cobra.Command, acts.DecideSensorServer) (acts.SensorServerDecision, error)
}

func (c commands) newDecisionCmd(d decision, in *acts.DecideSensorServer) *cobra.Command {
	cmd := &cobra.Command{Use: d.verb + " WHICH", Short: d.short, Long: d.long, Example: d.example, Args: cli.Args(1, 1)}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		in.Which = args[0]
		result, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) { return d.preview(cmd, *in) },
			func(revision uint64) (acts.SensorServerDecision, error) {
				in.Revision = revision
				return d.deed(cmd, *in)
			})
		if !done || err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), result)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", d.done, cli.Cells("", way(result.Server.ID, result.Server.Name)))
		return writeCut(cmd.OutOrStdout(), result.Cut, result.Took, result.Revision)
	})
	return cli.Remote(cmd)
}

func (c commands) preview(act func(Admin, context.Context, acts.Actor, acts.DecideSensorServer) (acts.Preview, error)) func(*cobra.Command, acts.DecideSensorServer) (acts.Preview, error) {
	return func(cmd *cobra.Command, in acts.DecideSensorServer) (acts.Preview, error) {
		return act(c.admin, cmd.Context(), c.who, in)
	}
}

func (c commands) deed(act func(Admin, context.Context, acts.Actor, acts.DecideSensorServer) (acts.SensorServerDecision, error)) func(*cobra.Command, acts.DecideSensorServer) (acts.SensorServerDecision, error) {
	return func(cmd *cobra.Command, in acts.DecideSensorServer) (acts.SensorServerDecision, error) {
		return act(c.admin, cmd.Context(), c.who, in)
	}
}

// way names how something came: directly, or through a Sensor.
func way(id, sensor string) string {
	if sensor == "" {
		return id
	}
	return sensor + " (" + id + ")"
}
