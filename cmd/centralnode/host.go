package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newHostListCmd() *cobra.Command {
	var filter acts.HostFilter
	var activity, sort string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List hosts with an Endpoint Agent",
		Example: "  centralnode host list\n" +
			"  centralnode host list --host web --output json\n" +
			"  centralnode host list --activity critical --sort -last-contact --limit 20",
		Args: cli.Args(0, 0),
	}
	sorts := words(acts.HostSorts())
	flags := cmd.Flags()
	flags.StringVar(&filter.Text, "host", "", "only hosts with this `PART` in name, address or agent id")
	flags.StringVar(&filter.Name, "name", "", "only hosts with this `PART` in the name")
	flags.StringVar(&filter.Address, "address", "", "only hosts with this `PART` in an address")
	flags.StringVar(&filter.OS, "os", "", "only hosts with this `PART` in the operating system's name or version")
	flags.StringVar(&filter.Version, "agent-version", "", "only hosts with this `PART` in the agent's version")
	flags.StringVar(&activity, "activity", "", "only hosts of this `ACTIVITY`: normal, warning or critical")
	flags.StringVar(&filter.Way, "way", "", "only hosts that came by this `WAY` last: direct, or a Sensor's id")
	flags.StringVar(&sort, "sort", "", "sort by this `COLUMN`, with a minus before it the other way round: "+joined(sorts))
	flags.IntVar(&filter.Offset, "offset", 0, "pass over the first `N` hosts")
	flags.IntVar(&filter.Limit, "limit", 0, "at most `N` hosts (default: all)")
	cli.CompleteFlag(cmd, "activity", "normal", "warning", "critical")
	cli.CompleteFlag(cmd, "sort", sorts...)
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		var err error
		if activity != "" {
			if filter.Activity, err = acts.ParseActivity(activity); err != nil {
				return cli.Usagef("--activity: %v", err)
			}
		}
		if filter.Sort = acts.HostSort(sort); sort != "" && !slices.Contains(sorts, strings.TrimPrefix(sort, "-")) {
			return cli.Usagef("--sort: hosts cannot be sorted by %q; they can by %s", sort, joined(sorts))
		}
		if filter.Offset < 0 || filter.Limit < 0 {
			return cli.Usagef("--offset and --limit cannot be negative")
		}
		list, err := c.admin.Hosts(cmd.Context(), c.who, filter)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			if list.Hosts == nil {
				list.Hosts = []acts.Host{} // a list, also when it is empty
			}
			return cli.WriteJSON(cmd.OutOrStdout(), list.Hosts)
		}
		t := cli.NewTable(cmd.OutOrStdout(), "NAME", "ADDRESSES", "OS", "AGENT", "WAY", "REMOTE", "CONNECTED", "ACTIVITY", "FIRST CONTACT", "LAST CONTACT", "CERTIFICATE", "NOTES")
		for _, h := range list.Hosts {
			certificate := ""
			if !h.Certificate.IsZero() {
				certificate = h.Certificate.String()
			}
			t.Row(h.Name, joined(h.Addresses), h.OS(), h.AgentVersion, way(h.Way, h.Sensor), h.Remote,
				cli.YesNo(h.Connected), string(h.Activity), cli.Time(h.FirstContact), cli.Time(h.LastContact), certificate, joinedNotes(h))
		}
		return t.Flush()
	})
	return cli.Remote(cmd)
}

func (c commands) newHostShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show AGENT-ID",
		Short:   "Show one host",
		Example: "  centralnode host show 0123456789abcdef0123456789abcdef",
		Args:    cli.Args(1, 1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		h, err := c.admin.Host(cmd.Context(), c.who, args[0])
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), h)
		}
		f := cli.NewFields(cmd.OutOrStdout())
		f.Add("Name", h.Name)
		f.Add("Agent id", h.AgentID)
		f.Add("Addresses", h.Addresses...)
		f.Add("Operating system", h.OS())
		f.Add("Agent", h.AgentVersion)
		f.Add("Collector", h.Collector)
		f.Add("Way", way(h.Way, h.Sensor))
		f.Add("Connects from", h.Remote)
		f.Add("Connected", cli.YesNo(h.Connected))
		if !h.Certificate.IsZero() {
			f.Add("Certificate", h.Certificate.String())
		}
		f.Add("Activity", string(h.Activity))
		f.Add("First contact", cli.Time(h.FirstContact))
		f.Add("Last contact", cli.Time(h.LastContact))
		if h.ClockSkew != 0 {
			f.Add("Clock ahead of ours by", h.ClockSkew.Round(time.Second).String())
		}
		f.Add("Suppressed", fmt.Sprint(h.Suppressed))
		f.Add("Notes", hostNotes(h)...)
		return f.Flush()
	})
	return cli.Remote(cmd)
}

// hostNotes says what a person should know about a host.
func hostNotes(h acts.Host) []string {
	var notes []string
	if h.Conflict != "" {
		notes = append(notes, h.Conflict)
	}
	for _, why := range slices.Sorted(maps.Keys(h.Dropped)) {
		if n := h.Dropped[why]; n > 0 {
			notes = append(notes, fmt.Sprintf("%d events dropped: %s", n, why))
		}
	}
	return notes
}

func joinedNotes(h acts.Host) string { return strings.Join(hostNotes(h), "; ") }

func joined(parts []string) string { return strings.Join(parts, ", ") }

// words are named words as plain ones.
func words[T ~string](named []T) []string {
	out := make([]string, len(named))
	for i, w := range named {
		out[i] = string(w)
	}
	return out
}
