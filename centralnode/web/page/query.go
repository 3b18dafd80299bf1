package page

import (
	"net/url"
	"strconv"
	"strings"
)

// Parameters that the Kit gives a meaning.
const (
	fromParameter = "from" // rows before the first one shown
	sortParameter = "sort" // column, with a minus before it for descending
)

// maxParameter bounds a parameter of a page's address, in bytes.
const maxParameter = 1 << 10

// Param reads a parameter of the page's address as somebody may have typed it:
// one line, without spaces around it, bounded.
func (r *Request) Param(name string) string { return line(r.URL.Query().Get(name), maxParameter) }

// Offset is how many rows the person has turned over: the parameter "from".
func (r *Request) Offset() int {
	n, err := strconv.Atoi(r.URL.Query().Get(fromParameter))
	if err != nil {
		return 0 // no number was none of ours
	}
	return max(0, n)
}

// Query is the page's path with parameters replaced: name, value, name, value.
// An empty value removes its parameter. The notice of an act goes with none.
func Query(r *Request, parameters ...string) string {
	q := r.URL.Query()
	q.Del(noticeParameter)
	for i := 0; i+1 < len(parameters); i += 2 {
		if parameters[i+1] == "" {
			q.Del(parameters[i])
		} else {
			q.Set(parameters[i], parameters[i+1])
		}
	}
	u := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
	return u.RequestURI()
}

// Sorting is a header cell that sorts its table.
type Sorting struct {
	Title, Class string
	Path         string // of the page sorted by it, the other way round when it is already
	Aria         string // ascending, descending, or empty
}

// Sort makes the header cell of a column. The parameter "sort" says which one
// sorts: "name", or "-name" for descending. The first click sorts ascending.
func Sort(r *Request, column, title string, class ...string) Sorting {
	s := Sorting{Title: title, Class: strings.Join(class, " ")}
	to := column
	switch r.URL.Query().Get(sortParameter) {
	case column:
		s.Aria, to = "ascending", "-"+column
	case "-" + column:
		s.Aria = "descending"
	}
	s.Path = Query(r, sortParameter, to, fromParameter, "")
	return s
}

// Sorted reads by which column the person wants the table; fallback is for when
// he said none of those that may be.
func (r *Request) Sorted(fallback string, columns ...string) (column string, descending bool) {
	want, descending := strings.CutPrefix(r.URL.Query().Get(sortParameter), "-")
	for _, c := range columns {
		if c == want {
			return c, descending
		}
	}
	column, descending = strings.CutPrefix(fallback, "-")
	return column, descending
}

// Pager leads through a table that does not fit one page.
type Pager struct {
	First, Last     int // numbers of the rows shown, from 1; 0: none
	Matching, Total int
	// Paths of other parts of the table; empty: there is none.
	Start, Previous, Next, End string
}

// NewPager makes the pager of a table: total rows there are, matching ones pass
// the filter, and limit of them are shown from offset on.
func NewPager(r *Request, total, matching, offset, limit int) Pager {
	p := Pager{Matching: matching, Total: total}
	limit = max(1, limit)
	if offset < matching {
		p.First, p.Last = offset+1, min(offset+limit, matching)
	}
	at := func(from int) string {
		if from <= 0 {
			return Query(r, fromParameter, "")
		}
		return Query(r, fromParameter, strconv.Itoa(from))
	}
	last := max(0, matching-1) / limit * limit
	if offset > 0 {
		p.Start, p.Previous = at(0), at(min(offset-limit, last))
	}
	if offset+limit < matching {
		p.Next, p.End = at(offset+limit), at(last)
	}
	return p
}
