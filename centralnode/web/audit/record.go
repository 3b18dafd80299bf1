package audit

import (
	"fmt"
	"strconv"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/foreign"
)

// subjectsPerPage is how many subjects the page of a record shows at once: an act
// may be about thousands.
const subjectsPerPage = 500

// record is the page of one record.
type record struct {
	acts.AuditRecord
	Detail   []string // in pieces between which a line may end
	Subjects []subject
	Pager    page.Pager
	Back     string
}

func (m *room) record(r *page.Request) (page.View, error) {
	number := r.PathValue("number")
	seq, err := strconv.ParseUint(number, 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != number {
		return page.View{}, &acts.Error{Code: acts.NotFound, Text: "audit records have numbers, and this is none", Hint: "look for it in the list"}
	}
	one, err := m.backend.AuditRecord(r.Context(), r.Actor, seq)
	if err != nil {
		return page.View{}, err
	}
	all, from := len(one.Subject), min(r.Offset(), len(one.Subject))
	return page.View{
		Template: "audit/record.html", Title: fmt.Sprintf("Audit record %d", seq), Above: []page.Link{{Text: title, Path: front}},
		Data: record{
			AuditRecord: one, Detail: page.Pieces(one.Detail), Subjects: subjects(one.Subject[from:min(from+subjectsPerPage, all)], foreign.MaxLine),
			Pager: page.NewPager(r, all, all, from, subjectsPerPage), Back: front,
		},
	}, nil
}
