package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// Inside makes the hook through which a daemon performs command lines: a fresh
// tree for each. The program's word may stand before a command, as it does in
// examples. What only the local binary does is refused with the reason.
func Inside(program string, newTree func(acts.Actor, sshd.Streams) *cobra.Command) sshd.Command {
	return func(ctx context.Context, who acts.Actor, args []string, s sshd.Streams) int {
		if len(args) > 0 && args[0] == program {
			args = args[1:]
		}
		root := newTree(who, s)
		guard(root, s.Terminal != nil)
		for _, name := range []string{"run", "config", "reset-password", "completion"} {
			root.AddCommand(newElsewhereCmd(program, name))
		}
		return Execute(ctx, root, args, s)
	}
}

// newElsewhereCmd stands for a command that only the local binary has.
func newElsewhereCmd(program, name string) *cobra.Command {
	text := fmt.Sprintf("%q is done by the program %s itself, and not by the daemon that you reach here", name, program)
	cmd := &cobra.Command{
		Use: name, Hidden: true, Short: text,
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return &Error{Exit: ExitUsage, Text: text, Hint: fmt.Sprintf("on the server, give the command: %s %s", program, name)}
		},
	}
	return cmd
}

// guard makes commands refuse what would not do what it says when nobody
// forwards them: a local file for the output, and data that a terminal changes.
func guard(cmd *cobra.Command, onTerminal bool) {
	for _, sub := range cmd.Commands() {
		guard(sub, onTerminal)
	}
	if cmd.Annotations[markRemote] == "" {
		return
	}
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := misplaced(cmd, onTerminal); err != nil {
			return err
		}
		return work(cmd, args)
	}
}

func misplaced(cmd *cobra.Command, onTerminal bool) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Annotations[markLocal] != nil {
			err = &Error{
				Exit: ExitUsage, Text: fmt.Sprintf("the daemon writes no file: --%s", flag.Name),
				Hint: "leave it out, and redirect the output: > FILE",
			}
		}
	})
	if err == nil && onTerminal && bare(cmd) {
		err = &Error{
			Exit: ExitUsage, Text: "the data are not for a terminal, which would change them",
			Hint: "give the command without a terminal (ssh without -t), and redirect the output: > FILE",
		}
	}
	return err
}

// bare says whether a command writes data that are no text.
func bare(cmd *cobra.Command) bool {
	if cmd.Annotations[markBinary] == "" {
		return false
	}
	flags := cmd.Flags()
	if dry := flags.Lookup(flagDryRun); dry != nil && dry.Value.String() == "true" {
		return false
	}
	output := flags.Lookup("output")
	return output == nil || output.Value.String() == string(FormatTable)
}
