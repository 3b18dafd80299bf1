package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// whichSystem explains WHICH of an external system.
const whichSystem = "WHICH is its ID, the fingerprint of its certificate, or both as ID/FINGERPRINT."

// whichStanding explains it where a request of a stranger does not count.
const whichStanding = whichSystem + "\nAn ID alone means the accepted one of several that have it."

func (c commands) newExternalSystemListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List external systems: the accepted ones, and those that ask to integrate",
		Example: "  centralnode external-system list\n  centralnode external-system list --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		list, err := c.admin.ExternalSystems(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), list)
		}
		return writeExternalSystems(cmd.OutOrStdout(), list)
	})
	return cli.Remote(cmd)
}

// writeExternalSystems writes the documented table with what stands above it.
func writeExternalSystems(w io.Writer, list acts.ExternalSystemList) error {
	f := cli.NewFields(w)
	f.Add("Certificate fingerprint", list.ServerCertificate.String()+" (of the Central Node)")
	f.Add("Maximum scan priority", cli.OnOff(list.MaximumScanPriority))
	if err := f.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := cli.NewTable(w, "SENSOR", "TYPE", "NAME", "ID", "CERTIFICATE FINGERPRINT", "STATE", "LAST CALL", "NOTES")
	for _, s := range list.Systems {
		name := s.Name
		if s.Type == acts.MailSensor {
			name = "" // a dash, as documented
		}
		t.Row(s.Sensor, string(s.Type), name, s.ID, s.Fingerprint.String(), string(s.State), cli.Time(s.LastCall), systemNotes(s))
	}
	return t.Flush()
}

// systemNotes says what a person should know about an external system.
func systemNotes(s acts.ExternalSystem) string {
	var notes []string
	if s.Changed {
		notes = append(notes, "certificate changed")
	}
	if s.Waiting > 0 && s.State == acts.Accepted {
		notes = append(notes, fmt.Sprintf("%d objects wait for a verdict", s.Waiting))
	}
	return strings.Join(notes, "; ")
}

func (c commands) newExternalSystemShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show WHICH",
		Short: "Show one external system and how its connection does",
		Long:  "Show one external system and how its connection does: the administrator's side of the connection check.\n" + whichStanding,
		Example: "  centralnode external-system show mail1\n" +
			"  centralnode external-system show mail1/AA:BB:...:FF --output json",
		Args: cli.Args(1, 1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		s, err := c.admin.ExternalSystem(cmd.Context(), c.who, args[0])
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), s)
		}
		return writeExternalSystem(cmd.OutOrStdout(), s)
	})
	return cli.Remote(cmd)
}

func writeExternalSystem(w io.Writer, s acts.ExternalSystem) error {
	f := cli.NewFields(w)
	f.Add("ID", s.ID)
	f.Add("Name", some(s.Name)...)
	f.Add("Type", string(s.Type))
	f.Add("State", string(s.State))
	f.Add("Next step", s.NextStep)
	f.Add("Certificate fingerprint", s.Fingerprint.String())
	f.Add("Certificate", some(s.Subject)...)
	f.Add("Certificate expires", cli.Time(s.NotAfter))
	var others []string
	for _, other := range s.Others {
		others = append(others, other.String())
	}
	f.Add("Same ID, other certificates", others...)
	if s.Changed {
		f.Add("Certificate changed", "this ID was known with another certificate when it asked")
	}
	f.Add("Requested", cli.Time(s.Requested))
	f.Add("Decided", some(cli.Time(s.Decided), s.DecidedBy)...)
	f.Add("Calls from", s.Addresses...)
	f.Add("Last call", cli.Time(s.LastCall))
	f.Add("Calls", fmt.Sprintf("%d, %d of them answered with an error", s.Calls, s.Refused))
	f.Add("Last error", some(s.LastError, cli.Time(s.LastErrorAt))...)
	f.Add("Objects", fmt.Sprintf("%d submitted; %d of this ID wait for a verdict", s.Submitted, s.Waiting))
	f.Add("Connections", fmt.Sprint(s.Connections))
	return f.Flush()
}

func (c commands) newExternalSystemAcceptCmd() *cobra.Command {
	var in acts.DecideExternalSystem
	cmd := newDecisionCmd(c, decision[acts.DecideExternalSystem, acts.ExternalSystemDecision]{
		verb: "accept", short: "Let an external system in, and confirm its type",
		long: "Let an external system in, and confirm or correct its type. Of one that is accepted already, --type corrects the type.\n" +
			whichSystem + "\n" +
			"Compare the fingerprint with the certificate that the external system uses first. With --yes the fingerprint that\n" +
			"was compared has to be named, in WHICH or with --fingerprint.",
		example: "  centralnode external-system accept mail1 --type mail\n" +
			"  centralnode external-system accept files1/AA:BB:...:FF --yes",
		preview: Admin.PreviewAcceptExternalSystem, deed: Admin.AcceptExternalSystem, name: nameSystem, write: writeSystemDecision("accepted"),
	}, &in)
	cmd.Flags().Var((*systemTypeFlag)(&in.Type), "type", "what it is (default: what it says itself)")
	cli.CompleteFlag(cmd, "type", "mail", "other")
	comparedFlag(cmd, &in.Fingerprint)
	return cmd
}

