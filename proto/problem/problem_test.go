package problem_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/proto/problem"
)

func TestWrittenProblemIsReadBack(t *testing.T) {
	want := problem.Problem{Title: "Certificate withdrawn", Status: 401, Detail: "ask your administrator", Code: problem.Withdrawn, RetryAfter: 1500 * time.Millisecond}
	rec := httptest.NewRecorder()
	problem.Write(rec, &want)
	res := rec.Result()
	if res.StatusCode != 401 || res.Header.Get("WWW-Authenticate") == "" || res.Header.Get("Retry-After") != "2" {
		t.Fatalf("status %d, headers %v", res.StatusCode, res.Header)
	}
	got, ok := problem.Read(res)
	want.RetryAfter = 2 * time.Second
	if !ok || *got != want {
		t.Fatalf("read %+v, %v; want %+v", got, ok, want)
	}
}

func TestReadLeavesOtherBodiesAlone(t *testing.T) {
	for name, res := range map[string]struct{ kind, body string }{
		"connect error": {"application/json", `{"code":"internal"}`},
		"no code":       {problem.ContentType, `{"title":"x"}`},
		"half a body":   {problem.ContentType, `{"code":"withdr`},
		"endless body":  {problem.ContentType, `{"code":"` + strings.Repeat("a", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			rec.Header().Set("Content-Type", res.kind)
			rec.WriteHeader(http.StatusUnauthorized)
			_, _ = rec.WriteString(res.body)
			if p, ok := problem.Read(rec.Result()); ok {
				t.Fatalf("read %+v", p)
			}
		})
	}
}
