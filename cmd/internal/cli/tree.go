package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vedette/internal/sshd"
)

// Marks on commands and flags.
const (
	markRemote = "vedette/remote" // command: performed by the daemon
	markFiles  = "vedette/files"  // command: which of its arguments are local files
	markBinary = "vedette/binary" // command: its data are not for a terminal
	markDraws  = "vedette/draws"  // command: draws on a terminal
	markField  = "vedette/field"  // command: what of its JSON --out takes
	markLocal  = "vedette/local"  // flag: for the local binary only
	markFile   = "vedette/file"   // flag: its value is a local file
)

// Trait says how a command travels to the daemon.
type Trait func(*cobra.Command)

// Remote marks a command as performed by the daemon.
func Remote(cmd *cobra.Command, traits ...Trait) *cobra.Command {
	mark(cmd, markRemote, "true")
	for _, trait := range traits {
		trait(cmd)
	}
	if cmd.Annotations[markFiles] == "" && len(cmd.ValidArgs) == 0 && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions // a shell would offer file names
	}
	return cmd
}

// OneFile says that the argument, if there is one, is a local file.
func OneFile(cmd *cobra.Command) { mark(cmd, markFiles, "one") }

// ManyFiles says that all arguments are local files.
func ManyFiles(cmd *cobra.Command) { mark(cmd, markFiles, "many") }

// LastFile says that the last argument is a local file.
func LastFile(cmd *cobra.Command) { mark(cmd, markFiles, "last") }

// FileFlag says that a flag's value is a local file.
func FileFlag(name string) Trait {
	return func(cmd *cobra.Command) { markFlag(cmd.Flags(), name, markFile) }
}

// OutFile gives the local command --out FILE for its data. With --output json
// it takes the text of the named field of the JSON object instead ("field", or
// "field:base64"), and the rest of the object is written to standard output.
func OutFile(field string) Trait {
	return func(cmd *cobra.Command) {
		mark(cmd, markField, field)
		cmd.Flags().String("out", "", "local `FILE` for the data; made with mode 0600, - is standard output")
		cmd.Flags().Bool("force", false, "let --out replace a file")
		markFlag(cmd.Flags(), "out", markLocal)
		markFlag(cmd.Flags(), "force", markLocal)
	}
}

// Binary says that the data are not for a terminal.
func Binary(cmd *cobra.Command) { mark(cmd, markBinary, "true") }

// Draws says that the command draws on a terminal.
func Draws(cmd *cobra.Command) { mark(cmd, markDraws, "true") }

// LocalFlag marks a flag as one that does not travel.
func LocalFlag(flags *pflag.FlagSet, name string) { markFlag(flags, name, markLocal) }

func mark(cmd *cobra.Command, key, value string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[key] = value
}

func markFlag(flags *pflag.FlagSet, name, key string) {
	if err := flags.SetAnnotation(name, key, []string{"true"}); err != nil {
		panic(err) // the flag is missing: a mistake in the tree, met by every test of it
	}
}

// NewRoot makes a tree without commands.
func NewRoot(program, short string) *cobra.Command {
	root := Group(program, short)
	root.SilenceErrors = true // Report tells
	root.SilenceUsage = true
	root.CompletionOptions.DisableDefaultCmd = true // ours has the shells we test
	root.SetFlagErrorFunc(flagError)
	root.SetHelpTemplate(helpTemplate)
	root.SetUsageTemplate(helpTemplate)
	root.SetHelpCommand(newHelpCmd())
	return root
}

// Group makes a command that only holds others.
func Group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:                        use,
		Short:                      short,
		Args:                       cobra.ArbitraryArgs,
		DisableFlagsInUseLine:      true,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &Error{Exit: ExitUsage, Text: "a command is missing", Hint: "see: " + cmd.CommandPath() + " --help"}
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(subs...)
	return cmd
}

func unknownCommand(parent *cobra.Command, name string) error {
	hint := "see: " + parent.CommandPath() + " --help"
	if near := parent.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q? %s", near[0], hint)
	}
	return &Error{Exit: ExitUsage, Text: fmt.Sprintf("unknown command %q for %q", name, parent.CommandPath()), Hint: hint}
}

// flagError prefers to complain of an unknown command over its unknown flags.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return usageError(cmd, err)
}

func usageError(cmd *cobra.Command, err error) error {
	return &Error{Exit: ExitUsage, Text: err.Error(), Hint: "see: " + cmd.CommandPath() + " --help", Err: err}
}

// Args lets a command have so many arguments; a negative most is no bound.
func Args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		var text string
		switch {
		case len(args) < least:
			text = "an argument is missing"
		case most >= 0 && len(args) > most:
			text = fmt.Sprintf("unexpected argument %q", args[most])
		case len(cmd.ValidArgs) > 0:
			for _, arg := range args {
				if !slices.Contains(cmd.ValidArgs, arg) {
					text = fmt.Sprintf("unexpected argument %q", arg)
				}
			}
		}
		if text == "" {
			return nil
		}
		return &Error{Exit: ExitUsage, Text: text, Hint: "usage: " + cmd.UseLine()}
	}
}

// Execute runs one command line in a fresh tree and returns its exit code. What
// goes wrong is told on the error stream. It ends no process and keeps nothing.
func Execute(ctx context.Context, root *cobra.Command, args []string, s sshd.Streams) int {
	if args == nil {
		args = []string{} // nil would be the process's own arguments
	}
	root.SetArgs(args)
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	called, err := root.ExecuteContextC(ctx)
	if err != nil && !isOurs(err) && !begun(called) {
		err = usageError(called, err) // cobra's own complaint about arguments
	}
	return Report(s.Err, root.Name(), err)
}

func isOurs(err error) bool {
	var ours *Error
	return errors.As(err, &ours)
}

const markBegun = "vedette/begun"

// begun says whether a command got as far as doing something: then its error is
// not one of usage.
func begun(cmd *cobra.Command) bool { return cmd.Annotations[markBegun] != "" }

// Act makes the RunE of a command: work, without the command's usage in its
// errors.
func Act(work func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		mark(cmd, markBegun, "true")
		return work(cmd, args)
	}
}

// helpTemplate puts examples first: most people come for one.
var helpTemplate = strings.TrimLeft(`
{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if .HasExample}}Examples:
{{.Example | trimTrailingWhitespaces}}

{{end}}Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}} COMMAND

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`, "\n")

func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		Short:                 "Help about a command",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(found, rest[0])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, sub := range found.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), prefix) {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
}
