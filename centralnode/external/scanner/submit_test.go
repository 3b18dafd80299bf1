package scanner_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/scan"
	"vedette/proto/problem"
)

var (
	object = part{"content", "sample.bin", "an object"}
	wicked = part{"content", "bad.bin", "an object with " + evil + " in it"}
)

func TestObjectsAreTakenInAnyOrderOfFields(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	s.taken("", object, part{"scanId", "", "1"}, part{"objectType", "", "file"})
	s.taken("", part{"scanId", "", "2"}, part{"objectType", "", "file"}, wicked)
	s.taken("", part{"scanId", "", "a.B_c:d@e~f+g=h-9"}, object)
	s.taken("", object) // cannot be looked up
	s.taken("", part{"scanId", "", "empty"}, part{"content", "nothing", ""})
	s.taken("", part{"further", "", "ignored"}, part{"scanId", "", "3"}, object)
	want := `{"scans":[{"scanId":"1","state":"not detected"},{"scanId":"2","state":"detect"},{"scanId":"a.B_c:d@e~f+g=h-9","state":"not detected"},` +
		`{"scanId":"empty","state":"not detected"},{"scanId":"3","state":"not detected"}]}`
	if got := s.settled(""); got != want {
		t.Errorf("states %s\n  want %s", got, want)
	}
	if look := s.look(); look.Submitted != 6 || look.Refused != 1 { // the first call was answered pending
		t.Errorf("the administrator sees %+v", look)
	}
}

func TestSameObjectAgainIsTakenOnceAndAnotherIsRefused(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	id := part{"scanId", "", "1"}
	s.taken("", object, id)
	s.taken("", object, id)
	if a := s.submit("", wicked, id); a.status != 409 || a.problem.Code != problem.ScanIDTaken {
		t.Errorf("another object under the same scanId: %d %v", a.status, a.problem)
	}
	if got := s.settled(""); strings.Count(got, "scanId") != 1 {
		t.Errorf("states %s", got)
	}
	// Another instance has identifiers of its own.
	s.taken("?sensorInstanceId=two", wicked, id)
}

func TestInstanceIsReadFromTheQueryAndFromTheForm(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	id := part{"scanId", "", "1"}
	s.taken("?sensorInstanceId=a", object, id)
	s.taken("", object, id, part{"sensorInstanceId", "", "b"})
	s.taken("?sensorInstanceId=c", part{"sensorInstanceId", "", "c"}, object, id)
	s.taken("?sensorInstanceId=", part{"sensorInstanceId", "", ""}, object, id)
	if a := s.submit("?sensorInstanceId=a", object, part{"scanId", "", "2"}, part{"sensorInstanceId", "", "b"}); a.status != 400 || !strings.Contains(a.problem.Detail, "not the same") {
		t.Errorf("two instances: %d %v", a.status, a.problem)
	}
	one := `{"scans":[{"scanId":"1","state":"not detected"}]}`
	for _, instance := range []string{"a", "b", "c"} {
		if got := s.settled("?sensorInstanceId=" + instance); got != one {
			t.Errorf("instance %s: %s", instance, got)
		}
	}
	if got := s.settled(""); strings.Count(got, "scanId") != 4 {
		t.Errorf("all instances: %s", got)
	}
	if a := s.get("scans/state?sensorInstanceId=d"); a.status != 204 {
		t.Errorf("an instance that has nothing: %d %s", a.status, a.body)
	}
}

