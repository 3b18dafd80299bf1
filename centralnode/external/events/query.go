package events

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vedette/centralnode/eventlog"
	"vedette/proto/problem"
)

const (
	// maxEvents and defaultEvents are how many events one answer has at most,
	// when the caller asks for many and when it does not say.
	maxEvents     = 10_000
	defaultEvents = 1000
	// maxWait bounds max_timeout: longer ones are cut to it.
	maxWait = 2 * time.Hour
)

// query is what a call asks for.
type query struct {
	// from is where to go on; nil: from what is there.
	from *eventlog.Cursor
	// wait is how long to wait for the first event.
	wait time.Duration
	// most is how many events to answer at most.
	most int
}

// parseQuery reads the parameters that this path knows; others are for others.
// A parameter without a value is like none. What is misspelt or given twice is
// refused, because leaving it out would answer another question.
func parseQuery(values url.Values) (query, *problem.Problem) {
	q := query{most: defaultEvents}
	for given, all := range values {
		for _, name := range []string{"continuation_token", "filter", "max_events", "max_timeout"} {
			switch {
			case given == name && len(all) > 1:
				return q, badRequest(name + " is given more than once.")
			case given != name && strings.EqualFold(given, name):
				return q, badRequest("A parameter is misspelt: it is written " + name + ".")
			}
		}
	}
	if v := values.Get("filter"); v != "" {
		return q, &problem.Problem{
			Title: "Filters are not supported", Status: http.StatusBadRequest, Code: problem.NotSupported,
			Detail: "This server has no filters of events: leave filter out and select from the answer.",
		}
	}
	if v := values.Get("max_timeout"); v != "" {
		d, ok := parseDuration(v)
		if !ok {
			return q, badRequest("max_timeout must be a duration of ISO 8601 such as PT60S or PT1M30S.")
		}
		q.wait = min(d, maxWait)
	}
	if v := values.Get("max_events"); v != "" {
		n, err := strconv.ParseUint(v, 10, 32)
		if err != nil || n < 1 || n > maxEvents {
			return q, badRequest(fmt.Sprintf("max_events must be a number from 1 to %d.", maxEvents))
		}
		q.most = int(n)
	}
	if v := values.Get("continuation_token"); v != "" {
		c, err := parseToken(v)
		if err != nil {
			return q, badToken("continuation_token is not a token of this server")
		}
		q.from = &c
	}
	return q, nil
}

// plainQuery and oddQuery read the parameters of a call before they are looked
// at; oddQuery those of the path as the documentation prints it, with "&" where
// "?" belongs: events&continuation_token=TOKEN. Both kinds may come together.
func plainQuery(u *url.URL) (url.Values, *problem.Problem) {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, badRequest("The query is malformed.")
	}
	return values, nil
}

func oddQuery(u *url.URL) (url.Values, *problem.Problem) {
	path := u.EscapedPath()
	odd, ok := strings.CutPrefix(path[strings.LastIndexByte(path, '/')+1:], "events&")
	if !ok {
		return nil, &problem.Problem{Title: "No such path", Status: http.StatusNotFound, Code: problem.NotFound}
	}
	if u.RawQuery != "" {
		odd += "&" + u.RawQuery
	}
	return plainQuery(&url.URL{RawQuery: odd})
}

func badRequest(detail string) *problem.Problem {
	return &problem.Problem{Title: "Bad request", Status: http.StatusBadRequest, Code: problem.BadRequest, Detail: detail}
}

// badToken tells how a caller gets going again.
func badToken(why string) *problem.Problem {
	return badRequest(why + ": call once without continuation_token, which answers what is there and a new token.")
}