// systemTypeFlag is --type.
type systemTypeFlag acts.SystemType

func (f *systemTypeFlag) String() string { return string(*f) }
func (f *systemTypeFlag) Type() string   { return "mail|other" }

func (f *systemTypeFlag) Set(s string) error {
	t, err := acts.ParseSystemType(s)
	*f = systemTypeFlag(t)
	return err
}

func (c commands) newExternalSystemRejectCmd() *cobra.Command {
	var in acts.DecideExternalSystem
	cmd := newDecisionCmd(c, decision[acts.DecideExternalSystem, acts.ExternalSystemDecision]{
		verb: "reject", short: "Refuse an external system, and cut its connections",
		long: "Refuse an external system. When the command returns, every connection of it is cut, uploads and all, and nothing\n" +
			"more of it is taken. It does not ask again; delete it to let it ask anew. " + whichStanding,
		example: "  centralnode external-system reject mail1 --dry-run\n" +
			"  centralnode external-system reject mail1 --yes",
		preview: Admin.PreviewRejectExternalSystem, deed: Admin.RejectExternalSystem, name: nameSystem, write: writeSystemDecision("rejected"),
	}, &in)
	cli.CertificateFlag(cmd, &in.Fingerprint, whoseCertificate)
	return cmd
}

func (c commands) newExternalSystemDeleteCmd() *cobra.Command {
	var in acts.DecideExternalSystem
	cmd := newDecisionCmd(c, decision[acts.DecideExternalSystem, acts.ExternalSystemDecision]{
		verb: "delete", short: "Forget an external system, and cut its connections",
		long: "Forget an external system, with the effect of rejecting it. If it calls again it makes a new request; to keep it\n" +
			"away, reject it. " + whichStanding,
		example: "  centralnode external-system delete mail1 --dry-run\n" +
			"  centralnode external-system delete mail1/AA:BB:...:FF --yes",
		preview: Admin.PreviewDeleteExternalSystem, deed: Admin.DeleteExternalSystem, name: nameSystem, write: writeSystemDecision("deleted"),
	}, &in)
	cli.CertificateFlag(cmd, &in.Fingerprint, whoseCertificate)
	return cmd
}

// whoseCertificate explains --fingerprint where nobody is let in.
const whoseCertificate = "only the one whose certificate has this `FINGERPRINT`"

func nameSystem(in *acts.DecideExternalSystem, which string, revision uint64) {
	in.Which, in.Revision = which, revision
}

func writeSystemDecision(done string) func(io.Writer, acts.ExternalSystemDecision) error {
	return func(w io.Writer, d acts.ExternalSystemDecision) error {
		s := d.System
		fmt.Fprintf(w, "%s %s\n", done, cli.Cells("", s.ID+" ("+string(s.Type)+", "+s.Fingerprint.String()+")"))
		return writeCut(w, d.Cut, d.Took, d.Revision)
	}
}

func (c commands) newExternalSystemPriorityCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "priority [on|off]",
		Short: "Show or set the switch Maximum scan priority",
		Long: "Show or set the switch Maximum scan priority. On: objects of accepted mail sensors are scanned before all others.\n" +
			"Off: external systems take turns.",
		Example: "  centralnode external-system priority\n" +
			"  centralnode external-system priority on --dry-run\n" +
			"  centralnode external-system priority on",
		Args:      cli.Args(0, 1),
		ValidArgs: []string{"on", "off"},
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			list, err := c.admin.ExternalSystems(cmd.Context(), c.who)
			if err != nil {
				return err
			}
			return writePriority(cmd.OutOrStdout(), *format, acts.ScanPriority{On: list.MaximumScanPriority, Revision: list.Revision})
		}
		in := acts.SetScanPriority{On: args[0] == "on"}
		p, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) { return c.admin.PreviewSetScanPriority(cmd.Context(), c.who, in) },
			func(revision uint64) (acts.ScanPriority, error) {
				in.Revision = revision
				return c.admin.SetScanPriority(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		return writePriority(cmd.OutOrStdout(), *format, p)
	})
	return cli.Remote(cmd)
}

func writePriority(w io.Writer, format cli.Format, p acts.ScanPriority) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(w, p)
	}
	_, err := fmt.Fprintln(w, "Maximum scan priority is "+cli.OnOff(p.On))
	return err
}
