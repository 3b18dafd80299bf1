package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newHostListCmd() *cobra.Command {
	var filter acts.HostFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List hosts with an Endpoint Agent",
		Example: "  centralnode host list\n  centralnode host list --host web --output json",
		Args:    cli.Args(0, 0),
	}
	cmd.Flags().StringVar(&filter.Host, "host", "", "only hosts with this `PART` in name, address or agent id")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		hosts, err := c.admin.Hosts(cmd.Context(), c.who, filter)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			if hosts == nil {
				hosts = []acts.Host{} // a list, also when it is empty
			}
			return cli.WriteJSON(cmd.OutOrStdout(), hosts)
		}
		t := cli.NewTable(cmd.OutOrStdout(), "NAME", "ADDRESSES", "OS", "AGENT", "WAY", "REMOTE", "CONNECTED", "FIRST CONTACT", "LAST CONTACT", "CERTIFICATE", "NOTES")
		for _, h := range hosts {
			certificate := ""
			if !h.Certificate.IsZero() {
				certificate = h.Certificate.String()
			}
			t.Row(h.Name, joined(h.Addresses), strings.TrimSpace(h.OSName+" "+h.OSVersion), h.AgentVersion, way(h.Way, h.Sensor), h.Remote,
				cli.YesNo(h.Connected), cli.Time(h.FirstContact), cli.Time(h.LastContact), certificate, hostNotes(h))
		}
		return t.Flush()
	})
	return cli.Remote(cmd)
}

// hostNotes says what a person should know about a host.
func hostNotes(h acts.Host) string {
	var notes []string
	if h.Conflict != "" {
		notes = append(notes, h.Conflict)
	}
	for _, why := range slices.Sorted(maps.Keys(h.Dropped)) {
		if n := h.Dropped[why]; n > 0 {
			notes = append(notes, fmt.Sprintf("%d events dropped: %s", n, why))
		}
	}
	return strings.Join(notes, "; ")
}

func joined(parts []string) string { return strings.Join(parts, ", ") }
