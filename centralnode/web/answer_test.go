package web

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAPanicStaysInItsRequest sends others on the same connection afterwards.
func TestAPanicStaysInItsRequest(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		var log bytes.Buffer
		s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))}
		mux := http.NewServeMux()
		mux.HandleFunc("/before", func(http.ResponseWriter, *http.Request) { panic("boom at \x1b once") })
		mux.HandleFunc("/within", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half of it")
			panic("boom later")
		})
		mux.HandleFunc("/fine", func(http.ResponseWriter, *http.Request) {})
		handler := s.recovered(mux)
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(newAnswer(w, func() bool { return false }, false), r)
		}))
		server.EnableHTTP2 = h2
		server.StartTLS()
		get := func(path string) (*http.Response, string, error) {
			res, err := server.Client().Get(server.URL + path)
			if err != nil {
				return nil, "", err
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			return res, string(text), err
		}
		res, text, err := get("/before")
		if err != nil || res.StatusCode != http.StatusInternalServerError || !strings.Contains(text, "log has the cause") || strings.Contains(text, "boom") {
			t.Errorf("%v %q, %v", res, text, err)
		}
		if _, text, err := get("/within"); err == nil {
			t.Errorf("an answer that is not whole looks whole: %q", text)
		}
		if res, _, err := get("/fine"); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%v, %v", res, err)
		}
		server.Close()
		if !strings.Contains(log.String(), "boom later") || strings.Contains(log.String(), "\x1b") || strings.Count(log.String(), "stack=") < 2 {
			t.Errorf("the log says %q", log.String())
		}
	}
}
