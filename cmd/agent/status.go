package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vedette/agent"
	"vedette/cmd/internal/cli"
	"vedette/internal/settings"
)

func newStatusCmd(file *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show how the agent stands: connection, pin, queue, what was dropped",
		Long:    "Show how the agent stands. Exit code 0: it runs; 5: it does not.",
		Example: "  agent status\n  agent status --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		c, err := load(*file, cmd.Flags())
		if err != nil {
			return err
		}
		s, running, err := agent.ReadStatus(c)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !running:
			return &cli.Error{Exit: cli.ExitCannotConnect, Text: "the agent does not run and never ran with the state folder " + c.StateDir, Hint: "start it: agent run"}
		case errors.Is(err, fs.ErrPermission):
			return &cli.Error{Exit: cli.ExitNotAllowed, Text: err.Error(), Hint: "run this as the account that runs the agent"}
		case err != nil:
			return err
		}
		if *format == cli.FormatJSON {
			err = cli.WriteJSON(cmd.OutOrStdout(), struct {
				Running bool `json:"running"`
				agent.Status
			}{running, s})
		} else {
			err = showStatus(cmd.OutOrStdout(), s, running)
		}
		if err == nil && !running {
			err = &cli.Error{Exit: cli.ExitCannotConnect, Text: "the agent does not run; this is how it stood last", Hint: "start it: agent run"}
		}
		return err
	})
	return cmd
}

func showStatus(w io.Writer, s agent.Status, running bool) error {
	f := cli.NewFields(w)
	state := "not running"
	if running {
		state = fmt.Sprintf("running, process %d, since %s", s.PID, cli.Time(s.Started))
	}
	f.Add("Agent", state, "version "+s.Agent, "agent id "+s.AgentID)
	f.Add("Connection", s.Connection.Text+" ("+s.Connection.Code+"), since "+cli.Time(s.Connection.Since))
	if s.Connection.Next != "" {
		f.Add("Next step", s.Connection.Next)
	}
	if s.SettingsFault != "" {
		f.Add("Settings", append([]string{"those in the files have faults, those before stay in force:"}, strings.Split(s.SettingsFault, "\n")...)...)
	}
	f.Add("Last contact", cli.Time(s.Connection.LastContact))
	pin := "none"
	switch {
	case s.Enabled && !s.Pinned:
		pin = "OFF: whoever answers is taken for the server"
	case len(s.Pins) > 0:
		pin = s.Pins[0].String()
	}
	f.Add("Pinned certificate", pin)
	if len(s.Pins) > 1 {
		f.Add("Announced next", s.Pins[1].String())
	}
	client := "none"
	if s.ClientCert != nil {
		client = s.ClientCert.String()
	}
	f.Add("Client certificate", client)
	f.Add("Under policy", cli.YesNo(s.UnderPolicy))
	if s.Collector != "" {
		f.Add("Collector", s.Collector, s.Limits)
	}
	q := fmt.Sprintf("%d packages, %s of %s", s.Queue.Packages, settings.Size(s.Queue.Bytes), settings.Size(s.Queue.MaxBytes))
	if s.Queue.Unsaved > 0 {
		q += fmt.Sprintf(", %d of them in memory only", s.Queue.Unsaved)
	}
	f.Add("Queue", q)
	if s.Queue.Fault != "" {
		f.Add("Queue's disk", s.Queue.Fault)
	}
	f.Add("Sent", fmt.Sprintf("%d packages since the settings were read", s.Connection.Sent))
	dropped := []string{"none"}
	if len(s.Dropped) > 0 {
		dropped = nil
		for _, reason := range slices.Sorted(maps.Keys(s.Dropped)) {
			dropped = append(dropped, fmt.Sprintf("%d: %s", s.Dropped[reason], reason))
		}
	}
	f.Add("Dropped events", dropped...)
	f.Add("Suppressed repeated starts", fmt.Sprint(s.Suppressed))
	f.Add("Own cost", fmt.Sprintf("%.2f %% of a core, %d MiB", s.Cost.CPUPercent, s.Cost.RSSBytes>>20))
	if len(s.Warnings) > 0 {
		f.Add("Warnings", s.Warnings...)
	}
	return f.Flush()
}
