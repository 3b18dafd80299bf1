package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/settings"
)

func newConfigCmd(file *string) *cobra.Command {
	return cli.Group("config", "The configuration", newConfigCheckCmd(file), newConfigShowCmd(file))
}

func newConfigCheckCmd(file *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Report every fault of the configuration",
		Example: "  centralnode config check\n  centralnode --config ./centralnode.toml config check",
		Args:    cli.Args(0, 0),
	}
	addOverrides(cmd.Flags())
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		if _, _, err := (source{*file, cmd.Flags()}).load(); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.ErrOrStderr(), "the configuration has no fault")
		return err
	})
	return cmd
}

func newConfigShowCmd(file *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show every effective value and where it comes from",
		Example: "  centralnode config show\n  centralnode config show --output json",
		Args:    cli.Args(0, 0),
	}
	addOverrides(cmd.Flags())
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		c, origins, err := (source{*file, cmd.Flags()}).read()
		if err != nil {
			return err
		}
		c.Events.NATSURL = redacted(c.Events.NATSURL)
		return showConfig(cmd, *format, c, origins)
	})
	return cmd
}

func showConfig(cmd *cobra.Command, format cli.Format, c config, origins *settings.Origins) error {
	type row struct {
		Key   string `json:"key"`
		Value string `json:"value"` // as the file would have it
		From  string `json:"from"`
	}
	var rows []row
	for _, v := range settings.Flatten(c) {
		rows = append(rows, row{v.Key, v.Text, origins.Of(v.Key)})
	}
	if format == cli.FormatJSON {
		return cli.WriteJSON(cmd.OutOrStdout(), rows)
	}
	t := cli.NewTable(cmd.OutOrStdout(), "KEY", "VALUE", "FROM")
	for _, r := range rows {
		t.Row(r.Key, r.Value, r.From)
	}
	return t.Flush()
}
