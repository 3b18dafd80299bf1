package response

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"vedette/proto/problem"
)

// The most bytes that the body of a request may have. Prevention names files by
// the ten thousand.
const (
	maxBody           = 64 << 10
	maxPreventionBody = 1 << 20
)

// body is a decoded body that can say what is wrong with it, or nothing.
type body interface{ check() string }

// checkBody reads a body to its end and says what is wrong with it. Members that
// are not known are for others.
func checkBody[T body](from io.Reader, most int64) *problem.Problem {
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem.Problem{Title: "Too slow", Status: http.StatusRequestTimeout, Code: problem.TooSlow, Detail: "The body did not arrive in time."}
	case err != nil:
		return badRequest("The body ended early.")
	case int64(len(text)) > most:
		return &problem.Problem{
			Title: "Body too large", Status: http.StatusRequestEntityTooLarge, Code: problem.TooLarge,
			Detail: fmt.Sprintf("This body may have at most %d bytes.", most),
		}
	}
	var b T
	var kind *json.UnmarshalTypeError
	switch err := json.Unmarshal(text, &b); {
	case errors.As(err, &kind):
		return badRequest(fmt.Sprintf("A member of the body has another type than documented; it ends at byte %d.", kind.Offset))
	case err != nil:
		return badRequest("The body must be one JSON object, with names in double quotes.")
	}
	if what := b.check(); what != "" {
		return badRequest(what + ".")
	}
	return nil
}
