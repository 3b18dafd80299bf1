package openapitest_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"vedette/proto/openapi/openapitest"
	"vedette/proto/problem"
)

const scans = "/kata/scanner/v1/sensors/mail-1/scans"

// verdicts takes the place of a test, to see what it is told.
type verdicts struct {
	testing.TB
	mu   sync.Mutex
	told []string
}

func (v *verdicts) Helper() {}

func (v *verdicts) Errorf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.told = append(v.told, fmt.Sprintf(format, args...))
}

func answer(kind, body string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func refuse(status int, code problem.Code) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		problem.Write(w, &problem.Problem{Title: "No", Status: status, Code: code})
	}
}

func formOf(t *testing.T, build func(*multipart.Writer)) (contentType string, body *bytes.Buffer) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	build(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), body
}

func file(t *testing.T, w *multipart.Writer, name string) {
	t.Helper()
	p, err := w.CreateFormFile(name, "a.bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p, "object"); err != nil {
		t.Fatal(err)
	}
}

func field(t *testing.T, w *multipart.Writer, name, value string) {
	t.Helper()
	if err := w.WriteField(name, value); err != nil {
		t.Fatal(err)
	}
}

func TestExchangesAreHeldAgainstTheDescription(t *testing.T) {
	e := openapitest.New(t)
	good := func(w *multipart.Writer) { file(t, w, "content"); field(t, w, "scanId", "1") }
	for name, c := range map[string]struct {
		method, path string
		form         func(*multipart.Writer)
		h            http.Handler
		fault        string // part of what the test is told; empty: nothing
	}{
		"a taken object":                            {"POST", scans, good, answer("text/plain", "OK", 200), ""},
		"another text":                              {"POST", scans, good, answer("text/plain", "OK\n", 200), "submitScan"},
		"another type of answer":                    {"POST", scans, good, answer("application/json", `"OK"`, 200), "Content-Type"},
		"an object without a file name":             {"POST", scans, func(w *multipart.Writer) { field(t, w, "content", "x") }, answer("text/plain", "OK", 200), "no file name"},
		"no object":                                 {"POST", scans, func(w *multipart.Writer) { field(t, w, "scanId", "1") }, answer("text/plain", "OK", 200), "content"},
		"a wrong scanId that was taken":             {"POST", scans, func(w *multipart.Writer) { file(t, w, "content"); field(t, w, "scanId", "a b") }, answer("text/plain", "OK", 200), "scanId"},
		"a wrong request that was refused":          {"POST", scans, func(w *multipart.Writer) { field(t, w, "scanId", "a b") }, refuse(400, problem.BadRequest), ""},
		"a status that is not described":            {"POST", scans, good, refuse(418, problem.BadRequest), "not described"},
		"a code that is not described":              {"POST", scans, good, refuse(400, "oops"), "code"},
		"429 without Retry-After":                   {"POST", scans, good, refuse(429, problem.Busy), "Retry-After"},
		"a member that is not described":            {"GET", scans + "/state", nil, answer("application/json", `{"scans":[{"scanId":"1","state":"detect","why":1}]}`, 200), "why"},
		"a state that is not described":             {"GET", scans + "/state", nil, answer("application/json", `{"scans":[{"scanId":"1","state":"clean"}]}`, 200), "state"},
		"described states":                          {"GET", scans + "/state?state=detect,not%20detected", nil, answer("application/json", `{"scans":[{"scanId":"1","state":"not detected"}]}`, 200), ""},
		"an unknown state that was taken":           {"GET", scans + "/state?state=clean", nil, answer("application/json", `{"scans":[]}`, 200), "state"},
		"nothing with a body":                       {"GET", scans + "/state", nil, answer("text/plain", "", 204), "no body is described"},
		"nothing":                                   {"GET", scans + "/state", nil, answer("", "", 204), ""},
		"a limit beyond the bounds that was taken":  {"GET", "/kata/scanner/v1/sensors/a/detects?limit=0", nil, answer("application/json", `{"detects":[],"token":"7b7d"}`, 200), "limit"},
		"a path that is not described":              {"GET", "/kata/other", nil, refuse(404, problem.NotFound), ""},
		"a path that is not described and answered": {"GET", "/kata/other", nil, answer("text/plain", "hello", 200), "not described"},
		"an unknown method without Allow":           {"PUT", scans, nil, refuse(405, problem.BadRequest), "Allow"},
		"an unknown method of an unknown caller":    {"PUT", scans, nil, refuse(401, problem.Pending), ""},
		"a body with another status":                {"GET", scans + "/filters", nil, answer(problem.ContentType, `{"title":"x","status":400,"code":"busy"}`, 503), "503"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.h)
			defer server.Close()
			for _, way := range []string{"transport", "handler"} {
				v := &verdicts{TB: t}
				client, base := &http.Client{Transport: e.Transport(v, http.DefaultTransport)}, server.URL
				if way == "handler" {
					judged := httptest.NewServer(e.Handler(v, c.h))
					defer judged.Close()
					client, base = judged.Client(), judged.URL
				}
				r, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if c.form != nil {
					kind, body := formOf(t, c.form)
					r.Body, r.ContentLength = io.NopCloser(body), int64(body.Len())
					r.Header.Set("Content-Type", kind)
				}
				res, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil {
					t.Error(err)
				}
				_ = res.Body.Close()
				v.mu.Lock()
				told := strings.Join(v.told, "\n")
				v.mu.Unlock()
				if (c.fault == "") != (told == "") || !strings.Contains(told, c.fault) {
					t.Errorf("%s was told %q, want %q", way, told, c.fault)
				}
			}
		})
	}
}

func TestMissingNamesWhatWasNotAnswered(t *testing.T) {
	e := openapitest.New(t)
	before := e.Missing("getScanStates")
	if !slices.Contains(before, "getScanStates 204") || !slices.Contains(before, "getScanStates 401") {
		t.Fatalf("missing at the start: %q", before)
	}
	if all := e.Missing(); len(all) <= len(before) || len(e.Operations()) < 10 {
		t.Fatalf("missing of all: %q, of %q", all, e.Operations())
	}
	server := httptest.NewServer(answer("", "", 204))
	defer server.Close()
	res, err := (&http.Client{Transport: e.Transport(t, http.DefaultTransport)}).Get(server.URL + scans + "/state")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	after := e.Missing("getScanStates")
	if slices.Contains(after, "getScanStates 204") || len(after) != len(before)-1 || e.Counts()["getScanStates 204"] != 1 {
		t.Fatalf("missing after 204: %q, counts %v", after, e.Counts())
	}
}

// pattern is an endless body of a limited size.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestBodiesAreNotHeld(t *testing.T) {
	const size = 64 << 20
	server := httptest.NewServer(openapitest.Handler(t, answer("text/plain", "OK", 200)))
	defer server.Close()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		p, err := form.CreateFormFile("content", "big")
		if err == nil {
			_, err = io.Copy(p, io.LimitReader(pattern{}, size))
		}
		if err == nil {
			err = form.Close()
		}
		_ = w.CloseWithError(err)
	}()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	client := &http.Client{Transport: openapitest.Transport(t, http.DefaultTransport)}
	res, err := client.Post(server.URL+scans, form.FormDataContentType(), r)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > size/4 {
		t.Errorf("an object of %d bytes cost %d bytes of memory", size, grown)
	}
}
