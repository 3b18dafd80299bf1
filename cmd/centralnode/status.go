package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

func (c commands) newStatusCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show the state of the Central Node",
		Example: "  centralnode status\n  centralnode status --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		s, err := c.admin.Status(cmd.Context(), c.who)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), s)
		}
		f := cli.NewFields(cmd.OutOrStdout())
		f.Add("Version", s.Version)
		f.Add("Started", cli.Time(s.Started))
		f.Add("Agents connect to", s.Address)
		cli.AddSSHDoor(f, s.SSH)
		f.Add("Web interface", webInterface(s.Web))
		f.Add("Server certificate", s.Certificate.Fingerprint.String(), "expires "+cli.Time(s.Certificate.NotAfter))
		f.Add("Validate Endpoint Agent TLS certificates", cli.OnOff(s.Validation))
		f.Add("Hosts", fmt.Sprint(s.Agents.Hosts))
		f.Add("Connections", fmt.Sprintf("%d, and %d not yet let in", s.Agents.Connections, s.Agents.Strangers))
		f.Add("Sensor servers", fmt.Sprintf("%d accepted (%d connected), %d pending, %d rejected", s.Sensors.Accepted, s.Sensors.Connected, s.Sensors.Pending, s.Sensors.Rejected))
		f.Add("External systems", fmt.Sprintf("%d accepted, %d pending, %d rejected", s.Systems.Accepted, s.Systems.Pending, s.Systems.Rejected))
		f.Add("Scanning", scanState(s.Scan)...)
		f.Add("Alerts", fmt.Sprintf("%d new, %d in process, %d closed", s.Alerts.New, s.Alerts.InProcess, s.Alerts.Closed))
		f.Add("Events", eventState(s.Events)...)
		f.Add("State", fmt.Sprintf("store %s, revision %d", s.StoreID, s.Revision))
		f.Add("Problems", s.Problems...)
		return f.Flush()
	})
	return cli.Remote(cmd)
}

func eventState(e acts.EventState) []string {
	lines := []string{
		fmt.Sprintf("%d packages, %d bytes, in %s", e.Packages, e.Bytes, e.Store),
	}
	if !e.Oldest.IsZero() {
		lines = append(lines, "oldest "+cli.Time(e.Oldest))
	}
	if e.Refused > 0 {
		lines = append(lines, fmt.Sprintf("%d packages were answered \"try again\" since the start", e.Refused))
	}
	if e.Degraded {
		lines = append(lines, "degraded: "+e.Reason)
	}
	return lines
}

// webInterface says where the web interface is.
func webInterface(address string) string {
	if address == "" {
		return "none (web_listen)"
	}
	return "https at " + address
}
