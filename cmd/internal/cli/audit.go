package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
)

// AuditAdmin shows a daemon's audit records.
type AuditAdmin interface {
	Audit(context.Context, acts.Actor, acts.AuditFilter) ([]acts.AuditRecord, error)
	VerifyAudit(context.Context, acts.Actor) (acts.AuditCheck, error)
}

// Audit is what the commands on audit records act upon. The local binary has
// only their shape and leaves Admin and Who empty.
type Audit struct {
	Program string
	Admin   AuditAdmin
	Who     acts.Actor
	Now     func() time.Time
}

// NewCmd makes `audit` with its commands.
func (a Audit) NewCmd() *cobra.Command {
	return Group("audit", "What administrators did", a.newListCmd(), a.newVerifyCmd())
}

func (a Audit) newListCmd() *cobra.Command {
	var filter acts.AuditFilter
	var since, until string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what administrators did, the newest last",
		Example: "  " + a.Program + " audit list --since 24h\n" +
			"  " + a.Program + " audit list --account admin --output json",
		Args: Args(0, 0),
	}
	cmd.Flags().StringVar(&since, "since", "", "only acts at this `TIME` or later: 10m (ago), or RFC 3339")
	cmd.Flags().StringVar(&until, "until", "", "only acts before this `TIME`")
	cmd.Flags().StringVar(&filter.Account, "account", "", "only acts of this `ACCOUNT`")
	cmd.Flags().StringVar(&filter.Act, "act", "", "only acts of this `KIND`")
	cmd.Flags().StringVar(&filter.Result, "result", "", "only acts with this `RESULT`: "+strings.Join(acts.AuditResults(), ", "))
	cmd.Flags().StringVar(&filter.Text, "text", "", "only acts with this `PART` in any of their texts")
	cmd.Flags().Uint64Var(&filter.Before, "before", 0, "only acts with a smaller `NUMBER` (0: all)")
	cmd.Flags().IntVar(&filter.Limit, "limit", 1000, "the newest `N` acts at most")
	CompleteFlag(cmd, "result", acts.AuditResults()...)
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		var err error
		if filter.Since, filter.Until, err = ParsePeriod(since, until, a.Now()); err != nil {
			return err
		}
		if filter.Limit < 0 {
			return Usagef("--limit: %d is negative", filter.Limit)
		}
		records, err := a.Admin.Audit(cmd.Context(), a.Who, filter)
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			if records == nil {
				records = []acts.AuditRecord{} // a list, also when it is empty
			}
			return WriteJSON(cmd.OutOrStdout(), records)
		}
		t := NewTable(cmd.OutOrStdout(), "NUMBER", "TIME", "ACCOUNT", "FACE", "FROM", "ACT", "RESULT", "SUBJECT", "DETAIL")
		for _, r := range records {
			t.Row(fmt.Sprint(r.Seq), Time(r.Time), r.Account, string(r.Face), r.From, r.Act, r.Result, strings.Join(r.Subject, ", "), r.Detail)
		}
		return t.Flush()
	})
	return Remote(cmd)
}

func (a Audit) newVerifyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   "Check that no audit record was changed or removed",
		Example: "  " + a.Program + " audit verify",
		Args:    Args(0, 0),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		check, err := a.Admin.VerifyAudit(cmd.Context(), a.Who)
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			return WriteJSON(cmd.OutOrStdout(), check)
		}
		f := NewFields(cmd.OutOrStdout())
		f.Add("Records", fmt.Sprintf("%d, none changed or removed", check.Records))
		f.Add("Newest hash", check.Head)
		return f.Flush()
	})
	return Remote(cmd)
}
