package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/pki"
)

func (c commands) newCertificateShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the server certificate",
		Example: "  centralnode certificate show\n  centralnode certificate show --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.admin.ServerCertificate(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		return writeServerCertificate(cmd.OutOrStdout(), *format, s)
	})
	return cli.Remote(cmd)
}

func (c commands) newCertificateDownloadCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "download",
		Short: "Write the server certificate as PEM, without its key",
		Long:  "Write the server certificate as PEM, without its key: what agents pin.",
		Example: "  centralnode certificate download --out server.crt\n" +
			"  centralnode certificate download > server.crt",
		Args: cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.admin.ServerCertificate(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), s)
		}
		_, err = io.WriteString(cmd.OutOrStdout(), s.PEM)
		return err
	})
	return cli.Remote(cmd, cli.OutFile("pem"))
}

func (c commands) newCertificateGenerateCmd() *cobra.Command {
	var in acts.GenerateServerCertificate
	var key string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a new server certificate and use it",
		Long: "Make a new key and server certificate and use them in the place of the present ones.\n" +
			"The certificate names every local address and host name, the configured names, and those given here.",
		Example: "  centralnode certificate generate --dry-run\n" +
			"  centralnode certificate generate --name cn.example.org --name 192.0.2.10",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().StringArrayVar(&in.Names, "name", nil, "a further DNS `NAME` or address; may be repeated")
	keyFlag(cmd, &key)
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		var err error
		if in.Key, err = parseKey(key); err != nil {
			return err
		}
		s, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) {
				return c.admin.PreviewGenerateServerCertificate(cmd.Context(), c.who, in)
			},
			func(revision uint64) (acts.ServerCertificate, error) {
				in.Revision = revision
				return c.admin.GenerateServerCertificate(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeServerCertificate(cmd.OutOrStdout(), *format, s)
	})
	return cli.Remote(cmd)
}

func (c commands) newCertificateUploadCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upload FILE",
		Short: "Keep a certificate with its key (kata.pem) until it is installed",
		Long: "Keep a certificate with its private key, both PEM in one file, as kata.pem until it is installed.\n" +
			"Whether it can be installed is told at once, and checked again when it is installed.",
		Example: "  centralnode certificate upload kata.pem\n" +
			"  centralnode certificate upload - < kata.pem",
		Args: cli.Args(1, 1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		pem, err := cli.ReadFile(cmd, args[0])
		if err != nil {
			return err
		}
		defer clear(pem)
		file, err := c.admin.UploadServerCertificate(cmd.Context(), c.who, pem)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), file)
		}
		f := cli.NewFields(cmd.OutOrStdout())
		addFile(f, file)
		return f.Flush()
	})
	return cli.Remote(cmd, cli.OneFile)
}

func (c commands) newCertificateInstallCmd() *cobra.Command {
	var in acts.InstallServerCertificate
	cmd := &cobra.Command{
		Use:   "install [FILE]",
		Short: "Use a supplied certificate with its key",
		Long: "Use a supplied certificate with its private key, both PEM in one file, 2048 bits or longer,\n" +
			"in the place of the present ones: the given file, or the kata.pem that was uploaded.",
		Example: "  centralnode certificate install kata.pem --dry-run\n" +
			"  centralnode certificate install\n" +
			"  centralnode certificate install - --yes < kata.pem",
		Args: cli.Args(0, 1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			pem, err := cli.ReadFile(cmd, args[0])
			if err != nil {
				return err
			}
			defer clear(pem)
			in.PEM = pem
		}
		s, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) {
				return c.admin.PreviewInstallServerCertificate(cmd.Context(), c.who, in)
			},
			func(revision uint64) (acts.ServerCertificate, error) {
				in.Revision = revision
				return c.admin.InstallServerCertificate(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeServerCertificate(cmd.OutOrStdout(), *format, s)
	})
	return cli.Remote(cmd, cli.OneFile)
}

func writeServerCertificate(w io.Writer, format cli.Format, s acts.ServerCertificate) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(w, s)
	}
	f := cli.NewFields(w)
	f.Add("Fingerprint", s.Fingerprint.String())
	f.Add("Subject", s.Subject)
	f.Add("Names", s.Names...)
	f.Add("Serial", s.Serial.String())
	f.Add("Key", s.Key)
	f.Add("Valid from", cli.Time(s.NotBefore))
	f.Add("Valid until", cli.Time(s.NotAfter))
	f.Add("Revision", fmt.Sprint(s.Revision))
	f.Add("Warnings", s.Warnings...)
	if s.Uploaded != nil {
		addFile(f, *s.Uploaded)
	}
	return f.Flush()
}

// addFile describes an uploaded file that waits for its installation.
func addFile(f *cli.Fields, file acts.File) {
	lines := []string{fmt.Sprintf("%d bytes, uploaded %s", file.Size, cli.Time(file.Time))}
	if file.Problem != "" {
		lines = append(lines, "cannot be installed: "+file.Problem)
	} else {
		lines = append(lines, file.Fingerprint.String())
	}
	f.Add(file.Name, lines...)
}

// keyFlag adds --key.
func keyFlag(cmd *cobra.Command, key *string) {
	ecdsa, rsa := string(pki.KeyECDSAP256), string(pki.KeyRSA3072)
	cmd.Flags().StringVar(key, "key", ecdsa, "kind of `KEY`: "+ecdsa+", or "+rsa+" for old peers")
	cli.CompleteFlag(cmd, "key", ecdsa, rsa)
}

func parseKey(s string) (pki.KeyKind, error) {
	key, err := pki.ParseKeyKind(s)
	if err != nil {
		return "", cli.Usagef("--key: %v", err)
	}
	return key, nil
}
