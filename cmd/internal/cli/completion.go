package cli

import (
	"github.com/spf13/cobra"
)

// NewCompletionCmd makes `completion bash|zsh|fish`.
func NewCompletionCmd(program string) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Write a completion script for a shell",
		Example: "  source <(" + program + " completion bash)\n" +
			"  " + program + " completion zsh > ~/.zfunc/_" + program + "\n" +
			"  " + program + " completion fish > ~/.config/fish/completions/" + program + ".fish",
		Args:                  Args(1, 1),
		ValidArgs:             []string{"bash", "zsh", "fish"},
		DisableFlagsInUseLine: true,
		RunE: Act(func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			default:
				return root.GenFishCompletion(out, true)
			}
		}),
	}
}
