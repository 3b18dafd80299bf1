package openapitest

import (
	"bytes"
	"net/http"
	"testing"
)

// Handler judges what h answers.
func (e *Exchanges) Handler(t testing.TB, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mine := r.Clone(r.Context())
		watched := watch(mine)
		defer watched.end()
		heard := &heard{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(heard, mine)
		e.judge(t, exchange{request: mine, sent: watched, status: heard.status, header: w.Header(), answered: heard.body.Bytes()})
	})
}

// heard keeps what is answered.
type heard struct {
	http.ResponseWriter
	status  int
	decided bool
	body    bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (h *heard) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader notes the status; what is only informational is not the answer.
func (h *heard) WriteHeader(status int) {
	if !h.decided && status >= http.StatusOK {
		h.status, h.decided = status, true
	}
	h.ResponseWriter.WriteHeader(status)
}

// Write notes the body.
func (h *heard) Write(p []byte) (int, error) {
	h.decided = true
	if h.body.Len() < maxAnswer {
		h.body.Write(p)
	}
	return h.ResponseWriter.Write(p)
}
