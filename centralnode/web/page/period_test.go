package page_test

import (
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"vedette/centralnode/web/page"
)

func TestTimesAreReadAsPeopleWriteThem(t *testing.T) {
	at := time.Date(2026, 11, 22, 13, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		since, until string
		from, to     time.Time
		fault        string // the parameter
	}{
		{"", "", time.Time{}, time.Time{}, ""},
		{"2026-11-22T13:30", "2026-11-22 13:30:01", at, at.Add(time.Second), ""},
		{"2026-11-22", "2026-11-22T15:30:00+02:00", at.Truncate(24 * time.Hour), at, ""},
		{"2026-11-22 13:30", "2026-11-22 13:30", at, at, "until"},
		{"<b>", "2026-11-22T13:30:00Z", time.Time{}, at, "since"},
	} {
		r := &page.Request{Request: httptest.NewRequest("GET", "/?"+url.Values{"since": {c.since}, "until": {c.until}}.Encode(), nil)}
		faults := make(map[string]string)
		p := r.Period("since", "until", faults)
		if !p.Since.Equal(c.from) || !p.Until.Equal(c.to) || (faults[c.fault] != "") != (c.fault != "") || len(faults) > 1 {
			t.Errorf("%+v: %+v, %v", c, p, faults)
		}
		if c.since == "2026-11-22" && (p.SinceText != "2026-11-22T00:00:00" || p.UntilText != "2026-11-22T13:30:00") || c.since == "<b>" && p.SinceText != "<b>" {
			t.Errorf("fields show %q and %q", p.SinceText, p.UntilText)
		}
	}
}
