package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newAuditListCmd() *cobra.Command {
	var filter acts.AuditFilter
	var since, until string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what administrators did, the newest last",
		Example: "  centralnode audit list --since 24h\n" +
			"  centralnode audit list --account admin --output json",
		Args: cli.Args(0, 0),
	}
	cmd.Flags().StringVar(&since, "since", "", "only acts at this `TIME` or later: 10m ago, or RFC 3339")
	cmd.Flags().StringVar(&until, "until", "", "only acts before this `TIME`")
	cmd.Flags().StringVar(&filter.Account, "account", "", "only acts of this `ACCOUNT`")
	cmd.Flags().StringVar(&filter.Act, "act", "", "only acts of this `KIND`")
	cmd.Flags().IntVar(&filter.Limit, "limit", 1000, "the newest `N` acts at most")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		var err error
		if filter.Since, filter.Until, err = parsePeriod(since, until, c.now()); err != nil {
			return err
		}
		if filter.Limit < 0 {
			return cli.Usagef("--limit: %d is negative", filter.Limit)
		}
		records, err := c.admin.Audit(cmd.Context(), c.who, filter)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			if records == nil {
				records = []acts.AuditRecord{} // a list, also when it is empty
			}
			return cli.WriteJSON(cmd.OutOrStdout(), records)
		}
		t := cli.NewTable(cmd.OutOrStdout(), "NUMBER", "TIME", "ACCOUNT", "FACE", "FROM", "ACT", "RESULT", "SUBJECT", "DETAIL")
		for _, r := range records {
			t.Row(fmt.Sprint(r.Seq), cli.Time(r.Time), r.Account, string(r.Face), r.From, r.Act, r.Result, joined(r.Subject), r.Detail)
		}
		return t.Flush()
	})
	return cli.Remote(cmd)
}

func (c commands) newAuditVerifyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   "Check that no audit record was changed or removed",
		Example: "  centralnode audit verify",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		check, err := c.admin.VerifyAudit(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), check)
		}
		f := cli.NewFields(cmd.OutOrStdout())
		f.Add("Records", fmt.Sprintf("%d, none changed or removed", check.Records))
		f.Add("Newest hash", check.Head)
		return f.Flush()
	})
	return cli.Remote(cmd)
}
