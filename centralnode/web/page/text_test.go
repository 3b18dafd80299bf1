package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestTimesInWords(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		-time.Second:          {"just now", "within a day"},
		59 * time.Second:      {"just now", "expired today"},
		time.Minute:           {"1 min ago", "expired today"},
		59 * time.Minute:      {"59 min ago", "expired today"},
		time.Hour:             {"1 hour ago", "expired today"},
		47 * time.Hour:        {"47 hours ago", "expired 1 day ago"},
		48 * time.Hour:        {"2 days ago", "expired 2 days ago"},
		2000 * 24 * time.Hour: {"2,000 days ago", "expired 2,000 days ago"},
		-24 * time.Hour:       {"just now", "in 1 day"},
		-89*24*time.Hour - 1:  {"just now", "in 89 days"},
	} {
		at := noon.Add(-d)
		if got := [2]string{ago(at, noon), days(at, noon)}; got != want {
			t.Errorf("%v before: %q, want %q", d, got, want)
		}
	}
	if ago(time.Time{}, noon) != "never" || days(time.Time{}, noon) != "-" || moment(time.Time{}) != "-" {
		t.Error("no time is said to be one")
	}
	if got := moment(noon.In(time.FixedZone("", 3600))); got != "2026-11-22 12:00:00 UTC" {
		t.Error(got)
	}
}

func TestNumbersInWords(t *testing.T) {
	type state string
	for v, want := range map[any]string{
		0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", uint64(15000): "15,000", "n/a": "n/a", int8(-5): "-5", state("1000"): "1,000", 1.5: "1.5",
	} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
	for v, want := range map[any]string{"": "-", " ": "-", "x": "x", 0: "-", 7: "7", state(""): "-"} {
		if got := dash(v); got != want {
			t.Errorf("%#v: %q, want %q", v, got, want)
		}
	}
	if dash(nil) != "-" {
		t.Error("nil")
	}
	for _, n := range []any{1500, int64(1500), uint32(1500), uint64(1500)} {
		if got, err := counted(n, acts.ByteSize); err != nil || got != "1.5 kB" {
			t.Errorf("%T: %q, %v", n, got, err)
		}
	}
	if got, err := counted(-1, acts.ByteSize); err != nil || got != "0 bytes" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := counted("many", acts.ByteSize); err == nil {
		t.Error("a word is a number of bytes")
	}
}

func TestThingsAreCounted(t *testing.T) {
	for n, want := range map[any]string{0: "0 calls", uint64(1): "1 call", int64(2000): "2,000 calls"} {
		if got := plural(n, "call"); got != want {
			t.Errorf("%v: %q", n, got)
		}
	}
}

func TestFingerprintsBreakBetweenGroups(t *testing.T) {
	f := pki.FingerprintOf([]byte("x"))
	parts := groups(f)
	if len(parts) != 8 || strings.Join(parts, "") != f.String() || len(parts[0]) != 12 {
		t.Errorf("%q", parts)
	}
	if groups(pki.Fingerprint{}) != nil || groups("") != nil {
		t.Error("nothing has groups")
	}
}

func TestEveryStateHasAWord(t *testing.T) {
	type state string
	for word, want := range map[any]Badge{
		"Accepted": {"Accepted", Good}, state("PENDING"): {"PENDING", Waiting}, acts.Rejected: {string(acts.Rejected), Bad},
		"something new": {"something new", Off}, "": {"-", Off},
	} {
		if got := newBadge(word); got != want {
			t.Errorf("%v: %+v, want %+v", word, got, want)
		}
	}
	if got := newBadge("3 late", Waiting); got.Tone != Waiting {
		t.Errorf("%+v", got)
	}
}

func request(target string) *Request {
	return &Request{Request: httptest.NewRequest(http.MethodGet, target, nil)}
}

