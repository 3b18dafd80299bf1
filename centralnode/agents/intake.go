package agents

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"vedette/internal/budget"
	"vedette/proto/problem"
)

// The bounds of what agents may make the Central Node hold in memory at once,
// whoever they are and however many.
const (
	// maxBuffered bounds the bytes of bodies that have arrived and are not yet
	// answered.
	maxBuffered = 512 << 20
	// maxDecoding bounds the requests that are decoded and stored at once. The
	// event log is at its best with some tens.
	maxDecoding = 64
	// intakeBusy is when a caller may try again.
	intakeBusy = 5 * time.Second
)

// intake lets a request's body arrive before anything of it is decoded, and
// lets few be decoded at a time. A body that trickles in costs what has
// arrived of it and no more.
type intake struct {
	buffered atomic.Int64
	limit    int64
	decoding budget.Gate
}

func newIntake(limit int64, decoding int) *intake {
	return &intake{limit: limit, decoding: budget.NewGate(decoding)}
}

// errIntakeFull says that all bodies together are over the bound.
var errIntakeFull = errors.New("too much is arriving at once")

func (i *intake) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := i.read(r.Body, r.ContentLength)
		defer i.buffered.Add(-int64(len(body)))
		if err != nil {
			w.Header().Set("Connection", "close") // who knows where the next request begins
			problem.Write(w, intakeProblem(err))
			return
		}
		if err := i.enter(r.Context()); err != nil {
			// The agent keeps its connection: a new one is work that nobody has time for.
			problem.Write(w, intakeProblem(err))
			return
		}
		defer i.decoding.Leave()
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func (i *intake) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*intakeBusy)
	defer cancel()
	return i.decoding.Enter(ctx)
}

// read takes a whole body. What it returns is counted in buffered, also beside
// an error.
func (i *intake) read(r io.Reader, length int64) ([]byte, error) {
	const least = 4 << 10
	var body []byte
	if length > maxMessage {
		return nil, errTooLarge
	}
	for {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(max(2*cap(body), least), maxMessage+1))
			copy(grown, body)
			body = grown
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		held := i.buffered.Add(int64(n))
		switch {
		case len(body) > maxMessage:
			return body, errTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return body, err
		case held > i.limit:
			return body, errIntakeFull
		}
	}
}

var errTooLarge = errors.New("body is too large")

func intakeProblem(err error) *problem.Problem {
	switch {
	case errors.Is(err, errTooLarge):
		return &problem.Problem{Title: "Too large", Status: http.StatusRequestEntityTooLarge, Code: problem.TooLarge, Detail: "A request may have 4 MiB."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem.Problem{Title: "Too slow", Status: http.StatusRequestTimeout, Code: problem.TooSlow, Detail: "A request's body has to arrive at 1 KiB a second."}
	case errors.Is(err, errIntakeFull), errors.Is(err, context.DeadlineExceeded):
		return &problem.Problem{Title: "Busy", Status: http.StatusServiceUnavailable, Code: problem.Busy, Detail: "Nothing was taken. Send it again.", RetryAfter: intakeBusy}
	default:
		return &problem.Problem{Title: "Incomplete", Status: http.StatusBadRequest, Code: problem.BadRequest, Detail: "The request's body did not arrive whole."}
	}
}
