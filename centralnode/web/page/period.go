package page

import "time"

// Period is a time from and a time to, as a person asks for them.
type Period struct {
	Since, Until time.Time // zero: open
	// SinceText and UntilText are for the fields of the page: as browsers' fields
	// take a time, or as they were typed where that is none.
	SinceText, UntilText string
}

// layouts are how a time in UTC may be written. Browsers' fields take the first.
var layouts = [...]string{"2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04", time.DateOnly, time.RFC3339}

// Period reads the parameters since and until. What is wrong with one is put
// into faults under its name.
func (r *Request) Period(since, until string, faults map[string]string) Period {
	var p Period
	for _, one := range []struct {
		name string
		text *string
		into *time.Time
	}{{since, &p.SinceText, &p.Since}, {until, &p.UntilText, &p.Until}} {
		if *one.text = r.Param(one.name); *one.text == "" {
			continue
		}
		at, ok := readTime(*one.text)
		if !ok {
			faults[one.name] = "Give a time in UTC, as in 2026-11-22 13:30 or 2026-11-22 13:30:15."
			continue
		}
		*one.into, *one.text = at, at.Format(layouts[0])
	}
	if !p.Since.IsZero() && !p.Until.IsZero() && !p.Since.Before(p.Until) {
		faults[until] = "It has to be later than From."
	}
	return p
}

func readTime(text string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
