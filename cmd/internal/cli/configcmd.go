package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"vedette/internal/settings"
)

func (s *source[C]) newConfigCmd() *cobra.Command {
	return Group("config", "The configuration", s.newConfigCheckCmd(), s.newConfigShowCmd())
}

func (s *source[C]) newConfigCheckCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Report every fault of the configuration",
		Example: "  " + s.Word + " config check\n  " + s.Word + " --config ./" + s.Word + ".toml config check",
		Args:    Args(0, 0),
	}
	addOverrides(cmd.Flags())
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		if _, err := s.load(cmd.Flags()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(cmd.ErrOrStderr(), "the configuration has no fault")
		return err
	})
	return cmd
}

func (s *source[C]) newConfigShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show every effective value and where it comes from",
		Example: "  " + s.Word + " config show\n  " + s.Word + " config show --output json",
		Args:    Args(0, 0),
	}
	addOverrides(cmd.Flags())
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		c, origins, err := s.read(cmd.Flags())
		if err != nil {
			return err
		}
		if s.Redact != nil {
			s.Redact(&c)
		}
		return showConfig(cmd, *format, c, origins)
	})
	return cmd
}

func showConfig(cmd *cobra.Command, format Format, c any, origins *settings.Origins) error {
	type row struct {
		Key   string `json:"key"`
		Value string `json:"value"` // as the file would have it
		From  string `json:"from"`
	}
	var rows []row
	for _, v := range settings.Flatten(c) {
		rows = append(rows, row{v.Key, v.Text, origins.Of(v.Key)})
	}
	if format == FormatJSON {
		return WriteJSON(cmd.OutOrStdout(), rows)
	}
	t := NewTable(cmd.OutOrStdout(), "KEY", "VALUE", "FROM")
	for _, r := range rows {
		t.Row(r.Key, r.Value, r.From)
	}
	return t.Flush()
}
