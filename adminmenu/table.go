package adminmenu

import (
	"fmt"
	"strings"
)

// column is one column of a table.
type column struct {
	title string
	width int  // 0: what the others leave
	least int  // of a column that gets what the others leave
	wrap  bool // over several lines, for fingerprints; else cut with an ellipsis
	most  int  // lines of a cell that wraps, the last one cut; 0: as many as it takes
}

// entry of a table: its key says which one it stays when the table is loaded
// again.
type tableRow struct {
	key   string
	cells []string
	note  string // one line below the cells
	ink   ink
}

// table is rows to look at, select, mark and filter.
type table struct {
	columns []column
	empty   string // said when there is no row
	open    func(tableRow)
	marking bool // Space marks rows
	// match decides what the filter leaves; nil: rows where any cell contains
	// it, without regard to case, colons and blanks.
	match func(r tableRow, filter string) bool

	rows      []tableRow
	shown     []tableRow
	selected  string // key
	top       int
	room      int // rows at the last drawing
	marks     map[string]bool
	filter    field
	filtering bool
}

// set exchanges the rows. Selection, marks, filter and scrolling stay.
func (t *table) set(rows []tableRow) {
	t.rows = rows
	present := make(map[string]bool, len(rows))
	for _, r := range rows {
		present[r.key] = true
	}
	for k := range t.marks {
		if !present[k] {
			delete(t.marks, k)
		}
	}
	t.apply()
}

// apply filters the rows.
func (t *table) apply() {
	before := t.index()
	t.shown = t.shown[:0]
	filter := t.filter.String()
	for _, r := range t.rows {
		if filter == "" || t.matches(r, filter) {
			t.shown = append(t.shown, r)
		}
	}
	if i := t.index(); i < len(t.shown) && t.shown[i].key == t.selected {
		return
	}
	// The selected one is gone: its place takes the next.
	if before = min(before, len(t.shown)-1); before >= 0 {
		t.selected = t.shown[before].key
	}
}

func (t *table) matches(r tableRow, filter string) bool {
	if t.match != nil {
		return t.match(r, filter)
	}
	want := squeeze(filter)
	for _, c := range r.cells {
		if strings.Contains(squeeze(c), want) {
			return true
		}
	}
	return false
}

func squeeze(s string) string {
	return strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(s))
}

// index is where the selected row is shown; 0 when it is not.
func (t *table) index() int {
	for i, r := range t.shown {
		if r.key == t.selected {
			return i
		}
	}
	return 0
}

// current is the selected row; false: there is none.
func (t *table) current() (tableRow, bool) {
	if len(t.shown) == 0 {
		return tableRow{}, false
	}
	return t.shown[t.index()], true
}

