package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
)

// AccountAdmin performs the acts on those who may sign in.
type AccountAdmin interface {
	Accounts(context.Context, acts.Actor) (acts.AccountList, error)
	CreateAccount(context.Context, acts.Actor, acts.CreateAccount) (acts.AccountChange, error)
	PreviewDeleteAccount(context.Context, acts.Actor, acts.DeleteAccount) (acts.Preview, error)
	DeleteAccount(context.Context, acts.Actor, acts.DeleteAccount) (acts.AccountChange, error)
	PreviewSetRole(context.Context, acts.Actor, acts.SetRole) (acts.Preview, error)
	SetRole(context.Context, acts.Actor, acts.SetRole) (acts.AccountChange, error)
	PreviewDisableAccount(context.Context, acts.Actor, acts.DisableAccount) (acts.Preview, error)
	DisableAccount(context.Context, acts.Actor, acts.DisableAccount) (acts.AccountChange, error)
	EnableAccount(context.Context, acts.Actor, acts.EnableAccount) (acts.AccountChange, error)
	PreviewRemoveSecondFactor(context.Context, acts.Actor, acts.RemoveSecondFactor) (acts.Preview, error)
	RemoveSecondFactor(context.Context, acts.Actor, acts.RemoveSecondFactor) (acts.AccountChange, error)
	SetPassword(context.Context, acts.Actor, acts.SetPassword) (acts.AccountChange, error)
	ChangePassword(context.Context, acts.Actor, acts.ChangePassword) (acts.AccountChange, error)
	AddKey(context.Context, acts.Actor, acts.AddKey) (acts.AccountChange, error)
	PreviewDeleteKey(context.Context, acts.Actor, acts.DeleteKey) (acts.Preview, error)
	DeleteKey(context.Context, acts.Actor, acts.DeleteKey) (acts.AccountChange, error)
}

// Account is what the commands on accounts act upon. The local binary has only
// their shape and leaves Admin and Who empty.
type Account struct {
	Program string
	Admin   AccountAdmin
	Who     acts.Actor
	// SecondFactor says that accounts can have one here: it is switched on in the
	// web interface.
	SecondFactor bool
}

const flagPasswordFile = "password-file"

// NewCmd makes `account` with its commands.
func (a Account) NewCmd() *cobra.Command {
	cmd := Group("account", "Who may sign in as an administrator",
		a.newListCmd(), a.newShowCmd(), a.newCreateCmd(), a.newDeleteCmd(), a.newRoleCmd(), a.newDisableCmd(), a.newEnableCmd(),
		a.newPasswordCmd(), a.newChangePasswordCmd(),
		Group("key", "The SSH keys that sign in as an account", a.newKeyListCmd(), a.newKeyAddCmd(), a.newKeyDeleteCmd()))
	if a.SecondFactor {
		cmd.AddCommand(Group("second-factor", "The code that is asked for after a password", a.newRemoveSecondFactorCmd()))
	}
	return cmd
}

func (a Account) newListCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List who may sign in",
		Example: "  " + a.Program + " account list\n  " + a.Program + " account list --output json",
		Args:    Args(0, 0),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		list, err := a.Admin.Accounts(cmd.Context(), a.Who)
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			return WriteJSON(cmd.OutOrStdout(), list)
		}
		t := NewTable(cmd.OutOrStdout(), "NAME", "ROLE", "STATE", "SECOND FACTOR", "CREATED", "PASSWORD SET", "KEYS", "SESSIONS")
		for _, one := range list.Accounts {
			t.Row(one.Name, string(one.Role), accountState(one), onOff(one.SecondFactor), Time(one.Created), Time(one.Changed), fmt.Sprint(len(one.Keys)), fmt.Sprint(one.Sessions))
		}
		return t.Flush()
	})
	return Remote(cmd)
}

func (a Account) newCreateCmd() *cobra.Command {
	var in acts.CreateAccount
	var role, passwordFile string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Let somebody sign in with a password",
		Long: "Make an account. Its password has at least 8 characters of at least three of four kinds (small and\n" +
			"capital letters, digits, others), and it is not the name. Who signs in to the web interface with it is\n" +
			"asked for another one. Only a local administrator makes a local administrator.",
		Example: "  " + a.Program + " account create anna --role administrator --password-file anna.password\n" +
			"  " + a.Program + " account create anna --role administrator --password-file - < anna.password",
		Args: Args(1, 1),
	}
	cmd.Flags().StringVar(&role, "role", "", "`ROLE`: "+strings.Join(roles(), ", "))
	CompleteFlag(cmd, "role", roles()...)
	requirePasswordFile(cmd, &passwordFile, "`FILE` with the password, - is standard input")
	require(cmd, "role")
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		var err error
		in.Name = args[0]
		if in.Role, err = acts.ParseRole(role); err != nil {
			return Usagef("--role: %v", err)
		}
		if in.Password, err = ReadPassword(cmd, passwordFile); err != nil {
			return err
		}
		change, err := a.Admin.CreateAccount(cmd.Context(), a.Who, in)
		return writeAccountChange(cmd.OutOrStdout(), *format, change, err)
	})
	return Remote(cmd, FileFlag(flagPasswordFile))
}

