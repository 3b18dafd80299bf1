package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// eventOptions are the filters as typed.
type eventOptions struct {
	filter       acts.EventFilter
	since, until string
}

func (o *eventOptions) flags(cmd *cobra.Command) {
	kinds := acts.EventKinds()
	cmd.Flags().StringVar(&o.filter.Host, "host", "", "only the host with this `NAME`, or this agent id")
	cmd.Flags().StringVar(&o.filter.Kind, "kind", "", "only events of this `KIND`: "+strings.Join(kinds, ", "))
	cmd.Flags().StringVar(&o.filter.Text, "text", "", "only events with this `PART` in executable or arguments")
	cli.CompleteFlag(cmd, "kind", kinds...)
}

func (o *eventOptions) timeFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.since, "since", "", "only events received at this `TIME` or later: 10m (ago), or RFC 3339")
	cmd.Flags().StringVar(&o.until, "until", "", "only events received before this `TIME`")
	cmd.Flags().IntVar(&o.filter.Limit, "limit", 1000, "the newest `N` events at most")
}

// parse completes the filter.
func (o *eventOptions) parse(now time.Time) error {
	if o.filter.Kind != "" && !slices.Contains(acts.EventKinds(), o.filter.Kind) {
		return cli.Usagef("--kind: %q is not a kind of event; the kinds are %s", o.filter.Kind, joined(acts.EventKinds()))
	}
	if o.filter.Limit < 0 {
		return cli.Usagef("--limit: %d is negative", o.filter.Limit)
	}
	var err error
	o.filter.Since, o.filter.Until, err = cli.ParsePeriod(o.since, o.until, now)
	return err
}

func (c commands) newEventListCmd() *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, the oldest first",
		Example: "  centralnode event list --since 10m\n" +
			"  centralnode event list --host web --kind process-start --text curl --output json",
		Args: cli.Args(0, 0),
	}
	o.flags(cmd)
	o.timeFlags(cmd)
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON, cli.FormatJSONL)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		if err := o.parse(c.now()); err != nil {
			return err
		}
		w := newEventWriter(cmd.OutOrStdout(), *format)
		err := c.admin.Events(cmd.Context(), c.who, o.filter, w.write)
		return errors.Join(w.finish(), err)
	})
	return cli.Remote(cmd)
}

func (c commands) newEventWatchCmd() *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show events as they come in, until interrupted",
		Example: "  centralnode event watch\n" +
			"  centralnode event watch --since 5m\n" +
			"  centralnode event watch --kind process-start --output jsonl",
		Args: cli.Args(0, 0),
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.since, "since", "", "begin with the events received at this `TIME` or later: 10m (ago), or RFC 3339 (default: now)")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSONL)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		if err := o.parse(c.now()); err != nil {
			return err
		}
		w := newEventLines(cmd.OutOrStdout(), *format)
		err := cli.Live(cmd.Context(), c.draining, func(ctx context.Context) error {
			return c.admin.WatchEvents(ctx, c.who, o.filter, w.write)
		})
		if w.err != nil {
			return w.err
		}
		return err
	})
	return cli.Remote(cmd)
}

// eventWriter writes a list of events.
type eventWriter interface {
	write(acts.Event) bool // false: stop
	finish() error
}

func newEventWriter(w io.Writer, format cli.Format) eventWriter {
	switch format {
	case cli.FormatJSON:
		return &eventArray{events: []acts.Event{}, w: w}
	case cli.FormatJSONL:
		return newEventLines(w, format)
	}
	return &eventTable{cli.NewTable(w, eventHeader()...)}
}

type eventArray struct {
	events []acts.Event
	w      io.Writer
}

func (a *eventArray) write(e acts.Event) bool {
	a.events = append(a.events, e)
	return true
}

func (a *eventArray) finish() error { return cli.WriteJSON(a.w, a.events) }

type eventTable struct{ table *cli.Table }

func (t *eventTable) write(e acts.Event) bool {
	t.table.Row(eventCells(e)...)
	return true
}

func (t *eventTable) finish() error { return t.table.Flush() }

// eventLines writes each event at once.
type eventLines struct {
	w      io.Writer
	format cli.Format
	err    error // of the first write that failed
}

func newEventLines(w io.Writer, format cli.Format) *eventLines {
	return &eventLines{w: w, format: format}
}

func (l *eventLines) write(e acts.Event) bool {
	if l.format == cli.FormatJSONL {
		l.err = cli.WriteJSONL(l.w, e)
	} else {
		_, l.err = fmt.Fprintln(l.w, cli.Cells("  ", eventCells(e)...))
	}
	return l.err == nil
}

func (l *eventLines) finish() error { return l.err }

func eventHeader() []string {
	return []string{"TIME", "HOST", "WAY", "KIND", "PID", "USER", "WHAT"}
}

func eventCells(e acts.Event) []string {
	var pid string
	if p := e.Process; p != nil {
		pid = fmt.Sprint(p.PID)
	}
	what := e.What()
	if n := e.Vedette.Skipped; n > 0 {
		what = fmt.Sprintf("[%d packages were skipped before this event] %s", n, what)
	}
	return []string{cli.Time(e.Time), e.Host.Name, way(e.Vedette.Way, e.Vedette.Sensor), e.Event.Action, pid, e.Who(), what}
}
