package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

// adminAccount is the documented account of the administrator menu.
const adminAccount = "admin"

func (s *source[C]) newResetPasswordCmd() *cobra.Command {
	var passwordFile string
	in := acts.ResetPassword{Name: adminAccount}
	cmd := &cobra.Command{
		Use:   "reset-password",
		Short: "Set the password of the account admin while the daemon is down",
		Long: "Set the password of the account admin. The daemon must be down: the command opens its state itself.\n" +
			"Without --password-file a password is made and printed. Who signs in to the web interface with the new\n" +
			"password is asked for another one.",
		Example: "  " + s.Word + " reset-password\n" +
			"  " + s.Word + " reset-password --remove-second-factor\n" +
			"  " + s.Word + " reset-password --password-file new.password",
		Args: Args(0, 0),
	}
	cmd.Flags().StringVar(&passwordFile, "password-file", "", "`FILE` with the new password, - is standard input")
	cmd.Flags().BoolVar(&in.RemoveSecondFactor, "remove-second-factor", false, "ask for no code either: the phone that showed it was lost")
	addOverrides(cmd.Flags(), "state-dir")
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		c, err := s.load(cmd.Flags())
		if err != nil {
			return err
		}
		if passwordFile != "" {
			if in.Password, err = ReadPasswordFile(cmd, passwordFile); err != nil {
				return err
			}
		}
		unix.Umask(0o077)
		made, err := s.ResetPassword(cmd.Context(), c, in)
		switch {
		case errors.Is(err, kv.ErrInUse):
			return &Error{Exit: ExitRefused, Text: "the daemon runs: nothing was changed", Hint: "stop it first", Err: err}
		case errors.Is(err, fs.ErrNotExist):
			return &Error{Exit: ExitNotFound, Text: "there is no state in " + s.Basics(&c).StateDir, Hint: "name the folder with --config or --state-dir", Err: err}
		case err != nil:
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "the account %s has a new password\n", adminAccount)
		if in.RemoveSecondFactor {
			fmt.Fprintf(cmd.ErrOrStderr(), "it has no second factor\n")
		}
		if made != "" {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), made)
		}
		return err
	})
	return cmd
}
