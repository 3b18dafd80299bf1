package openapitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// maxAnswer bounds what is held of an answer: the longest list is far below.
const maxAnswer = 64 << 20

// Transport judges what goes through next. An answer is passed on when it is
// there as a whole.
func (e *Exchanges) Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return &transport{e: e, t: t, next: next}
}

type transport struct {
	e    *Exchanges
	t    testing.TB
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (tr *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	tr.t.Helper()
	mine := r.Clone(r.Context()) // a round tripper may not change the request
	mine.Body = r.Body
	watched := watch(mine)
	res, err := tr.next.RoundTrip(mine)
	if err != nil {
		watched.end()
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if closed := res.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		watched.end()
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	tr.e.judge(tr.t, exchange{request: mine, sent: watched, status: res.StatusCode, header: res.Header, answered: body})
	watched.end()
	return res, nil
}
