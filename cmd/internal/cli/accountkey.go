package cli

import (
	"github.com/spf13/cobra"

	"vedette/internal/acts"
)

func (a Account) newKeyListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list NAME",
		Short:   "List the SSH keys that sign in as an account",
		Example: "  " + a.Program + " account key list admin",
		Args:    Args(1, 1),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		one, err := a.find(cmd, args[0])
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			keys := one.Keys
			if keys == nil {
				keys = []acts.PublicKey{} // a list, also when it is empty
			}
			return WriteJSON(cmd.OutOrStdout(), keys)
		}
		t := NewTable(cmd.OutOrStdout(), "FINGERPRINT", "TYPE", "COMMENT", "ADDED")
		for _, k := range one.Keys {
			t.Row(k.Fingerprint, k.Type, k.Comment, Time(k.Added))
		}
		return t.Flush()
	})
	return Remote(cmd)
}

func (a Account) newKeyAddCmd() *cobra.Command {
	var in acts.AddKey
	cmd := &cobra.Command{
		Use:   "add NAME FILE",
		Short: "Let an SSH key sign in as an account",
		Long: "Let an SSH key sign in as an account. The file holds one public key, as ssh-keygen writes it (.pub)\n" +
			"or as a line of authorized_keys without options.",
		Example: "  " + a.Program + " account key add admin ~/.ssh/id_ed25519.pub\n" +
			"  " + a.Program + " account key add admin - < id_ed25519.pub",
		Args: Args(2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		file, err := ReadFile(cmd, args[1])
		if err != nil {
			return err
		}
		defer clear(file) // it may be a private key by mistake
		in.Account, in.Line = args[0], string(file)
		change, err := a.Admin.AddKey(cmd.Context(), a.Who, in)
		return writeAccountChange(cmd.OutOrStdout(), *format, change, err)
	})
	return Remote(cmd, LastFile)
}

func (a Account) newKeyDeleteCmd() *cobra.Command {
	var in acts.DeleteKey
	cmd := &cobra.Command{
		Use:   "delete NAME FINGERPRINT",
		Short: "Let an SSH key sign in no longer",
		Long: "Let an SSH key, named by its fingerprint (SHA256:...), sign in as an account no longer. The sessions\n" +
			"that it signed in are ended before the command returns.",
		Example: "  " + a.Program + " account key delete admin SHA256:Hn5nbFlKjPUlT1A9s0JgXUkCcTbBXXzyEYPCmHrKzjI --dry-run",
		Args:    Args(2, 2),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	confirm := ConfirmFlags(cmd, format)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		in.Account, in.Fingerprint = args[0], args[1]
		change, done, err := Perform(cmd, confirm,
			func() (acts.Preview, error) { return a.Admin.PreviewDeleteKey(cmd.Context(), a.Who, in) },
			func(revision uint64) (acts.AccountChange, error) {
				in.Revision = revision
				return a.Admin.DeleteKey(cmd.Context(), a.Who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeAccountChange(cmd.OutOrStdout(), *format, change, nil)
	})
	return Remote(cmd)
}
