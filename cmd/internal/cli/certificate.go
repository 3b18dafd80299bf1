package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
	"vedette/internal/sshd/home"
	"vedette/pki"
)

// CertificateAdmin performs the acts on a daemon's server certificate.
type CertificateAdmin interface {
	ServerCertificate(context.Context, acts.Actor) (acts.ServerCertificate, error)
	PreviewGenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate) (acts.Preview, error)
	GenerateServerCertificate(context.Context, acts.Actor, acts.GenerateServerCertificate) (acts.ServerCertificate, error)
	UploadServerCertificate(ctx context.Context, who acts.Actor, pem []byte) (acts.File, error)
	PreviewInstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate) (acts.Preview, error)
	InstallServerCertificate(context.Context, acts.Actor, acts.InstallServerCertificate) (acts.ServerCertificate, error)
	DiscardServerCertificate(context.Context, acts.Actor, acts.DiscardServerCertificate) error
}

// Certificate is what the commands on the server certificate act upon. The
// local binary has only their shape and leaves Admin and Who empty.
type Certificate struct {
	Program string
	// ServerName is a name of such a server, for the examples.
	ServerName string
	Admin      CertificateAdmin
	Who        acts.Actor
}

// NewCmd makes `certificate` with its commands.
func (c Certificate) NewCmd() *cobra.Command {
	return Group("certificate", "The server certificate",
		c.newShowCmd(), c.newDownloadCmd(), c.newGenerateCmd(), c.newUploadCmd(), c.newInstallCmd(), c.newDiscardCmd())
}

func (c Certificate) newShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the server certificate",
		Example: "  " + c.Program + " certificate show\n  " + c.Program + " certificate show --output json",
		Args:    Args(0, 0),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.Admin.ServerCertificate(cmd.Context(), c.Who)
		if err != nil {
			return err
		}
		return writeServerCertificate(cmd.OutOrStdout(), *format, s)
	})
	return Remote(cmd)
}

func (c Certificate) newDownloadCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "download",
		Short: "Write the server certificate as PEM, without its key",
		Long:  "Write the server certificate as PEM, without its key: what agents pin.",
		Example: "  " + c.Program + " certificate download --out server.crt\n" +
			"  " + c.Program + " certificate download > server.crt",
		Args: Args(0, 0),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.Admin.ServerCertificate(cmd.Context(), c.Who)
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			return WriteJSON(cmd.OutOrStdout(), s)
		}
		_, err = io.WriteString(cmd.OutOrStdout(), s.PEM)
		return err
	})
	return Remote(cmd, OutFile("pem"))
}

func (c Certificate) newGenerateCmd() *cobra.Command {
	var in acts.GenerateServerCertificate
	var key string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a new server certificate and use it",
		Long: "Make a new key and server certificate and use them in the place of the present ones.\n" +
			"The certificate names every local address and host name, the configured names, and those given here.\n" +
			"Names of the present certificate are kept, unless --forget-names is given.",
		Example: "  " + c.Program + " certificate generate --dry-run\n" +
			"  " + c.Program + " certificate generate --name " + c.ServerName + " --name 192.0.2.10",
		Args: Args(0, 0),
	}
	cmd.Flags().StringArrayVar(&in.Names, "name", nil, "a further DNS `NAME` or address; may be repeated")
	forget := cmd.Flags().Bool("forget-names", false, "leave out names that only the present certificate has")
	KeyFlag(cmd, &key)
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	confirm := ConfirmFlags(cmd, format)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		var err error
		if in.Key, err = ParseKey(key); err != nil {
			return err
		}
		in.Keep = !*forget
		s, done, err := Perform(cmd, confirm,
			func() (acts.Preview, error) {
				return c.Admin.PreviewGenerateServerCertificate(cmd.Context(), c.Who, in)
			},
			func(revision uint64) (acts.ServerCertificate, error) {
				in.Revision = revision
				return c.Admin.GenerateServerCertificate(cmd.Context(), c.Who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeServerCertificate(cmd.OutOrStdout(), *format, s)
	})
	return Remote(cmd)
}

func (c Certificate) newUploadCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upload FILE",
		Short: "Keep a certificate with its key (kata.pem) until it is installed",
		Long: "Keep a certificate with its private key, both PEM in one file, as kata.pem until it is installed.\n" +
			"Whether it can be installed is told at once, and checked again when it is installed.",
		Example: "  " + c.Program + " certificate upload kata.pem\n" +
			"  " + c.Program + " certificate upload - < kata.pem",
		Args: Args(1, 1),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		pem, err := readPEM(cmd, args[0])
		if err != nil {
			return err
		}
		defer clear(pem)
		file, err := c.Admin.UploadServerCertificate(cmd.Context(), c.Who, pem)
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			return WriteJSON(cmd.OutOrStdout(), file)
		}
		f := NewFields(cmd.OutOrStdout())
		addFile(f, file)
		return f.Flush()
	})
	return Remote(cmd, OneFile)
}