func (a Account) newDeleteCmd() *cobra.Command {
	var in acts.DeleteAccount
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Let somebody sign in no longer",
		Long:  "Delete an account. Its sessions are ended before the command returns.",
		Example: "  " + a.Program + " account delete anna --dry-run\n" +
			"  " + a.Program + " account delete anna --yes",
		Args: Args(1, 1),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	confirm := ConfirmFlags(cmd, format)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		in.Name = args[0]
		change, done, err := Perform(cmd, confirm,
			func() (acts.Preview, error) { return a.Admin.PreviewDeleteAccount(cmd.Context(), a.Who, in) },
			func(revision uint64) (acts.AccountChange, error) {
				in.Revision = revision
				return a.Admin.DeleteAccount(cmd.Context(), a.Who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeAccountChange(cmd.OutOrStdout(), *format, change, nil)
	})
	return Remote(cmd)
}

func (a Account) newPasswordCmd() *cobra.Command {
	var in acts.SetPassword
	var passwordFile string
	cmd := &cobra.Command{
		Use:   "password NAME",
		Short: "Set the password of an account",
		Long: "Set the password of an account. Its sessions, but the one that asks, are ended before the command returns.\n" +
			"Who signs in to the web interface with another's choice of a password is asked for a new one.",
		Example: "  " + a.Program + " account password anna --password-file new.password\n" +
			"  " + a.Program + " account password anna --password-file - < new.password",
		Args: Args(1, 1),
	}
	requirePasswordFile(cmd, &passwordFile, "`FILE` with the new password, - is standard input")
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		var err error
		in.Name = args[0]
		if in.Password, err = ReadPassword(cmd, passwordFile); err != nil {
			return err
		}
		change, err := a.Admin.SetPassword(cmd.Context(), a.Who, in)
		return writeAccountChange(cmd.OutOrStdout(), *format, change, err)
	})
	return Remote(cmd, FileFlag(flagPasswordFile))
}

func (a Account) newChangePasswordCmd() *cobra.Command {
	var passwordFile string
	cmd := &cobra.Command{
		Use:   "change-password",
		Short: "Change your own password",
		Long: "Change the password of the account that gives the command. The file has two lines: the present\n" +
			"password and the new one. Your other sessions are ended before the command returns.",
		Example: "  " + a.Program + " account change-password --password-file - < two.lines",
		Args:    Args(0, 0),
	}
	requirePasswordFile(cmd, &passwordFile, "`FILE` with the present and the new password, a line each; - is standard input")
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		passwords, err := readPasswords(cmd, passwordFile, 2)
		if err != nil {
			return err
		}
		change, err := a.Admin.ChangePassword(cmd.Context(), a.Who, acts.ChangePassword{Current: passwords[0], New: passwords[1]})
		return writeAccountChange(cmd.OutOrStdout(), *format, change, err)
	})
	return Remote(cmd, FileFlag(flagPasswordFile))
}

// roles lists what --role takes.
func roles() (words []string) {
	for _, r := range acts.Roles() {
		words = append(words, string(r))
	}
	return words
}

// requirePasswordFile adds --password-file, which has to be given: a password
// on the command line would be seen in the list of processes.
func requirePasswordFile(cmd *cobra.Command, name *string, usage string) {
	cmd.Flags().StringVar(name, flagPasswordFile, "", usage)
	require(cmd, flagPasswordFile)
}

func require(cmd *cobra.Command, flag string) {
	if err := cmd.MarkFlagRequired(flag); err != nil {
		panic(err) // the flag is missing: a mistake in the tree, met by every test of it
	}
}

// writeAccountChange shows what came of a change, or returns its error.
func writeAccountChange(w io.Writer, format Format, c acts.AccountChange, err error) error {
	if err != nil {
		return err
	}
	if format == FormatJSON {
		return WriteJSON(w, c)
	}
	f := NewFields(w)
	addAccount(f, c.Account)
	f.Add("Sessions ended", fmt.Sprint(c.Ended))
	return f.Flush()
}
