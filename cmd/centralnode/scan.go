package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newScanShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the state of scanning and of its engines",
		Example: "  centralnode scan show\n  centralnode scan show --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.admin.ScanStatus(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), s)
		}
		return writeScanStatus(cmd.OutOrStdout(), s)
	})
	return cli.Remote(cmd)
}

func writeScanStatus(w io.Writer, s acts.ScanStatus) error {
	f := cli.NewFields(w)
	f.Add("Degraded", some(s.Reason)...)
	f.Add("Kept aside", some(s.Aside)...)
	f.Add("Objects", fmt.Sprintf("%d wait, %d are scanned, %d are arriving", s.Waiting, s.Running, s.Uploading))
	f.Add("Oldest without a verdict", some(cli.Time(s.Oldest))...)
	f.Add("Verdicts kept", fmt.Sprint(s.Kept))
	f.Add("Verdicts since the start", verdicts(s.Verdicts))
	f.Add("Spool", bytesOf(s.SpoolBytes)+" of "+bytesOf(s.SpoolQuota))
	f.Add("Largest object", bytesOf(s.MaxObjectSize))
	f.Add("Workers", fmt.Sprint(s.Workers))
	priority := cli.OnOff(s.MaximumScanPriority)
	if s.Behind > 0 {
		priority += fmt.Sprintf("; %d objects wait behind those that go first", s.Behind)
	}
	f.Add("Maximum scan priority", priority)
	if err := f.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := cli.NewTable(w, "ENGINE", "TECHNOLOGY", "VERSION", "RULE SET", "RULES", "TROUBLE")
	for _, e := range s.Engines {
		rules := ""
		if e.Rules > 0 {
			rules = fmt.Sprint(e.Rules)
		}
		t.Row(e.Name, e.Technology, e.Version, e.RuleSet, rules, e.Trouble)
	}
	if err := t.Flush(); err != nil || len(s.Failures) == 0 {
		return err
	}
	fmt.Fprintln(w, "\nThe last verdicts without an answer:")
	t = cli.NewTable(w, "TIME", "SYSTEM", "INSTANCE", "SCAN ID", "VERDICT", "SHA-256", "REASON")
	for _, v := range s.Failures {
		t.Row(cli.Time(v.At), v.System, v.Instance, v.ScanID, v.State, v.SHA256, v.Reason)
	}
	return t.Flush()
}

func bytesOf(n int64) string { return acts.ByteSize(uint64(max(0, n))) }

// verdicts counts verdicts by state.
func verdicts(by map[string]uint64) string {
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[state], state))
	}
	return strings.Join(parts, ", ")
}

// scanState is scanning in the lines of the status.
func scanState(s acts.ScanStatus) []string {
	lines := []string{fmt.Sprintf("%d objects wait, %d are scanned, %d are arriving; spool %s of %s", s.Waiting, s.Running, s.Uploading, bytesOf(s.SpoolBytes), bytesOf(s.SpoolQuota))}
	if v := verdicts(s.Verdicts); v != "" {
		lines = append(lines, "verdicts since the start: "+v)
	}
	names := make([]string, len(s.Engines))
	for i, e := range s.Engines {
		names[i] = e.Name
	}
	lines = append(lines, "engines: "+joined(names))
	if s.Degraded {
		lines = append(lines, "degraded: "+s.Reason)
	}
	return lines
}
