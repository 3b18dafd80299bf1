package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vedette/internal/acts"
)

const titleLinkHistory = "Link history"

// linkHistoryLoad gives the minutes of a time, the oldest first.
type linkHistoryLoad func(context.Context, acts.Actor, acts.ViewHistory) ([]acts.QualityMinute, error)

// linkHistoryWindow is what was measured of a link: a row for each quarter
// hour, the newest first, from which its minutes open.
type linkHistoryWindow struct {
	menu    *menuSession
	minutes []acts.QualityMinute
}

// linkHistory opens the last 24 hours of a link; about is above it.
func (s *menuSession) linkHistory(about string, load linkHistoryLoad) {
	h := &linkHistoryWindow{menu: s}
	t := newHistoryTable()
	t.empty = "Nothing was measured yet: the first minute is here when it is over."
	w := &window{title: titleLinkHistory, part: t, text: text{lines: []line{words("Loading ...")}}}
	t.open = func(r tableRow) { h.quarter(r.key) }
	w.live = watch(eachMinute(func(ctx context.Context) ([]acts.QualityMinute, error) {
		return load(ctx, s.who, acts.ViewHistory{})
	}, s.config.Now), func(minutes []acts.QualityMinute) {
		h.minutes = minutes
		w.text.set([]line{words(about + " by quarter hours, the newest first. The bracket of the bar closes at the limit of loss or of delay, whichever is nearer.")})
		t.set(historyRows(acts.Steps(minutes, acts.QuarterHour)))
	})
	w.buttons = []button{{wordClose, func() { s.close(w) }}}
	s.open(w)
}

// eachMinute loads anew only when another minute has begun: before that there is
// nothing new.
func eachMinute(load func(context.Context) ([]acts.QualityMinute, error), now func() time.Time) func(context.Context) ([]acts.QualityMinute, error) {
	var at time.Time
	var minutes []acts.QualityMinute
	return func(ctx context.Context) ([]acts.QualityMinute, error) {
		begun := now().Truncate(time.Minute)
		if begun.Equal(at) {
			return minutes, nil
		}
		loaded, err := load(ctx)
		if err == nil {
			at, minutes = begun, loaded
		}
		return loaded, err
	}
}

// quarter shows the minutes of a quarter hour as they are now.
func (h *linkHistoryWindow) quarter(key string) {
	begin, err := time.Parse(time.RFC3339, key)
	if err != nil {
		h.menu.refused(err, nil)
		return
	}
	minutes := slices.DeleteFunc(slices.Clone(h.minutes), func(m acts.QualityMinute) bool {
		return m.Start.Before(begin) || !m.Start.Before(begin.Add(acts.QuarterHour))
	})
	t := newHistoryTable()
	t.set(historyRows(minutes))
	w := &window{title: "Quarter hour", part: t}
	if all := acts.Steps(minutes, acts.QuarterHour); len(all) == 1 {
		w.text.set(quarterLines(all[0]))
	}
	w.buttons = []button{{wordClose, func() { h.menu.close(w) }}}
	h.menu.open(w)
}

// quarterLines is what stands above the minutes of a quarter hour.
func quarterLines(m acts.QualityMinute) []line {
	lines := []line{value("From", moment(m.Start)+" for 15 min")}
	if m.Sent > 0 {
		lines = append(lines,
			value("Packet loss", fmt.Sprintf("%.1f %% to and %.1f %% from the Central Node, of %s", 100*m.LossTo(), 100*m.LossFrom(), counted(int(m.Sent), "packet"))),
			value("Round trip", fmt.Sprintf("p99 %s, jitter %s", orDash(acts.DelayText(m.RoundTripP99)), orDash(acts.DelayText(m.Jitter)))))
	}
	if m.Segments > 0 {
		lines = append(lines, value("Retransmitted", fmt.Sprintf("%.1f %%, delivery rate %s", 100*m.Retransmission(), acts.BitRate(m.DeliveryRate))))
	}
	incoming := acts.BitRate(m.IngressRate)
	if m.Held > 0 {
		incoming += fmt.Sprintf(", held back for %.1f s", m.Held.Seconds())
	}
	lines = append(lines, value("Incoming", incoming))
	if m.SpanRate > 0 {
		lines = append(lines, value("SPAN traffic", acts.BitRate(m.SpanRate)))
	}
	return lines
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func newHistoryTable() *table {
	return &table{columns: []column{
		{title: "Time (UTC)", width: 16}, {title: "Loss", width: 7}, {title: "p50", width: 9}, {title: "p95", width: 9}, {title: "Of the limit", width: 15}, {title: "Verdict"},
	}}
}

// historyRows are minutes or quarter hours, the newest first.
func historyRows(all []acts.QualityMinute) []tableRow {
	rows := make([]tableRow, 0, len(all))
	for _, m := range slices.Backward(all) {
		bar := m.UsedBar()
		if bar == "" || m.VerdictText() == "" {
			bar = "not measured"
		}
		rows = append(rows, tableRow{key: m.Start.UTC().Format(time.RFC3339), ink: verdictInk(m.Verdict), cells: []string{
			m.Start.UTC().Format("2006-01-02 15:04"), orDash(m.LossText()), orDash(acts.DelayText(m.RoundTripP50)), orDash(acts.DelayText(m.RoundTripP95)), bar, orDash(m.VerdictText()),
		}})
	}
	return rows
}
