package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vedette/agent/doctor"
	"vedette/cmd/internal/cli"
	"vedette/internal/foreign"
)

func newDoctorCmd(file *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why the agent cannot deliver: one line for each check, with the fix",
		Long: "Check settings, client certificate, name, TCP, TLS, pin, clock and authorisation, whether the agent runs or not.\n" +
			"The server is also asked who it is: an agent of a Sensor uses the Sensor's address and certificate, not the Central Node's.\nExit code 0: nothing failed; 1: something did.",
		Example: "  agent doctor\n  agent doctor --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		c, err := load(*file, cmd.Flags())
		if err != nil {
			return err
		}
		checks, healthy := doctor.Run(cmd.Context(), doctor.Options{Config: c})
		if *format == cli.FormatJSON {
			err = cli.WriteJSON(cmd.OutOrStdout(), map[string]any{"healthy": healthy, "checks": checks})
		} else {
			for _, k := range checks {
				line := fmt.Sprintf("%-8s %s", k.Outcome, k.Name)
				if k.Server != "" {
					line += " " + k.Server
				}
				line += ": " + foreign.Clean(k.Text)
				if k.Code != "" {
					line += " [" + k.Code + "]"
				}
				if k.Fix != "" {
					line += "; fix: " + foreign.Clean(k.Fix)
				}
				if _, err = fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
					break
				}
			}
		}
		if err == nil && !healthy {
			err = &cli.Error{Exit: cli.ExitFailed}
		}
		return err
	})
	return cmd
}
