package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// alertOptions are the filters as typed.
type alertOptions struct {
	filter              acts.AlertFilter
	state, since, until string
	sort                string
}

func (o *alertOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.state, "state", "", "only alerts in this `STATE`: "+joined(alertStates()))
	cmd.Flags().StringVar(&o.filter.Importance, "importance", "", "only alerts of this `IMPORTANCE`: high, medium, low")
	cmd.Flags().StringVar(&o.filter.Technology, "technology", "", "only alerts of this `TECHNOLOGY`: am, yara")
	cmd.Flags().StringVar(&o.filter.System, "system", "", "only alerts about objects of the external system with this `ID`")
	cmd.Flags().StringVar(&o.filter.Text, "text", "", "only alerts with this `PART` in object name, hash or detection")
	cmd.Flags().StringVar(&o.since, "since", "", "only alerts made at this `TIME` or later: 10m (ago), or RFC 3339")
	cmd.Flags().StringVar(&o.until, "until", "", "only alerts made at this `TIME` or before")
	cmd.Flags().StringVar(&o.sort, "sort", "-id", "`ORDER` of the list, descending with a minus before it: "+joined(alertSorts()))
	cmd.Flags().IntVar(&o.filter.Offset, "offset", 0, "pass over `N` alerts")
	cmd.Flags().IntVar(&o.filter.Limit, "limit", 1000, "`N` alerts at most")
	cli.CompleteFlag(cmd, "state", alertStates()...)
	cli.CompleteFlag(cmd, "importance", "high", "medium", "low")
	cli.CompleteFlag(cmd, "technology", "am", "yara")
	cli.CompleteFlag(cmd, "sort", alertSorts()...)
}

// alertSorts are the orders of a list, each upwards and downwards.
func alertSorts() (out []string) {
	for _, by := range acts.AlertSorts() {
		out = append(out, string(by), "-"+string(by))
	}
	return out
}

func alertStates() []string { return []string{"new", "in-process", "closed"} }

// parse completes the filter.
func (o *alertOptions) parse(now time.Time) error {
	if o.filter.Limit < 1 {
		return cli.Usagef("--limit: %d is less than 1", o.filter.Limit)
	}
	if o.filter.Offset < 0 {
		return cli.Usagef("--offset: %d is negative", o.filter.Offset)
	}
	if !slices.Contains(alertSorts(), o.sort) {
		return cli.Usagef("--sort: %q is not known; the orders are %s", o.sort, joined(alertSorts()))
	}
	o.filter.Sort = acts.AlertSort(o.sort)
	var err error
	if o.state != "" {
		if o.filter.State, err = acts.ParseAlertState(o.state); err != nil {
			return cli.Usagef("--state: %v", err)
		}
	}
	o.filter.Since, o.filter.Until, err = cli.ParsePeriod(o.since, o.until, now)
	return err
}

func (c commands) newAlertListCmd() *cobra.Command {
	var o alertOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List alerts",
		Example: "  centralnode alert list --state new\n" +
			"  centralnode alert list --system mail1 --importance high --since 24h --output json",
		Args: cli.Args(0, 0),
	}
	o.flags(cmd)
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		if err := o.parse(c.now()); err != nil {
			return err
		}
		list, err := c.admin.Alerts(cmd.Context(), c.who, o.filter)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), list)
		}
		t := cli.NewTable(cmd.OutOrStdout(), "ID", "CREATED", "IMPORTANCE", "STATE", "TECHNOLOGY", "DETECTION", "OBJECT", "SYSTEM")
		for _, a := range list.Alerts {
			t.Row(fmt.Sprint(a.ID), cli.Time(a.Created), a.Importance, string(a.State), a.Technology, cell(joined(a.Detections)), cell(a.ObjectName), a.System)
		}
		return t.Flush()
	})
	return cli.Remote(cmd)
}

// cell bounds what strangers choose, so that it pushes nothing else out of sight.
// The whole of it is in show, and in JSON.
func cell(text string) string { return foreign.Bounded(foreign.Line(text), 60) }

func (c commands) newAlertShowCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show one alert",
		Example: "  centralnode alert show 12\n  centralnode alert show 12 --output json",
		Args:    cli.Args(1, 1),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		id, err := alertID(args[0])
		if err != nil {
			return err
		}
		a, err := c.admin.Alert(cmd.Context(), c.who, id)
		if err != nil {
			return err
		}
		return writeAlert(cmd.OutOrStdout(), *format, a)
	})
	return cli.Remote(cmd)
}

func alertID(arg string) (int64, error) {
	id, err := strconv.ParseInt(arg, 10, 64)
	if err != nil || id < 1 {
		return 0, cli.Usagef("%q is not the number of an alert", arg)
	}
	return id, nil
}

func writeAlert(w io.Writer, format cli.Format, a acts.Alert) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(w, a)
	}
	f := cli.NewFields(w)
	f.Add("ID", fmt.Sprint(a.ID))
	state := []string{string(a.State)}
	if a.StateBy != "" {
		state = append(state, "since "+cli.Time(a.StateAt)+", by "+a.StateBy)
	}
	f.Add("State", state...)
	f.Add("Importance", a.Importance)
	f.Add("Detections", a.Detections...)
	f.Add("Technology", a.Technology)
	engine := a.Engine
	if a.RuleSet != "" {
		engine += ", rule set " + a.RuleSet
	}
	f.Add("Engine", engine)
	f.Add("Object", a.ObjectName)
	f.Add("Object type", some(a.ObjectType)...)
	f.Add("Object size", fmt.Sprintf("%d bytes", a.ObjectSize))
	f.Add("MD5", a.MD5)
	f.Add("SHA-256", a.SHA256)
	f.Add("Source", a.Source)
	f.Add("System", some(a.System, a.SystemName, a.Fingerprint.String())...)
	f.Add("Instance", some(a.Instance)...)
	f.Add("Scan ID", some(a.ScanID)...)
	f.Add("Came from", a.Remote)
	f.Add("Submitted", cli.Time(a.Submitted))
	f.Add("Created", cli.Time(a.Created))
	return f.Flush()
}

func (c commands) newAlertStateCmd() *cobra.Command {
	var in acts.SetAlertState
	cmd := &cobra.Command{
		Use:     "state ID new|in-process|closed",
		Short:   "Say what is done about an alert",
		Example: "  centralnode alert state 12 in-process\n  centralnode alert state 12 closed",
		Args:    cli.Args(2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return alertStates(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	cmd.Flags().Uint64Var(&in.Revision, "revision", 0, "refuse when the alert is no longer the one of this list (0: no check)")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		var err error
		if in.ID, err = alertID(args[0]); err != nil {
			return err
		}
		if in.State, err = acts.ParseAlertState(args[1]); err != nil {
			return cli.Usagef("%v", err)
		}
		a, err := c.admin.SetAlertState(cmd.Context(), c.who, in)
		if err != nil {
			return err
		}
		if *format == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), a)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "alert %d is %s\n", a.ID, a.State)
		return err
	})
	return cli.Remote(cmd)
}