func (c Certificate) newInstallCmd() *cobra.Command {
	var in acts.InstallServerCertificate
	cmd := &cobra.Command{
		Use:   "install [FILE]",
		Short: "Use a supplied certificate with its key",
		Long: "Use a supplied certificate with its private key, both PEM in one file, 2048 bits or longer,\n" +
			"in the place of the present ones: the given file, or the kata.pem that was uploaded.",
		Example: "  " + c.Program + " certificate install kata.pem --dry-run\n" +
			"  " + c.Program + " certificate install\n" +
			"  " + c.Program + " certificate install - --yes < kata.pem",
		Args: Args(0, 1),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	confirm := ConfirmFlags(cmd, format)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			pem, err := readPEM(cmd, args[0])
			if err != nil {
				return err
			}
			defer clear(pem)
			in.PEM = pem
		}
		s, done, err := Perform(cmd, confirm,
			func() (acts.Preview, error) {
				return c.Admin.PreviewInstallServerCertificate(cmd.Context(), c.Who, in)
			},
			func(revision uint64) (acts.ServerCertificate, error) {
				in.Revision = revision
				return c.Admin.InstallServerCertificate(cmd.Context(), c.Who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeServerCertificate(cmd.OutOrStdout(), *format, s)
	})
	return Remote(cmd, OneFile)
}

func (c Certificate) newDiscardCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "discard",
		Short:   "Forget the uploaded kata.pem",
		Long:    "Forget the kata.pem that was uploaded and not installed. The certificate in use stays as it is.",
		Example: "  " + c.Program + " certificate discard",
		Args:    Args(0, 0),
	}
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		if err := c.Admin.DiscardServerCertificate(cmd.Context(), c.Who, acts.DiscardServerCertificate{}); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.ErrOrStderr(), home.Upload+" was removed")
		return err
	})
	return Remote(cmd)
}

// readPEM reads a certificate with its key, which can also be copied to where
// the daemon is.
func readPEM(cmd *cobra.Command, arg string) ([]byte, error) {
	if arg != Stdin {
		return nil, &Error{
			Exit: ExitUsage, Text: fmt.Sprintf("the daemon reads no file: %q", arg),
			Hint: fmt.Sprintf("ssh admin@SERVER certificate %s - < %s; or copy it: scp %s admin@SERVER:, and then: ssh admin@SERVER certificate install",
				cmd.Name(), home.Upload, home.Upload),
		}
	}
	return ReadFile(cmd, arg)
}

func writeServerCertificate(w io.Writer, format Format, s acts.ServerCertificate) error {
	if format == FormatJSON {
		return WriteJSON(w, s)
	}
	f := NewFields(w)
	f.Add("Fingerprint", s.Fingerprint.String())
	f.Add("Subject", s.Subject)
	f.Add("Names", s.Names...)
	f.Add("Serial", s.Serial.String())
	f.Add("Key", s.Key)
	f.Add("Valid from", Time(s.NotBefore))
	f.Add("Valid until", Time(s.NotAfter))
	f.Add("Used since", Time(s.Since))
	f.Add("Revision", fmt.Sprint(s.Revision))
	if s.Cut > 0 {
		f.Add("Connections cut", fmt.Sprint(s.Cut))
	}
	f.Add("Warnings", s.Warnings...)
	if s.Uploaded != nil {
		addFile(f, *s.Uploaded)
	}
	return f.Flush()
}

// addFile describes an uploaded file that waits for its installation.
func addFile(f *Fields, file acts.File) {
	lines := []string{fmt.Sprintf("%d bytes, uploaded %s", file.Size, Time(file.Time))}
	if file.Problem != "" {
		lines = append(lines, "cannot be installed: "+file.Problem)
	} else {
		lines = append(lines, file.Fingerprint.String())
	}
	f.Add(file.Name, lines...)
}

// KeyFlag adds --key, for ParseKey.
func KeyFlag(cmd *cobra.Command, key *string) {
	ecdsa, rsa := string(pki.KeyECDSAP256), string(pki.KeyRSA3072)
	cmd.Flags().StringVar(key, "key", ecdsa, "kind of `KEY`: "+ecdsa+", or "+rsa+" for old peers")
	CompleteFlag(cmd, "key", ecdsa, rsa)
}

// ParseKey reads the value of --key.
func ParseKey(s string) (pki.KeyKind, error) {
	key, err := pki.ParseKeyKind(s)
	if err != nil {
		return "", Usagef("--key: %v", err)
	}
	return key, nil
}