// chosen are the marked rows, or the selected one when none is marked.
func (t *table) chosen() []tableRow {
	var all []tableRow
	for _, r := range t.rows {
		if t.marks[r.key] {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		if r, ok := t.current(); ok {
			all = append(all, r)
		}
	}
	return all
}

func (t *table) jump(to int) {
	if len(t.shown) > 0 {
		t.selected = t.shown[max(min(to, len(t.shown)-1), 0)].key
	}
}

// mostRows is more than any terminal shows: what lies beyond is not measured.
const mostRows = 500

func (t *table) height(l look, columns int) int {
	n := len(t.titles(l, columns)) + 1 // filter
	for _, r := range t.shown {
		if n >= mostRows {
			break
		}
		n += len(t.lines(l, r, columns))
	}
	return max(n, 4)
}

func (t *table) move(int) bool { return false }
func (t *table) enter(int)     {}
func (t *table) typing() bool  { return t.filtering }

func (t *table) typed(k key) bool {
	if !t.filtering || k == keyLeft || k == keyRight {
		return false
	}
	if !t.filter.edit(k) {
		return false
	}
	t.apply()
	return true
}

func (t *table) paste(s string) {
	if t.filtering {
		t.filter.insert(s)
		t.apply()
	}
}

func (t *table) bindings() []binding {
	if t.filtering {
		return []binding{
			bind(keyEnter, "ENTER", "Filter", "keeps the filter and goes back to the table", func() { t.filtering = false }),
			bind(keyEsc, "Esc", "No filter", "takes the filter away", t.unfilter),
		}
	}
	all := []binding{{keys: []key{keyUp, keyDown, keyPgUp, keyPgDn, keyHome, keyEnd}, name: "Up/Down", hint: "Select", help: "selects a row; PgUp, PgDn, Home and End go further", do: func(k key) {
		switch page := max(t.room, 1); k {
		case keyUp:
			t.jump(t.index() - 1)
		case keyDown:
			t.jump(t.index() + 1)
		case keyPgUp:
			t.jump(t.index() - page)
		case keyPgDn:
			t.jump(t.index() + page)
		case keyHome:
			t.jump(0)
		default:
			t.jump(len(t.shown) - 1)
		}
	}}}
	if t.open != nil {
		all = append(all, bind(keyEnter, "ENTER", "Open", "opens the selected row", func() {
			if r, ok := t.current(); ok {
				t.open(r)
			}
		}))
	}
	if t.marking {
		all = append(all, bind(keySpace, "Space", "Mark", "marks the selected row, or takes the mark away", t.mark))
	}
	all = append(all, bind("/", "/", "Filter", "shows only rows that contain a text", func() { t.filtering = true }))
	if t.filter.String() != "" {
		all = append(all, bind(keyEsc, "Esc", "No filter", "takes the filter away", t.unfilter))
	}
	return all
}

func (t *table) unfilter() {
	t.filter.forget()
	t.filtering = false
	t.apply()
}

func (t *table) mark() {
	r, ok := t.current()
	if !ok {
		return
	}
	if t.marks == nil {
		t.marks = make(map[string]bool)
	}
	if t.marks[r.key] {
		delete(t.marks, r.key)
	} else {
		t.marks[r.key] = true
	}
	t.jump(t.index() + 1)
}

// widths gives every column its width, the open ones an equal share, but each
// its least.
func (t *table) widths(columns int) []int {
	all := make([]int, len(t.columns))
	left, open := columns-2, 0 // the mark before each row
	for i, c := range t.columns {
		all[i] = c.width
		left -= c.width + 1
		if c.width == 0 {
			open++
		}
	}
	for i, c := range t.columns {
		if c.width == 0 && c.least > max(left/open, 0) {
			all[i] = c.least
			left -= c.least
			open--
		}
	}
	for i := range all {
		if all[i] == 0 {
			all[i] = max(left/open, 4)
		}
	}
	return all
}

// titles are the titles of the columns, line by line.
func (t *table) titles(l look, columns int) [][]string {
	cells := make([][]string, len(t.columns))
	for i, w := range t.widths(columns) {
		cells[i] = wrap(l.clean(t.columns[i].title), w)
	}
	return abreast(cells)
}

// lines are the cells of a row, line by line, and its note.
func (t *table) lines(l look, r tableRow, columns int) [][]string {
	widths := t.widths(columns)
	cells := make([][]string, len(widths))
	for i := range cells {
		if i >= len(r.cells) {
			continue
		}
		col, cell := t.columns[i], l.clean(r.cells[i])
		if !col.wrap {
			cells[i] = []string{l.fit(cell, widths[i])}
			continue
		}
		cells[i] = wrap(cell, widths[i])
		if n := col.most; n > 0 && len(cells[i]) > n {
			cells[i] = append(cells[i][:n-1], l.fit(cells[i][n-1]+l.clean("…"), widths[i]))
		}
	}
	lines := abreast(cells)
	if r.note != "" {
		note := make([]string, len(widths))
		note[0] = l.fit(l.clean(r.note), columns-2)
		lines = append(lines, note)
	}
	return lines
}

// abreast sets cells of several lines side by side.
func abreast(cells [][]string) [][]string {
	lines := [][]string{make([]string, len(cells))}
	for i, parts := range cells {
		for n, p := range parts {
			if n == len(lines) {
				lines = append(lines, make([]string, len(cells)))
			}
			lines[n][i] = p
		}
	}
	return lines
}

func (t *table) draw(c canvas, focused bool) {
	widths, titles := t.widths(c.w), t.titles(c.look, c.w)
	for y, parts := range titles {
		drawCells(c, y, parts, widths, strong)
	}
	body := c.sub(0, len(titles), c.w, c.h-len(titles))
	if t.filtering || t.filter.String() != "" {
		body = c.sub(0, len(titles), c.w, c.h-len(titles)-1)
		foot := c.sub(0, c.h-1, c.w, 1)
		n := foot.put(0, 0, fmt.Sprintf("Filter (%d of %d): ", len(t.shown), len(t.rows)), normal)
		t.filter.draw(foot.sub(n, 0, c.w-n, 1), t.filtering)
	}
	if len(t.shown) == 0 {
		said := t.empty
		if len(t.rows) > 0 {
			said = "No row contains the text of the filter."
		}
		body.put(2, 0, said, faint)
		return
	}
	at := t.index()
	// No row is lower than one line: a long way is not measured line by line.
	t.top = max(min(t.top, at), at-body.h+1, 0)
	for t.top < at && t.rowsBetween(c.look, t.top, at, c.w) > body.h {
		t.top++
	}
	for t.top > 0 && len(t.shown)-t.top < body.h && t.rowsBetween(c.look, t.top-1, len(t.shown)-1, c.w) <= body.h {
		t.top-- // there is room for more above
	}
	t.room = 0
	for i, y := t.top, 0; i < len(t.shown) && y < body.h; i++ {
		y += t.drawRow(body.sub(0, y, c.w, body.h-y), t.shown[i], widths, i == at, focused && !t.filtering)
		t.room++
	}
}

// rowsBetween counts the screen rows of shown[from..to].
func (t *table) rowsBetween(l look, from, to, columns int) (n int) {
	for _, r := range t.shown[from : to+1] {
		n += len(t.lines(l, r, columns))
	}
	return n
}

func (t *table) drawRow(c canvas, r tableRow, widths []int, at, focused bool) int {
	style, lead := r.ink, "  "
	if at {
		style, lead = marked, "> "
		if focused {
			style = chosen
		}
	}
	if t.marks[r.key] {
		lead = lead[:1] + "*"
	}
	lines := t.lines(c.look, r, c.w)
	for y, cells := range lines {
		if at && focused {
			c.fill(0, y, style)
		}
		if y == 0 {
			c.put(0, 0, lead, style)
		}
		drawCells(c, y, cells, widths, style)
	}
	return len(lines)
}

// drawCells draws one line of cells.
func drawCells(c canvas, y int, cells []string, widths []int, i ink) {
	x := 2
	for n, cell := range cells {
		c.put(x, y, cell, i)
		x += widths[n] + 1
	}
}
