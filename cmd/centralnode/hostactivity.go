package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newHostActivityCmd() *cobra.Command {
	var in acts.SetActivity
	cmd := &cobra.Command{
		Use:   "activity",
		Short: "Show or set when a silent host is called inactive",
		Long: "Show or set after how many days without contact a host's activity is called Warning and Critical inactivity. One that is\n" +
			"not given stays as it is.",
		Example: "  centralnode host activity\n" +
			"  centralnode host activity --warning 3 --critical 14 --dry-run\n" +
			"  centralnode host activity --warning 3 --critical 14",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().IntVar(&in.Warning, "warning", 0, "Warning after so many `DAYS` (1 or more)")
	cmd.Flags().IntVar(&in.Critical, "critical", 0, "Critical inactivity after so many `DAYS`")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		warning, critical := cmd.Flags().Changed("warning"), cmd.Flags().Changed("critical")
		now, err := c.admin.Activity(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if !warning && !critical {
			return writeActivity(cmd.OutOrStdout(), *format, now)
		}
		if !warning {
			in.Warning = now.Warning
		}
		if !critical {
			in.Critical = now.Critical
		}
		set, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) { return c.admin.PreviewSetActivity(cmd.Context(), c.who, in) },
			func(revision uint64) (acts.ActivityThresholds, error) {
				in.Revision = revision
				return c.admin.SetActivity(cmd.Context(), c.who, in)
			})
		if !done || err != nil {
			return err
		}
		return writeActivity(cmd.OutOrStdout(), *format, set)
	})
	return cli.Remote(cmd)
}

func writeActivity(w io.Writer, format cli.Format, t acts.ActivityThresholds) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(w, t)
	}
	_, err := fmt.Fprintf(w, "%s after %d days without contact, %s after %d\n", acts.WarningActivity, t.Warning, acts.CriticalInactivity, t.Critical)
	return err
}
