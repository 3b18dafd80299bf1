package audit

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/pki"
)

// pageSize is how many records a page shows.
const pageSize = 100

// The parameters of the table.
const (
	byAccount, byAct, byResult, byText = "account", "act", "result", "text"
	bySince, byUntil                   = "since", "until"
	byBefore                           = "before"
)

// table is the page of the table.
type table struct {
	Rows  []row
	Total uint64

	Results                    []string
	Account, Act, Result, Text string
	Since, Until               string
	Faults                     map[string]string // by parameter
	Filtered                   bool
	// Stopped is where the search ended because it had looked at much; nil: it
	// did not.
	Stopped *acts.AuditBound
	// Slow says how long the check takes; empty: not long.
	Slow string
	// Addresses; empty: there is none. Further goes on with a search that stopped.
	Clear, Newest, Older, Further, CSV, JSON, Verify string
}

// row is a record in the table.
type row struct {
	acts.AuditRecord
	// Texts are cut to what a table has room for, in pieces between which a line
	// may end.
	Account, From, Detail []string
	Subjects              []subject
	More                  int // subjects that are not in Subjects
	Page                  string
}

// subject is one of those that an act was about.
type subject struct {
	Fingerprint pki.Fingerprint // zero: it is none
	Text        []string        // otherwise
}

// What a record may hold is cut in the table; its own page has all of it.
const (
	maxSubjects = 3
	maxText     = 200 // bytes
)

func (m *room) list(r *page.Request) (page.View, error) {
	f, d := filter(r)
	v := page.View{Template: "audit/list.html", Title: title, Data: d}
	if len(d.Faults) > 0 {
		v.Status = 422
		return v, nil
	}
	f.Limit = pageSize
	got, err := m.backend.AuditPage(r.Context(), r.Actor, f)
	if err != nil {
		return page.View{}, err
	}
	for _, one := range got.Records {
		d.Rows = append(d.Rows, rowOf(one))
	}
	d.Total, d.Slow = got.Total, slow(got.Total)
	if f.Before > 0 {
		d.Newest = page.Query(r, byBefore, "")
	}
	if got.Before > 0 {
		d.Older = page.Query(r, byBefore, strconv.FormatUint(got.Before, 10))
	}
	if d.Stopped = got.Stopped; d.Stopped != nil {
		d.Further, d.Older = d.Older, ""
	}
	return v, nil
}

func rowOf(r acts.AuditRecord) row {
	shown := r.Subject[:min(len(r.Subject), maxSubjects)]
	return row{
		AuditRecord: r, Account: page.Pieces(foreign.Bounded(r.Account, maxText)), From: page.Pieces(foreign.Bounded(r.From, maxText)),
		Detail: page.Pieces(foreign.Bounded(r.Detail, maxText)), Subjects: subjects(shown, maxText), More: len(r.Subject) - len(shown),
		Page: fmt.Sprintf("%s/%d", front, r.Seq),
	}
}

// subjects makes ready what records are about, each cut to so many bytes.
func subjects(texts []string, most int) []subject {
	out := make([]subject, len(texts))
	for i, text := range texts {
		if f, err := pki.ParseFingerprint(text); err == nil && f.String() == text {
			out[i].Fingerprint = f
		} else {
			out[i].Text = page.Pieces(foreign.Bounded(text, most))
		}
	}
	return out
}

// filter reads what the person asks for. What nobody can mean is a fault at its
// field.
func filter(r *page.Request) (acts.AuditFilter, *table) {
	d := &table{
		Results: acts.AuditResults(), Account: r.Param(byAccount), Act: r.Param(byAct), Result: r.Param(byResult), Text: r.Param(byText),
		Faults: make(map[string]string), Clear: front, Verify: verify,
	}
	q := make(url.Values)
	for _, name := range []string{byAccount, byAct, byResult, byText, bySince, byUntil} {
		if v := r.Param(name); v != "" {
			q.Set(name, v)
		}
	}
	d.Filtered, d.CSV, d.JSON = len(q) > 0, csvFile, jsonl
	if d.Filtered {
		d.CSV, d.JSON = csvFile+"?"+q.Encode(), jsonl+"?"+q.Encode()
	}
	f := acts.AuditFilter{Account: d.Account, Act: d.Act, Result: d.Result, Text: d.Text}
	if d.Result != "" && !slices.Contains(d.Results, d.Result) {
		d.Faults[byResult] = fmt.Sprintf("This word is not known; the words are %s.", strings.Join(d.Results, ", "))
	}
	period := r.Period(bySince, byUntil, d.Faults)
	f.Since, f.Until, d.Since, d.Until = period.Since, period.Until, period.SinceText, period.UntilText
	if n, err := strconv.ParseUint(r.Param(byBefore), 10, 64); err == nil {
		f.Before = n // no number was none of ours
	}
	return f, d
}
