package adminmenu

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"vedette/internal/acts"
)

const titleAudit = "Audit"

// auditPage is how many records one window shows.
const auditPage = 500

// auditWindow is one page of the audit records. The first one is live; older
// ones lie over it, and Esc goes back to the newer.
type auditWindow struct {
	menu    *menuSession
	backend Review
	window  *window
	table   *table
	records []acts.AuditRecord // newest first
}

// auditLog is Audit: what was done, by whom, and what came of it.
func (s *menuSession) auditLog(b Review) {
	m := s.newAuditWindow(b)
	m.window.live = watch(func(ctx context.Context) ([]acts.AuditRecord, error) {
		return newestFirst(b.Audit(ctx, s.who, acts.AuditFilter{Limit: auditPage}))
	}, m.show)
	s.open(m.window)
}

func (s *menuSession) newAuditWindow(b Review) *auditWindow {
	m := &auditWindow{menu: s, backend: b}
	m.table = &table{
		columns: []column{{title: "Time (UTC)", width: 19}, {title: "Account", width: 12}, {title: "Face", width: 11}, {title: "Act", wrap: true}, {title: "Result", width: 7}},
		match:   func(r tableRow, filter string) bool { return m.matches(r.key, filter) },
		open: func(r tableRow) {
			if record, ok := m.record(r.key); ok {
				s.show("Audit record", auditLines(record))
			}
		},
	}
	m.window = &window{title: titleAudit, part: m.table, text: text{lines: []line{words("Loading ...")}}}
	m.window.buttons = []button{{wordClose, func() { s.close(m.window) }}}
	return m
}

// newestFirst turns what a daemon answers around, where the oldest comes first.
func newestFirst(records []acts.AuditRecord, err error) ([]acts.AuditRecord, error) {
	records = slices.Clone(records)
	slices.Reverse(records)
	return records, err
}

// show shows a page.
func (m *auditWindow) show(records []acts.AuditRecord) {
	m.records, m.table.empty = records, "There are no audit records."
	rows := make([]tableRow, 0, len(records))
	for _, r := range records {
		row := tableRow{key: auditKey(r), cells: []string{r.Time.UTC().Format(time.DateTime), r.Account, string(r.Face), r.Act, r.Result}}
		switch r.Result {
		case "refused":
			row.ink = warning
		case "failed":
			row.ink = bad
		}
		rows = append(rows, row)
	}
	m.table.set(rows)
	m.window.text.set([]line{words(pageText(records))})
	if n := len(records); n > 0 && records[n-1].Seq > 1 && len(m.window.buttons) == 1 {
		m.window.buttons = append(m.window.buttons, button{"Older", m.older})
	}
}

// pageText says which records a page has.
func pageText(records []acts.AuditRecord) string {
	if len(records) == 0 {
		return ""
	}
	newest, oldest := records[0].Seq, records[len(records)-1].Seq
	if oldest == 1 {
		return fmt.Sprintf("Records %d to 1, the newest first.", newest)
	}
	return fmt.Sprintf("Records %d to %d, the newest first. A filter looks at these; [Older] shows the ones before.", newest, oldest)
}

func auditKey(r acts.AuditRecord) string { return strconv.FormatUint(r.Seq, 10) }

func (m *auditWindow) record(key string) (acts.AuditRecord, bool) {
	i := slices.IndexFunc(m.records, func(r acts.AuditRecord) bool { return auditKey(r) == key })
	if i < 0 {
		return acts.AuditRecord{}, false
	}
	return m.records[i], true
}

// matches looks for the text of a filter in everything that a record says.
func (m *auditWindow) matches(key, filter string) bool {
	r, ok := m.record(key)
	if !ok {
		return false
	}
	all := append([]string{r.Time.UTC().Format(time.DateTime), r.Account, string(r.Role), string(r.Face), r.From, r.Act, r.Result, r.Detail, r.Hash}, r.Subject...)
	want := squeeze(filter)
	return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(squeeze(s), want) })
}

// older opens the page before this one, under the same filter.
func (m *auditWindow) older() {
	s := m.menu
	oldest := m.records[len(m.records)-1]
	fetch(s, titleAudit, func(ctx context.Context) ([]acts.AuditRecord, error) {
		return m.before(ctx, oldest)
	}, func(records []acts.AuditRecord) {
		next := s.newAuditWindow(m.backend)
		next.table.filter.insert(m.table.filter.String())
		next.show(records)
		s.open(next.window)
	})
}

// before reads the page of records before one. Records are asked for by time,
// and told apart by number: where a clock was set back, or stood, the times are
// no order, and everything down to the page is read.
func (m *auditWindow) before(ctx context.Context, oldest acts.AuditRecord) ([]acts.AuditRecord, error) {
	read := func(f acts.AuditFilter) ([]acts.AuditRecord, error) {
		records, err := newestFirst(m.backend.Audit(ctx, m.menu.who, f))
		records = slices.DeleteFunc(records, func(r acts.AuditRecord) bool { return r.Seq >= oldest.Seq })
		return records[:min(len(records), auditPage)], err
	}
	records, err := read(acts.AuditFilter{Until: oldest.Time.Add(1), Limit: auditPage + 1})
	if err != nil || whole(records, oldest.Seq) {
		return records, err
	}
	newest, err := m.backend.Audit(ctx, m.menu.who, acts.AuditFilter{Limit: 1})
	if err != nil || len(newest) == 0 {
		return nil, err
	}
	return read(acts.AuditFilter{Limit: int(newest[0].Seq-oldest.Seq) + 1 + auditPage})
}

// whole reports whether records, the newest first, are a whole page of those
// before a number.
func whole(records []acts.AuditRecord, before uint64) bool {
	for i, r := range records {
		if r.Seq != before-1-uint64(i) {
			return false
		}
	}
	n := uint64(len(records))
	return n == min(before-1, auditPage)
}

// auditLines shows a record.
func auditLines(r acts.AuditRecord) []line {
	lines := []line{
		value("Number", auditKey(r)),
		value("Time", moment(r.Time)),
		value("Account", r.Account),
		value("Role", string(r.Role)),
		value("Face", string(r.Face)),
		value("From", r.From),
		value("Act", r.Act),
	}
	for i, subject := range r.Subject {
		label := " "
		if i == 0 {
			label = "About"
		}
		lines = append(lines, line{label: label, text: subject})
	}
	result := line{label: "Result", text: r.Result}
	switch r.Result {
	case "refused":
		result.ink = warning
	case "failed":
		result.ink = bad
	}
	lines = append(lines, result)
	if r.Detail != "" {
		lines = append(lines, value("Detail", r.Detail))
	}
	return append(lines, value("Hash", r.Hash))
}
