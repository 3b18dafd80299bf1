package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/pki"
)

func (c commands) newAgentCertificateListCmd() *cobra.Command {
	var filter acts.AgentCertificateFilter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List agent certificates",
		Long:  "List agent certificates. Colons, spaces and case do not count in a part of a fingerprint or serial.",
		Example: "  centralnode agent-certificate list\n" +
			"  centralnode agent-certificate list --fingerprint ab:cd --output json",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().StringVar(&filter.Fingerprint, "fingerprint", "", "only fingerprints with this `PART`")
	cmd.Flags().StringVar(&filter.Serial, "serial", "", "only serial numbers with this `PART`")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		list, err := c.admin.AgentCertificates(cmd.Context(), c.who, filter)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), list)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Validate Endpoint Agent TLS certificates: %s\n\n", cli.OnOff(list.Validation))
		return writeAgentCertificates(cmd.OutOrStdout(), list.Certificates)
	})
	return cli.Remote(cmd)
}

func (c commands) newAgentCertificateGenerateCmd() *cobra.Command {
	var in acts.GenerateAgentCertificate
	var key, passwordFile string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make an agent certificate and write it as PFX",
		Long: "Make a key and certificate for Endpoint Agents, put the certificate on the list and write both as a PFX container.\n" +
			"The container exists once: the Central Node keeps the certificate only, never the key.",
		Example: "  centralnode agent-certificate generate --name office --out office.pfx\n" +
			"  centralnode agent-certificate generate --password-file pfx.password --out office.pfx\n" +
			"  centralnode agent-certificate generate > office.pfx",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().StringVar(&in.Name, "name", "", "common `NAME` of the certificate (default: one is made)")
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "`FILE` with the password of the container, - is standard input (default: no password)")
	cmd.Flags().BoolVar(&in.Compatible, "compatible", false, "an older encoding, for readers that know no other")
	cmd.Flags().BoolVar(&in.CertificateOnly, "certificate-only", false, "leave the key out: nobody can use such a container to connect")
	cli.KeyFlag(cmd, &key)
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		var err error
		if in.Key, err = cli.ParseKey(key); err != nil {
			return err
		}
		if passwordFile != "" {
			if in.Password, err = cli.ReadPassword(cmd, passwordFile); err != nil {
				return err
			}
		}
		made, err := c.admin.GenerateAgentCertificate(cmd.Context(), c.who, in)
		if err != nil {
			return err
		}
		defer clear(made.PFX)
		return writeGenerated(cmd.OutOrStdout(), cmd.ErrOrStderr(), *format, made)
	})
	return cli.Remote(cmd, cli.FileFlag("password-file"), cli.OutFile("pfx:base64"), cli.Binary)
}

// writeGenerated writes the container as the data; what it is goes beside it.
func writeGenerated(out, errs io.Writer, format cli.Format, made acts.GeneratedAgentCertificate) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(out, struct {
			Certificate acts.AgentCertificate `json:"certificate"`
			PFX         []byte                `json:"pfx"` // base64
		}{made.Certificate, made.PFX})
	}
	if _, err := out.Write(made.PFX); err != nil {
		return err
	}
	f := cli.NewFields(errs)
	f.Add("Fingerprint", made.Certificate.Fingerprint.String())
	f.Add("Subject", made.Certificate.Subject)
	f.Add("Valid until", cli.Time(made.Certificate.NotAfter))
	f.Add("Warnings", made.Certificate.Warnings...)
	return f.Flush()
}

func (c commands) newAgentCertificateUploadCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upload FILE...",
		Short: "Put supplied agent certificates on the list",
		Long: "Put supplied agent certificates on the list. Each file holds a certificate and its private key, PEM, 2048 bits or longer;\n" +
			"the key proves that they belong together and is forgotten. All files are taken, or none.",
		Example: "  centralnode agent-certificate upload agent1.pem agent2.pem\n" +
			"  centralnode agent-certificate upload - < agent1.pem\n" +
			"  tar c *.pem | centralnode agent-certificate upload -",
		Args: cli.Args(1, -1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		files, err := cli.ReadFiles(cmd, args)
		if err != nil {
			return err
		}
		uploads := make([]acts.UploadAgentCertificate, len(files))
		for i, file := range files {
			uploads[i] = acts.UploadAgentCertificate{Name: file.Name, PEM: file.Data}
			defer clear(file.Data)
		}
		added, err := c.admin.UploadAgentCertificates(cmd.Context(), c.who, uploads)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), added)
		}
		for _, f := range added.Present {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s was on the list before\n", f)
		}
		return writeAgentCertificates(cmd.OutOrStdout(), added.Added)
	})
	return cli.Remote(cmd, cli.ManyFiles)
}

func (c commands) newAgentCertificateDeleteCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete FINGERPRINT...",
		Short: "Take agent certificates off the list",
		Long: "Take agent certificates off the list. When the command returns, every connection that used one of them is cut,\n" +
			"and nothing of theirs is taken any more, provided that validation is on.",
		Example: "  centralnode agent-certificate delete AB:CD:...:EF --dry-run\n" +
			"  centralnode agent-certificate delete AB:CD:...:EF --yes",
		Args: cli.Args(1, -1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		var in acts.DeleteAgentCertificates
		for _, arg := range args {
			f, err := pki.ParseFingerprint(arg)
			if err != nil {
				return &cli.Error{Exit: cli.ExitUsage, Text: err.Error(), Hint: "the whole SHA-256 fingerprint is wanted; see: centralnode agent-certificate list", Err: err}
			}
			in.Fingerprints = append(in.Fingerprints, f)
		}
		w, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) {
				return c.admin.PreviewDeleteAgentCertificates(cmd.Context(), c.who, in)
			},
			func(revision uint64) (acts.Withdrawal, error) {
				in.Revision = revision
				return c.admin.DeleteAgentCertificates(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeWithdrawal(cmd.OutOrStdout(), *format, w)
	})
	return cli.Remote(cmd)
}

func (c commands) newAgentCertificateValidationCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validation [on|off]",
		Short: "Show or set the switch Validate Endpoint Agent TLS certificates",
		Example: "  centralnode agent-certificate validation\n" +
			"  centralnode agent-certificate validation on --dry-run\n" +
			"  centralnode agent-certificate validation on --yes",
		Args:      cli.Args(0, 1),
		ValidArgs: []string{"on", "off"},
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.showValidation(cmd, *format)
		}
		in := acts.SetValidation{On: args[0] == "on"}
		w, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) { return c.admin.PreviewSetValidation(cmd.Context(), c.who, in) },
			func(revision uint64) (acts.Withdrawal, error) {
				in.Revision = revision
				return c.admin.SetValidation(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		if *format == cli.FormatTable {
			fmt.Fprintf(cmd.OutOrStdout(), "validation is %s\n", args[0])
		}
		return writeWithdrawal(cmd.OutOrStdout(), *format, w)
	})
	return cli.Remote(cmd)
}

func (c commands) showValidation(cmd *cobra.Command, format cli.Format) error {
	list, err := c.admin.AgentCertificates(cmd.Context(), c.who, acts.AgentCertificateFilter{})
	if err != nil {
		return err
	}
	if format == cli.FormatJSON {
		return cli.WriteJSON(cmd.OutOrStdout(), struct {
			Validation bool   `json:"validation"`
			Revision   uint64 `json:"revision"`
		}{list.Validation, list.Revision})
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), "validation is "+cli.OnOff(list.Validation))
	return err
}

func writeWithdrawal(w io.Writer, format cli.Format, done acts.Withdrawal) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(w, done)
	}
	for _, f := range done.Fingerprints {
		fmt.Fprintf(w, "deleted %s\n", f)
	}
	if done.Sensors > 0 {
		fmt.Fprintf(w, "Sensors that have the new policy: %d\n", done.Sensors)
	}
	for _, name := range done.Late {
		fmt.Fprintln(w, cli.Cells("", "the Sensor "+name+" did not say in time that it has the new policy; what comes through it is refused here"))
	}
	return writeCut(w, done.Cut, done.Took, done.Revision)
}

// writeCut says what an act that took rights away has ended.
func writeCut(w io.Writer, cut int, took time.Duration, revision uint64) error {
	_, err := fmt.Fprintf(w, "connections cut: %d, in %s; revision: %d\n", cut, took.Round(time.Microsecond), revision)
	return err
}

func writeAgentCertificates(w io.Writer, certificates []acts.AgentCertificate) error {
	t := cli.NewTable(w, "FINGERPRINT", "SERIAL", "SUBJECT", "KEY", "EXPIRES", "ORIGIN", "CONNECTED", "LAST SEEN", "WARNINGS")
	for _, a := range certificates {
		t.Row(a.Fingerprint.String(), a.Serial.String(), a.Subject, a.Key, cli.Time(a.NotAfter), string(a.Origin),
			fmt.Sprint(a.Connected), cli.Time(a.LastSeen), joined(a.Warnings))
	}
	return t.Flush()
}
