package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
)

// History is `history` of a link: what was measured of it, by quarter hours.
type History struct {
	Use     string
	Short   string
	Example string
	Args    cobra.PositionalArgs
	Load    func(ctx context.Context, args []string, in acts.ViewHistory) ([]acts.QualityMinute, error)
	Now     func() time.Time
}

// NewCmd makes the command.
func (h History) NewCmd() *cobra.Command {
	var since, until string
	var minutes bool
	cmd := &cobra.Command{
		Use:   h.Use,
		Short: h.Short,
		Long: h.Short + ", a line for each quarter hour. 24 hours are kept.\n" +
			"The bar is the larger of two parts that are used up: of the 10 % that may be lost, and of the 100 ms that a packet may take.\n" +
			"Its bracket closes at the limit. p50 is the median of the minutes, p95 that of the worst one; resent is\n" +
			"the share of TCP segments that were sent again. Gaps are minutes that were not measured, as when there was no link\n" +
			"or the Sensor did not run. A verdict here leaves out the recommendation on the channel's capacity.",
		Example: h.Example,
		Args:    h.Args,
	}
	cmd.Flags().StringVar(&since, "since", "24h", "only what was measured at this `TIME` or later: 10m (ago), or RFC 3339")
	cmd.Flags().StringVar(&until, "until", "", "only what was measured before this `TIME`")
	cmd.Flags().BoolVar(&minutes, "minutes", false, "a line for every minute, which JSON has always")
	for _, flag := range []string{"since", "until"} {
		CompleteFlag(cmd, flag, "15m", "1h", "6h", "24h")
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, args []string) error {
		var in acts.ViewHistory
		var err error
		if in.From, in.To, err = ParsePeriod(since, until, h.Now()); err != nil {
			return err
		}
		all, err := h.Load(cmd.Context(), args, in)
		if err != nil {
			return err
		}
		if *format == FormatJSON {
			if all == nil {
				all = []acts.QualityMinute{} // a list, also when it is empty
			}
			return WriteJSON(cmd.OutOrStdout(), all)
		}
		if len(all) == 0 {
			_, err := fmt.Fprintln(cmd.ErrOrStderr(), "Nothing was measured in this time.")
			return err
		}
		if !minutes {
			all = acts.Steps(all, acts.QuarterHour)
		}
		return writeHistory(cmd.OutOrStdout(), all)
	})
	return Remote(cmd)
}

// writeHistory writes a table that has room in 80 columns.
func writeHistory(w io.Writer, all []acts.QualityMinute) error {
	t := NewTable(w, "TIME", "LOSS", "P50 MS", "P95 MS", "RESENT", "OF THE LIMIT", "VERDICT")
	for _, m := range all {
		p50, p95, resent := "", "", ""
		if m.RoundTripP50 > 0 {
			p50, p95 = fmt.Sprintf("%.1f", 1000*m.RoundTripP50.Seconds()), fmt.Sprintf("%.1f", 1000*m.RoundTripP95.Seconds())
		}
		if m.Segments > 0 {
			resent = fmt.Sprintf("%.1f %%", 100*m.Retransmission())
		}
		bar := m.UsedBar()
		if bar == "" || m.VerdictText() == "" {
			bar = "not measured"
		}
		t.Row(Time(m.Start), m.LossText(), p50, p95, resent, bar, m.VerdictText())
	}
	return t.Flush()
}
