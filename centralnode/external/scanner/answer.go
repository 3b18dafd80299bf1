package scanner

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"vedette/centralnode/scan"
	"vedette/proto/problem"
)

// busyRetry and storageRetry are when it is worth trying again, where nobody
// knows better.
const (
	busyRetry    = time.Second
	storageRetry = 30 * time.Second
)

func badRequest(detail string) *problem.Problem {
	return &problem.Problem{Title: "Bad request", Status: http.StatusBadRequest, Code: problem.BadRequest, Detail: detail}
}

// refusal puts an error of the rooms into a caller's words. The cause is for the
// log.
func (a *API) refusal(err error) *problem.Problem {
	var busy *scan.BusyError
	var storage *scan.StorageError
	switch {
	case errors.As(err, &busy):
		return &problem.Problem{
			Title: "Too many objects in flight", Status: http.StatusTooManyRequests, Code: problem.Busy,
			Detail: "No room for an object now: " + busy.Text + ". Submit it again later.", RetryAfter: max(busy.RetryAfter, busyRetry),
		}
	case errors.Is(err, scan.ErrTooLarge):
		return a.tooLarge()
	case errors.Is(err, scan.ErrScanIDTaken):
		return &problem.Problem{
			Title: "scanId is in use", Status: http.StatusConflict, Code: problem.ScanIDTaken,
			Detail: "Another object was submitted with this scanId. Give every object an ID of its own, or delete the result first.",
		}
	case errors.As(err, &storage):
		a.c.Logger.Warn("an object could not be kept", "error", err)
		return &problem.Problem{
			Title: "Objects cannot be kept now", Status: http.StatusServiceUnavailable, Code: problem.StorageFull,
			Detail: "This server cannot write at the moment; nothing of the request was kept. Send it again later.", RetryAfter: storageRetry,
		}
	default:
		a.c.Logger.Warn("a call of an external system could not be served", "error", err)
		return &problem.Problem{
			Title: "Not now", Status: http.StatusServiceUnavailable, Code: problem.Unavailable,
			Detail: "This server cannot serve the request at the moment. Send it again later.", RetryAfter: storageRetry,
		}
	}
}

func (a *API) tooLarge() *problem.Problem {
	return &problem.Problem{
		Title: "The object is too large", Status: http.StatusRequestEntityTooLarge, Code: problem.TooLarge,
		Detail: "An object may have at most " + strconv.FormatInt(a.c.Scans.Limits().MaxObjectSize, 10) + " bytes.",
	}
}

func busyReading() *problem.Problem {
	return &problem.Problem{
		Title: "Too many requests", Status: http.StatusTooManyRequests, Code: problem.Busy,
		Detail: "This system reads as many lists as it may at once. Read one to its end first.", RetryAfter: busyRetry,
	}
}

// head sets what all answers have in common.
func head(w http.ResponseWriter, contentType string) {
	h := w.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// ok is the documented success of what has nothing to tell.
func ok(w http.ResponseWriter) {
	head(w, "text/plain")
	_, _ = (&unhurried{w, http.NewResponseController(w)}).Write([]byte("OK")) // the peer may be gone
}

// unhurried writes an answer that may be long: each write has a time of its own,
// where the server's is for the whole request.
type unhurried struct {
	w       io.Writer
	control *http.ResponseController
}

// Write implements io.Writer.
func (u *unhurried) Write(p []byte) (int, error) {
	if err := u.control.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, err
	}
	return u.w.Write(p)
}

// document writes a JSON object in pieces, so that a long list is never there as
// a whole.
type document struct{ out *bufio.Writer }

// The first error of a document stays in out: the peer is gone then, and the
// rest goes nowhere.
func newDocument(w http.ResponseWriter) *document {
	head(w, "application/json")
	return &document{bufio.NewWriterSize(&unhurried{w, http.NewResponseController(w)}, bufferSize)}
}

func (d *document) text(s string) { _, _ = d.out.WriteString(s) }

// value writes v, a plain type of this package. It reports whether somebody
// still reads.
func (d *document) value(v any) bool {
	raw, err := json.Marshal(v)
	if err != nil { // our own plain types always marshal
		panic(err)
	}
	_, err = d.out.Write(raw)
	return err == nil
}

// elements writes elements of an array that has so many already, and returns how
// many they were.
func elements[T, V any](d *document, already int, list []T, put func(T) V) int {
	for i, e := range list {
		if already+i > 0 {
			d.text(",")
		}
		if !d.value(put(e)) {
			break
		}
	}
	return len(list)
}

func (d *document) end() { _ = d.out.Flush() }
