package cli

import (
	"os"

	"github.com/spf13/cobra"
)

func (s *source[C]) newRunCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the " + s.Name + " until it is told to stop",
		Long: "Run the " + s.Name + ". SIGINT and SIGTERM let current work end before it stops; a second signal ends it at once.\n" +
			"A first start makes keys, the server certificate and the account admin. Administrators sign in as admin\n" +
			"where ssh_listen says.",
		Example: "  " + s.Word + " run\n" +
			"  " + s.Word + " run --config ./" + s.Word + ".toml --listen 127.0.0.2:8443 --log-level debug",
		Args: Args(0, 0),
	}
	addOverrides(cmd.Flags())
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		if err := neutralize(); err != nil {
			return err
		}
		c, err := s.load(cmd.Flags())
		if err != nil {
			return err
		}
		if err := harden(); err != nil {
			return err
		}
		logger, err := newLogger(cmd.ErrOrStderr(), s.Basics(&c).LogLevel)
		if err != nil {
			return err
		}
		return s.explainStart(s.Run(cmd.Context(), c, logger, console(os.Stdout)))
	})
	return cmd
}
