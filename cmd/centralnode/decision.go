package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/pki"
)

// decision is a command that decides about one who asks to be let in: what it
// takes is an In, what came of it an Out.
type decision[In, Out any] struct {
	verb, short, long, example string

	preview func(Admin, context.Context, acts.Actor, In) (acts.Preview, error)
	deed    func(Admin, context.Context, acts.Actor, In) (Out, error)
	// name completes the input with whom the person named and with the revision
	// that was looked at.
	name  func(in *In, which string, revision uint64)
	write func(io.Writer, Out) error
}

// newDecisionCmd makes the command; flags of its own go into in.
func newDecisionCmd[In, Out any](c commands, d decision[In, Out], in *In) *cobra.Command {
	cmd := &cobra.Command{Use: d.verb + " WHICH", Short: d.short, Long: d.long, Example: d.example, Args: cli.Args(1, 1)}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		d.name(in, args[0], 0)
		result, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) { return d.preview(c.admin, cmd.Context(), c.who, *in) },
			func(revision uint64) (Out, error) {
				d.name(in, args[0], revision)
				return d.deed(c.admin, cmd.Context(), c.who, *in)
			})
		if !done || err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), result)
		}
		return d.write(cmd.OutOrStdout(), result)
	})
	return cli.Remote(cmd)
}

// comparedFlag adds --fingerprint to a command that lets somebody in: --yes
// wants the fingerprint that was compared, here or in WHICH, which then is the
// one and only that is let in.
func comparedFlag(cmd *cobra.Command, f *pki.Fingerprint) {
	cli.FingerprintFlag(cmd, f, "the `FINGERPRINT` that was compared")
	demand := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		named, err := pki.ParseFingerprint(args[0][strings.LastIndexByte(args[0], '/')+1:]) // it may be ID/FINGERPRINT
		if err != nil || named.IsZero() || cmd.Flags().Changed("fingerprint") {
			return demand(cmd, args)
		}
		*f = named
		return nil
	}
}
