package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/pki"
)

// The flags of a command that asks.
const (
	flagYes      = "yes"
	flagDryRun   = "dry-run"
	flagRevision = "revision"
	// flagFingerprint is of an act that trusts a certificate which a person has
	// to compare: the act is given back what its preview showed.
	flagFingerprint = "fingerprint"
)

// Confirm is how an act that asks was called.
type Confirm struct {
	yes, dryRun bool
	revision    uint64
	format      *Format
}

// ConfirmFlags adds --yes, --dry-run and --revision. Format is the command's
// --output, which is a preview's too.
func ConfirmFlags(cmd *cobra.Command, format *Format) *Confirm {
	c := &Confirm{format: format}
	cmd.Flags().BoolVar(&c.yes, flagYes, false, "do it without asking")
	cmd.Flags().BoolVar(&c.dryRun, flagDryRun, false, "show what would happen and change nothing")
	cmd.Flags().Uint64Var(&c.revision, flagRevision, 0, "refuse when the state is no longer the one of this preview (0: no check)")
	cmd.MarkFlagsMutuallyExclusive(flagYes, flagDryRun)
	return c
}

// Perform does an act that asks: it shows the preview when that was wanted,
// refuses without --yes when the preview asks, and does the deed otherwise.
// When done is false there is no result, and nothing was changed. Without
// --revision the deed is bound to the state of the preview that was looked at.
func Perform[T any](cmd *cobra.Command, c *Confirm, preview func() (acts.Preview, error), deed func(revision uint64) (T, error)) (result T, done bool, err error) {
	revision := c.revision
	if !c.yes {
		p, err := preview()
		if err != nil {
			return result, false, err
		}
		if c.dryRun {
			return result, false, writePreview(cmd.OutOrStdout(), *c.format, p)
		}
		if p.Asks {
			PrintPreview(cmd.ErrOrStderr(), p)
			return result, false, unconfirmed(cmd, p)
		}
		if revision == 0 {
			revision = p.Revision
		}
	}
	result, err = deed(revision)
	return result, err == nil, err
}

// unconfirmed refuses an act that nobody confirmed.
func unconfirmed(cmd *cobra.Command, p acts.Preview) error {
	hint := "add --yes to do it"
	if comparing(cmd, p) {
		hint = fmt.Sprintf("compare the fingerprint, then add --%s=%s --%s to do it", flagFingerprint, p.Fingerprint, flagYes)
	}
	return &Error{Exit: ExitRefused, Text: "this asks for confirmation: nothing was changed", Hint: hint}
}

// comparing says whether a preview shows a certificate that nobody has named
// yet.
func comparing(cmd *cobra.Command, p acts.Preview) bool {
	flag := cmd.Flags().Lookup(flagFingerprint)
	return flag != nil && !flag.Changed && !p.Fingerprint.IsZero()
}

// FingerprintFlag adds --fingerprint to an act that trusts a certificate. A
// person at a terminal confirms the one of the preview; --yes wants it named,
// so that no script trusts what it happens to meet.
func FingerprintFlag(cmd *cobra.Command, f *pki.Fingerprint, usage string) {
	CertificateFlag(cmd, f, usage)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed(flagYes) && !cmd.Flags().Changed(flagFingerprint) {
			return &Error{
				Exit: ExitUsage, Text: "--" + flagYes + " without --" + flagFingerprint + " would trust a certificate that nobody compared",
				Hint: "name the fingerprint that was compared: --" + flagFingerprint + "=AA:BB:...; --" + flagDryRun + " shows it",
			}
		}
		return nil
	}
}

// CertificateFlag adds --fingerprint to an act that concerns a certificate.
func CertificateFlag(cmd *cobra.Command, f *pki.Fingerprint, usage string) {
	cmd.Flags().Var((*fingerprintFlag)(f), flagFingerprint, usage)
}

// fingerprintFlag is --fingerprint. To an act the zero value says that none was
// named, so nobody may name it.
type fingerprintFlag pki.Fingerprint

func (f *fingerprintFlag) Type() string { return "fingerprint" }

func (f *fingerprintFlag) String() string {
	if pki.Fingerprint(*f).IsZero() {
		return ""
	}
	return pki.Fingerprint(*f).String()
}

func (f *fingerprintFlag) Set(s string) error {
	named, err := pki.ParseFingerprint(s)
	if err == nil && named.IsZero() {
		err = errors.New("no certificate has this fingerprint")
	}
	*f = fingerprintFlag(named)
	return err
}

func writePreview(w io.Writer, format Format, p acts.Preview) error {
	if format == FormatJSON {
		return WriteJSON(w, p)
	}
	PrintPreview(w, p)
	return nil
}

// PrintPreview shows a preview to a person.
func PrintPreview(w io.Writer, p acts.Preview) {
	for _, line := range p.Lines {
		fmt.Fprintln(w, foreign.Clean(line))
	}
	if len(p.Consequences) > 0 {
		fmt.Fprintln(w, "Consequences:")
	}
	for _, c := range p.Consequences {
		text := foreign.Clean(c.Text)
		if c.InUse {
			fmt.Fprintf(w, "  - %s (today: %d)\n", text, c.Count)
		} else {
			fmt.Fprintf(w, "  - %s (not in use here)\n", text)
		}
		printWho(w, c)
	}
}

// printWho names whom a consequence concerns; the preview may name only some.
func printWho(w io.Writer, c acts.Consequence) {
	if len(c.Who) == 0 {
		return
	}
	names := Cells(", ", c.Who...)
	if more := c.Count - len(c.Who); more > 0 {
		names += fmt.Sprintf(", and %d more", more)
	}
	fmt.Fprintf(w, "    %s\n", names)
}
