package audit

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// exportCSV sends all records that match, newest first, as RFC 4180 has it, in
// UTF-8 with the mark by which Excel knows it.
func (m *room) exportCSV(w http.ResponseWriter, r *page.Request) error {
	var line []byte
	write := func(cells []string) error {
		line = appendCells(line[:0], cells)
		_, err := w.Write(line) // into the answer's own buffer
		return err
	}
	head := func() error {
		if _, err := io.WriteString(w, "\ufeff"); err != nil {
			return err
		}
		return write(columns[:])
	}
	return m.export(w, r, "text/csv; charset=utf-8", "audit.csv", head, func(one acts.AuditRecord) error {
		return write([]string{
			strconv.FormatUint(one.Seq, 10), one.Time.UTC().Format(time.RFC3339Nano), one.Account, string(one.Role), string(one.Face), one.From,
			one.Act, strings.Join(one.Subject, "; "), one.Result, one.Detail, one.Hash,
		})
	})
}

var columns = [...]string{"number", "time", "account", "role", "face", "from", "act", "subject", "result", "detail", "hash"}

// appendCells adds a line in which every cell is quoted, so that nothing in it
// parts cells.
func appendCells(line []byte, cells []string) []byte {
	for i, cell := range cells {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, '"')
		line = append(line, strings.ReplaceAll(harmless(cell), `"`, `""`)...)
		line = append(line, '"')
	}
	return append(line, "\r\n"...)
}

// harmless keeps a spreadsheet from computing what strangers wrote (OWASP, CSV
// injection): what it would take for a formula follows an apostrophe, also
// behind what may part cells for one that passes over quotes.
func harmless(cell string) string {
	var out strings.Builder
	begins := true // a cell, for somebody
	for _, c := range cell {
		if begins && strings.ContainsRune("=+-@\t\r\n", c) {
			out.WriteByte('\'')
		}
		out.WriteRune(c)
		begins = strings.ContainsRune(";,|\"\t\r\n", c) || begins && c == ' '
	}
	return out.String()
}

// exportJSON sends them as JSON, one record a line.
func (m *room) exportJSON(w http.ResponseWriter, r *page.Request) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return m.export(w, r, "application/x-ndjson; charset=utf-8", "audit.jsonl", func() error { return nil }, func(one acts.AuditRecord) error { return out.Encode(one) })
}

// export sends records as they are read, behind a head: however many there are,
// few of them are in memory. What goes wrong after the first one breaks the
// connection off, so that no half of the records looks like all of them.
func (m *room) export(w http.ResponseWriter, r *page.Request, kind, name string, head func() error, write func(acts.AuditRecord) error) error {
	f, d := filter(r)
	for _, fault := range d.Faults {
		return &acts.Error{Code: acts.Invalid, Text: fault, Hint: "go back to the table, and export from there"}
	}
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		return head()
	}
	var left error // why nobody is there any more
	err := m.backend.EachAudit(r.Context(), r.Actor, f, func(one acts.AuditRecord) bool {
		if left = begin(); left == nil {
			left = write(one)
		}
		return left == nil
	})
	switch {
	case left != nil:
		return nil
	case err != nil && begun:
		panic(http.ErrAbortHandler)
	case err != nil:
		return err
	}
	_ = begin() // when it fails nobody is left to tell
	return nil
}