func TestWrongFormsAreRefusedWithWhatToChange(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	many := []part{object}
	for i := range 20 {
		many = append(many, part{fmt.Sprint("f", i), "", "x"})
	}
	for name, c := range map[string]struct {
		parts  []part
		detail string
	}{
		"no object":                 {[]part{{"scanId", "", "1"}}, "-F content=@FILE"},
		"an object without a name":  {[]part{{"content", "", "/etc/passwd"}}, "with the @"},
		"two objects":               {[]part{object, object}, "more than once"},
		"another file":              {[]part{{"file", "x", "y"}, object}, "nowhere else"},
		"scanID and scanId":         {[]part{object, {"scanID", "", "1"}, {"scanId", "", "1"}}, "more than once"},
		"scanid":                    {[]part{object, {"scanid", "", "1"}}, "written scanId"},
		"Content":                   {[]part{{"Content", "x", "y"}}, "written content"},
		"sensorInstanceID":          {[]part{object, {"sensorInstanceID", "", "1"}}, "written sensorInstanceId"},
		"two scanIds":               {[]part{object, {"scanId", "", "1"}, {"scanId", "", "1"}}, "more than once"},
		"a space in scanId":         {[]part{object, {"scanId", "", "a b"}}, "1 to 128 characters"},
		"a path as scanId":          {[]part{object, {"scanId", "", "../../x"}}, "1 to 128 characters"},
		"NUL in scanId":             {[]part{object, {"scanId", "", "a\x00"}}, "1 to 128 characters"},
		"an empty scanId":           {[]part{object, {"scanId", "", ""}}, "1 to 128 characters"},
		"a long scanId":             {[]part{object, {"scanId", "", strings.Repeat("a", 129)}}, "1 to 128 characters"},
		"a bad instance":            {[]part{object, {"sensorInstanceId", "", "a\nb"}}, "sensorInstanceId"},
		"another type":              {[]part{object, {"objectType", "", "url"}}, "objectType is file"},
		"a long field":              {[]part{object, {"comment", "", strings.Repeat("a", 5000)}}, "too long"},
		"more parts than there may": {many, "at most 20 parts"},
		"a part without a name":     {[]part{object, {"", "", "x"}}, "no name"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.submit("", c.parts...)
			if a.status != 400 || a.problem == nil || a.problem.Code != problem.BadRequest || !strings.Contains(a.problem.Detail, c.detail) {
				t.Fatalf("answered %d %v, want %q", a.status, a.problem, c.detail)
			}
			if look := s.look(); !strings.Contains(look.LastError, c.detail) {
				t.Errorf("the administrator sees %q", look.LastError)
			}
		})
	}
	for name, query := range map[string]string{
		"twice": "?sensorInstanceId=a&sensorInstanceId=b", "malformed": "?sensorInstanceId=%zz", "misspelt": "?sensorinstanceid=a", "bad": "?sensorInstanceId=a%20b",
	} {
		if a := s.submit(query, object); a.status != 400 || a.problem.Code != problem.BadRequest {
			t.Errorf("instance %s in the query: %d %v", name, a.status, a.problem)
		}
	}
	w.nothingLeft()
	if s.get("scans/state").status != 204 {
		t.Error("something was taken")
	}
}

func TestOtherBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	_, form := formOf(t, object)
	for name, c := range map[string]struct{ contentType, body string }{
		"no type":          {"", form},
		"JSON":             {"application/json", "{}"},
		"urlencoded":       {"application/x-www-form-urlencoded", "content=x"},
		"mixed":            {"multipart/mixed; boundary=x", form},
		"no boundary":      {"multipart/form-data", form},
		"a long boundary":  {"multipart/form-data; boundary=" + strings.Repeat("a", 71), form},
		"another boundary": {"multipart/form-data; boundary=other", form},
		"malformed type":   {"multipart/form-data; boundary=\"", form},
		"nothing":          {"multipart/form-data; boundary=x", ""},
	} {
		if a := s.post("", c.contentType, strings.NewReader(c.body)); a.status != 400 || a.problem.Code != problem.BadRequest {
			t.Errorf("%s: %d %v", name, a.status, a.problem)
		}
	}
	w.nothingLeft()
}

// counted counts what is read of a body.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// formAround is a form with an object of a size, without holding it.
func formAround(t testing.TB, size int64, parts ...part) (contentType string, body io.Reader, length int64) {
	t.Helper()
	const mark = "HERE"
	contentType, whole := formOf(t, append([]part{{"content", "big.bin", mark}}, parts...)...)
	before, after, _ := strings.Cut(whole, mark)
	return contentType, io.MultiReader(strings.NewReader(before), io.LimitReader(zeros{}, size), strings.NewReader(after)), int64(len(before)+len(after)) + size
}

