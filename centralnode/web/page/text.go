package page

import (
	"fmt"
	"html/template"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"vedette/internal/acts"
)

// nothing is shown where there is nothing to show.
const nothing = "-"

// textFunctions are those of every template.
func textFunctions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"moment":   moment,
		"stamp":    stamp,
		"day":      func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
		"clock":    func(t time.Time) string { return t.UTC().Format("15:04:05 UTC") },
		"ago":      func(t time.Time) string { return ago(t, now()) },
		"days":     func(t time.Time) string { return days(t, now()) },
		"size":     func(n any) (string, error) { return counted(n, acts.ByteSize) },
		"rate":     func(n any) (string, error) { return counted(n, acts.BitRate) },
		"number":   number,
		"plural":   plural,
		"dash":     dash,
		"groups":   groups,
		"prose":    prose,
		"sentence": func(words string) template.HTML { return prose(acts.Sentence(words)) },
		"role":     func(r acts.Role) string { return dash(r.Title()) },
		"badge":    newBadge,
		"sort": func(s shown, column, title string, class ...string) Sorting {
			return Sort(s.request, column, title, class...)
		},
		"query": func(s shown, parameters ...string) string { return Query(s.request, parameters...) },
	}
}

// moment shows a time to the second, in UTC; no time is a dash.
func moment(t time.Time) string {
	if t.IsZero() {
		return nothing
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// stamp writes a time for programs.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ago says how long ago something was, coarse enough that a page which is looked
// at does not change all the time.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := now.Sub(t)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return plural(int(d/time.Hour), "hour") + " ago"
	default:
		return plural(int(d/(24*time.Hour)), "day") + " ago"
	}
}

// days says when something expires or expired.
func days(t, now time.Time) string {
	if t.IsZero() {
		return nothing
	}
	n := int(math.Floor(t.Sub(now).Hours() / 24))
	switch {
	case !t.After(now) && now.Sub(t) < 24*time.Hour:
		return "expired today"
	case !t.After(now):
		return "expired " + plural(int(now.Sub(t)/(24*time.Hour)), "day") + " ago"
	case n == 0:
		return "within a day"
	default:
		return "in " + plural(n, "day")
	}
}

// plural counts things: "1 day", "2,000 days".
func plural(n any, word string) string {
	if fmt.Sprint(n) == "1" {
		return "1 " + word
	}
	return number(n) + " " + word + "s"
}

// counted writes a whole number of any type in a unit.
func counted(n any, write func(uint64) string) (string, error) {
	switch v := reflect.ValueOf(n); {
	case v.CanInt():
		return write(uint64(max(0, v.Int()))), nil
	case v.CanUint():
		return write(v.Uint()), nil
	default:
		return "", fmt.Errorf("%T is no whole number", n)
	}
}

// number writes a whole number with a comma between thousands; what is none is
// written as it is.
func number(n any) string {
	s := fmt.Sprint(n)
	digits, minus := strings.CutPrefix(s, "-")
	if _, err := strconv.ParseUint(digits, 10, 64); err != nil || len(digits) <= 3 {
		return s
	}
	var b strings.Builder
	if minus {
		b.WriteByte('-')
	}
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// dash shows a dash for nothing.
func dash(v any) string {
	if v == nil || reflect.ValueOf(v).IsZero() {
		return nothing
	}
	if s := fmt.Sprint(v); strings.TrimSpace(s) != "" {
		return s
	}
	return nothing
}

// groupLength is how many characters of a fingerprint stay together: four pairs
// with their colons.
const groupLength = 12

// prose writes a text whose lines end between its pieces.
func prose(s any) template.HTML {
	pieces := Pieces(fmt.Sprint(s))
	for i, p := range pieces {
		pieces[i] = template.HTMLEscapeString(p)
	}
	return template.HTML(strings.Join(pieces, "<wbr>"))
}

// groups cuts a fingerprint, or a serial number, where a line may end. A zero
// one has none.
func groups(v any) []string {
	if zero, ok := v.(interface{ IsZero() bool }); ok && zero.IsZero() {
		return nil
	}
	var out []string
	for s := fmt.Sprint(v); s != ""; {
		n := min(groupLength, len(s))
		out, s = append(out, s[:n]), s[n:]
	}
	return out
}