func TestQueryReplacesParameters(t *testing.T) {
	r := request("/hosts?name=a%26b&from=50&notice=N&state=")
	for want, parameters := range map[string][]string{
		"/hosts?from=50&name=a%26b&state=":        nil,
		"/hosts?from=50&name=c+d%22&state=":       {"name", `c d"`},
		"/hosts?name=a%26b":                       {"from", "", "state", ""},
		"/hosts?a=1&from=50&name=a%26b&state=new": {"a", "1", "state", "new", "odd"},
	} {
		if got := Query(r, parameters...); got != want {
			t.Errorf("%q: %s, want %s", parameters, got, want)
		}
	}
	if got := Query(request("/hosts?a=1"), "a", ""); got != "/hosts" {
		t.Error(got)
	}
	if got := request("/x?q=%20a%0Ab%00+" + strings.Repeat("y", 2000)).Param("q"); !strings.HasPrefix(got, "a b y") || len(got) != 1024 {
		t.Errorf("%d bytes: %.10q", len(got), got)
	}
}

func TestSortTurnsRound(t *testing.T) {
	for target, want := range map[string]Sorting{
		"/h?from=50":             {"Host", "number", "/h?sort=name", ""},
		"/h?sort=name&from=50":   {"Host", "number", "/h?sort=-name", "ascending"},
		"/h?sort=-name&x=1":      {"Host", "number", "/h?sort=name&x=1", "descending"},
		"/h?sort=events&from=50": {"Host", "number", "/h?sort=name", ""},
	} {
		if got := Sort(request(target), "name", "Host", "number"); got != want {
			t.Errorf("%s: %+v, want %+v", target, got, want)
		}
	}
	for target, want := range map[string]string{"/h": "seen true", "/h?sort=name": "name false", "/h?sort=-name": "name true", "/h?sort=password": "seen true"} {
		column, descending := request(target).Sorted("-seen", "name", "seen")
		if got := column + map[bool]string{true: " true", false: " false"}[descending]; got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
}

func TestPagerLeadsThroughTheTable(t *testing.T) {
	for target, want := range map[string]Pager{
		"/h":          {First: 1, Last: 50, Matching: 120, Total: 200, Next: "/h?from=50", End: "/h?from=100"},
		"/h?from=50":  {First: 51, Last: 100, Matching: 120, Total: 200, Start: "/h", Previous: "/h", Next: "/h?from=100", End: "/h?from=100"},
		"/h?from=100": {First: 101, Last: 120, Matching: 120, Total: 200, Start: "/h", Previous: "/h?from=50"},
		"/h?from=900": {Matching: 120, Total: 200, Start: "/h", Previous: "/h?from=100"},
		"/h?from=-5":  {First: 1, Last: 50, Matching: 120, Total: 200, Next: "/h?from=50", End: "/h?from=100"},
		"/h?from=x":   {First: 1, Last: 50, Matching: 120, Total: 200, Next: "/h?from=50", End: "/h?from=100"},
	} {
		r := request(target)
		if got := NewPager(r, 200, 120, r.Offset(), 50); got != want {
			t.Errorf("%s:\n%+v, want\n%+v", target, got, want)
		}
	}
	if got := NewPager(request("/h"), 0, 0, 0, 50); got != (Pager{}) {
		t.Errorf("an empty table: %+v", got)
	}
	if got := NewPager(request("/h"), 100, 100, 0, 50); got.End != "/h?from=50" {
		t.Errorf("%+v", got)
	}
}

func TestSentencesBreakInFingerprintsAndLongWords(t *testing.T) {
	f := pki.FingerprintOf([]byte("x")).String()
	got := string(prose(`<b> "` + f + `", and then`))
	if rest := strings.ReplaceAll(got, "<wbr>", ""); rest != `&lt;b&gt; &#34;`+f+`&#34;, and then` || strings.Count(got, ":<wbr>") != 7 {
		t.Errorf("%s", got)
	}
	if got := string(prose(strings.Repeat("W", 30))); got != strings.Repeat("W", 24)+"<wbr>"+strings.Repeat("W", 6) {
		t.Errorf("a long word: %s", got)
	}
	for _, short := range []string{"at 12:30:45", "SHA256:AAAA"} {
		if got := string(prose(short)); got != short {
			t.Errorf("%s became %s", short, got)
		}
	}
}
