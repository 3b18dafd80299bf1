package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
)

// accountState is what a table says of whether somebody may sign in.
func accountState(a acts.Account) string {
	state := "enabled"
	if a.Disabled {
		state = "disabled"
	}
	if a.MustChange {
		state += ", must change password"
	}
	return state
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// addAccount adds what is known about an account.
func addAccount(f *Fields, a acts.Account) {
	f.Add("Account", a.Name)
	f.Add("Role", string(a.Role))
	f.Add("State", accountState(a))
	f.Add("Second factor", onOff(a.SecondFactor))
	f.Add("Password set", Time(a.Changed))
	var keys []string
	for _, k := range a.Keys {
		keys = append(keys, strings.TrimSpace(k.Fingerprint+" "+k.Type+" "+k.Comment))
	}
	f.Add("Keys", keys...)
}

// find looks an account up in the list of those that may be seen.
func (a Account) find(cmd *cobra.Command, name string) (acts.Account, error) {
	list, err := a.Admin.Accounts(cmd.Context(), a.Who)
	if err != nil {
		return acts.Account{}, err
	}
	for _, one := range list.Accounts {
		if strings.EqualFold(one.Name, name) { // as at signing in
			return one, nil
		}
	}
	return acts.Account{}, &acts.Error{
		Code: acts.NotFound, Text: fmt.Sprintf("there is no account %q", name),
		Hint: "see: " + a.Program + " account list",
	}
}

func (a Account) newShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show NAME",
		Short:   "Show an account",
		Example: "  " + a.Program + " account show anna",
		Args:    Args(1, 1),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		one, err := a.find(cmd, args[0])
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			return WriteJSON(cmd.OutOrStdout(), one)
		}
		f := NewFields(cmd.OutOrStdout())
		addAccount(f, one)
		f.Add("Created", Time(one.Created))
		f.Add("Sessions", fmt.Sprint(one.Sessions))
		return f.Flush()
	})
	return Remote(cmd)
}

func (a Account) newRoleCmd() *cobra.Command {
	var in acts.SetRole
	cmd := &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "Give an account another role",
		Long: "Give an account another role: " + strings.Join(roles(), ", ") + ".\n" +
			"Its sessions are ended before the command returns. Only a local administrator makes somebody a local\n" +
			"administrator, or takes that role; one of them always stays.",
		Example: "  " + a.Program + " account role anna security-auditor --dry-run\n" +
			"  " + a.Program + " account role anna security-auditor --yes",
		Args: Args(2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return roles(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	a.asking(cmd, func(args []string) error {
		role, err := acts.ParseRole(args[1])
		if err != nil {
			return Usagef("%v", err)
		}
		in.Name, in.Role = args[0], role
		return nil
	}, func(cmd *cobra.Command) (acts.Preview, error) {
		return a.Admin.PreviewSetRole(cmd.Context(), a.Who, in)
	}, func(cmd *cobra.Command, revision uint64) (acts.AccountChange, error) {
		in.Revision = revision
		return a.Admin.SetRole(cmd.Context(), a.Who, in)
	})
	return Remote(cmd)
}

func (a Account) newDisableCmd() *cobra.Command {
	var in acts.DisableAccount
	cmd := &cobra.Command{
		Use:   "disable NAME",
		Short: "Let an account sign in no longer, and keep what it has",
		Long:  "Disable an account: neither its password nor its keys sign in. Its sessions are ended before the command returns.",
		Example: "  " + a.Program + " account disable anna --dry-run\n" +
			"  " + a.Program + " account disable anna --yes",
		Args: Args(1, 1),
	}
	a.asking(cmd, func(args []string) error { in.Name = args[0]; return nil },
		func(cmd *cobra.Command) (acts.Preview, error) {
			return a.Admin.PreviewDisableAccount(cmd.Context(), a.Who, in)
		}, func(cmd *cobra.Command, revision uint64) (acts.AccountChange, error) {
			in.Revision = revision
			return a.Admin.DisableAccount(cmd.Context(), a.Who, in)
		})
	return Remote(cmd)
}

func (a Account) newEnableCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "enable NAME",
		Short:   "Let a disabled account sign in again",
		Example: "  " + a.Program + " account enable anna",
		Args:    Args(1, 1),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		change, err := a.Admin.EnableAccount(cmd.Context(), a.Who, acts.EnableAccount{Name: args[0]})
		return writeAccountChange(cmd.OutOrStdout(), *format, change, err)
	})
	return Remote(cmd)
}

func (a Account) newRemoveSecondFactorCmd() *cobra.Command {
	var in acts.RemoveSecondFactor
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Ask an account for no code any more, because what showed it was lost",
		Long: "Remove the second factor of an account: its password alone signs in then. Its sessions are ended before\n" +
			"the command returns. Your own is switched off in the web interface, with your password.",
		Example: "  " + a.Program + " account second-factor remove anna --dry-run\n" +
			"  " + a.Program + " account second-factor remove anna --yes",
		Args: Args(1, 1),
	}
	a.asking(cmd, func(args []string) error { in.Name = args[0]; return nil },
		func(cmd *cobra.Command) (acts.Preview, error) {
			return a.Admin.PreviewRemoveSecondFactor(cmd.Context(), a.Who, in)
		}, func(cmd *cobra.Command, revision uint64) (acts.AccountChange, error) {
			in.Revision = revision
			return a.Admin.RemoveSecondFactor(cmd.Context(), a.Who, in)
		})
	return Remote(cmd)
}

// asking makes cmd an act on an account that asks.
func (a Account) asking(cmd *cobra.Command, read func(args []string) error, preview func(*cobra.Command) (acts.Preview, error), deed func(*cobra.Command, uint64) (acts.AccountChange, error)) {
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	confirm := ConfirmFlags(cmd, format)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		if err := read(args); err != nil {
			return err
		}
		change, done, err := Perform(cmd, confirm,
			func() (acts.Preview, error) { return preview(cmd) },
			func(revision uint64) (acts.AccountChange, error) { return deed(cmd, revision) })
		if !done || err != nil {
			return err
		}
		return writeAccountChange(cmd.OutOrStdout(), *format, change, nil)
	})
}
