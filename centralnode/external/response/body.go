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

// maxBody bounds the body of a request, in bytes: prevention names files by the
// ten thousand.
const maxBody = 1 << 20

// body is a decoded body that can say what is wrong with it, or nothing.
type body interface{ check() string }

// checkBody reads a body to its end and says what is wrong with it. Members that
// are not known are for others.
func checkBody[T body](from io.Reader) *problem.Problem {
	text, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem.Problem{Title: "Too slow", Status: http.StatusRequestTimeout, Code: problem.TooSlow, Detail: "The body did not arrive in time."}
	case err != nil:
		return badRequest("The body ended early.")
	case len(text) > maxBody:
		return &problem.Problem{
			Title: "Body too large", Status: http.StatusRequestEntityTooLarge, Code: problem.TooLarge,
			Detail: fmt.Sprintf("A body has at most %d bytes.", maxBody),
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
