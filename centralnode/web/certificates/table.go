package certificates

import (
	"context"
	"encoding/hex"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
)

// perPage is how many certificates a page shows.
const perPage = 50

// table is the table of agent certificates as the person wants it.
type table struct {
	acts.AgentCertificateList
	Filters []filter
	Sort    string // as in the address; empty: the newest first
	Pager   page.Pager
	// Clear is the page without any filter; empty: none is set.
	Clear string
	Here  []page.Field // what the address says about the table
}

// filter is one of the two documented ones.
type filter struct {
	Parameter string
	Title     string
	Value     string
	Clear     string       // the page without it; empty: it is not set
	Keep      []page.Field // what else the address says
}

// maxShown is how much of a filter stands beside its header, in characters.
const maxShown = 24

// Shown is the beginning of the value.
func (f filter) Shown() string {
	if c := []rune(f.Value); len(c) > maxShown {
		return string(c[:maxShown]) + "..."
	}
	return f.Value
}

// The parameters of the page's address.
const (
	byFingerprint = "fingerprint"
	bySerial      = "serial"
	bySort        = "sort"
)

func (m *room) table(ctx context.Context, r *page.Request) (table, error) {
	column, down := r.Sorted("-"+string(acts.SortAdded), string(acts.SortAdded), string(acts.SortExpires), string(acts.SortLastSeen))
	f := acts.AgentCertificateFilter{
		Fingerprint: r.Param(byFingerprint), Serial: r.Param(bySerial), Sort: acts.AgentCertificateSort(column), Offset: r.Offset(), Limit: perPage,
	}
	if down {
		f.Sort = "-" + f.Sort
	}
	list, err := m.backend.AgentCertificates(ctx, r.Actor, f)
	if err == nil && f.Offset > 0 && f.Offset >= list.Matching { // rows were deleted meanwhile
		f.Offset = max(0, list.Matching-1) / perPage * perPage
		list, err = m.backend.AgentCertificates(ctx, r.Actor, f)
	}
	if err != nil {
		return table{}, err
	}
	t := table{AgentCertificateList: list, Sort: r.Param(bySort), Pager: page.NewPager(r, list.Total, list.Matching, f.Offset, perPage)}
	keep := func(name, value string) (fields []page.Field) {
		if value != "" {
			fields = append(fields, page.Field{Name: name, Value: value})
		}
		if t.Sort != "" {
			fields = append(fields, page.Field{Name: bySort, Value: t.Sort})
		}
		return fields
	}
	for _, name := range []string{byFingerprint, bySerial, bySort, "from"} {
		if v := r.Param(name); v != "" {
			t.Here = append(t.Here, page.Field{Name: name, Value: v})
		}
	}
	t.Filters = []filter{
		{Parameter: byFingerprint, Title: "TLS certificate", Value: f.Fingerprint, Keep: keep(bySerial, f.Serial)},
		{Parameter: bySerial, Title: "Serial number", Value: f.Serial, Keep: keep(byFingerprint, f.Fingerprint)},
	}
	for i := range t.Filters {
		if t.Filters[i].Value != "" {
			t.Filters[i].Clear = page.Query(r, t.Filters[i].Parameter, "", "from", "")
			t.Clear = page.Query(r, byFingerprint, "", bySerial, "", "from", "")
		}
	}
	return t, nil
}

// Key names a row by its certificate, as addresses and attributes take it.
func (t table) Key(c acts.AgentCertificate) string { return hex.EncodeToString(c.Fingerprint[:]) }