func TestTooLargeAnObjectIsRefused(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	w := open(t, options{limits: scan.Limits{MaxObjectSize: most}})
	s := w.system("mail-1")
	tooLarge := func(name string, size int64, announce bool, expect bool) *counted {
		t.Helper()
		contentType, body, length := formAround(t, size)
		sent := &counted{Reader: body}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("scans"), sent)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		if announce {
			r.ContentLength = length
		}
		if expect {
			r.Header.Set("Expect", "100-continue")
		}
		a, err := s.do(r)
		if err != nil || a.status != 413 || a.problem.Code != problem.TooLarge || !strings.Contains(a.problem.Detail, fmt.Sprint(most)) {
			t.Errorf("%s: %d %v, %v", name, a.status, a.problem, err)
		}
		return sent
	}
	tooLarge("one byte more", most+1, true, false)
	tooLarge("chunked", most+1, false, false)
	tooLarge("much, chunked", 16<<20, false, false)
	tooLarge("much, announced", 16<<20, true, false)
	if sent := tooLarge("much, announced, asked first", 16<<20, true, true); sent.n != 0 {
		t.Errorf("%d bytes were sent that nobody wanted", sent.n)
	}
	contentType, body, _ := formAround(t, most, part{"scanId", "", "1"})
	if a := s.post("", contentType, body); a.status != 200 {
		t.Errorf("an object of exactly the limit: %d %v", a.status, a.problem)
	}
	s.settled("")
	w.nothingLeft()
}

func TestBodyIsAskedForOnlyWhenItIsWanted(t *testing.T) {
	t.Parallel()
	w := open(t, options{limits: scan.Limits{InFlightPerSystem: 1}})
	s := w.system("mail-1")
	expect := func(contentType, body string) (answer, int64) {
		t.Helper()
		sent := &counted{Reader: strings.NewReader(body)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("scans"), sent)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = int64(len(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Expect", "100-continue")
		a, err := s.do(r)
		if err != nil {
			t.Fatal(err)
		}
		return a, sent.n
	}
	contentType, body := formOf(t, object, part{"scanId", "", "1"})
	if a, n := expect("text/plain", body); a.status != 400 || n != 0 {
		t.Errorf("a body that is no form: %d, %d bytes sent", a.status, n)
	}
	w.scanning.shut()
	if a, n := expect(contentType, body); a.status != 200 || n == 0 {
		t.Errorf("a wanted body: %d, %d bytes sent", a.status, n)
	}
	a, n := expect(contentType, strings.Replace(body, "an object", "another object", 1))
	if a.status != 429 || a.problem.Code != problem.Busy || a.problem.RetryAfter < 1 || n != 0 {
		t.Errorf("a body without room: %d %v, %d bytes sent", a.status, a.problem, n)
	}
}

// late hands the body on when the server's time for the whole request is over,
// as that of a slow upload is.
type late struct {
	io.ReadCloser
	control *http.ResponseController
}

func (l late) Read(p []byte) (int, error) {
	if err := l.control.SetWriteDeadline(time.Unix(1, 0)); err != nil {
		return 0, err
	}
	return l.ReadCloser.Read(p)
}

func TestSlowUploadsGetTheirAnswer(t *testing.T) {
	t.Parallel()
	w := open(t, options{limits: scan.Limits{MaxObjectSize: 1 << 20}, wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = late{r.Body, http.NewResponseController(w)}
			h.ServeHTTP(w, r)
		})
	}})
	s := w.system("mail-1")
	s.taken("", object, part{"scanId", "", "1"})
	if a := s.submit("", part{"scanId", "", "1"}); a.status != 400 {
		t.Errorf("a wrong form: %d", a.status)
	}
	if a := s.submit("", wicked, part{"scanId", "", "1"}); a.status != 409 {
		t.Errorf("a scanId that is taken: %d", a.status)
	}
	contentType, body, _ := formAround(t, 2<<20)
	if a := s.post("", contentType, body); a.status != 413 {
		t.Errorf("too large: %d", a.status)
	}
}
