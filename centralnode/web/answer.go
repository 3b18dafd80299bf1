package web

import (
	"net/http"
	"time"
)

// writeTimeout bounds an answer, and each piece of one that goes on.
const writeTimeout = time.Minute

// answer is a response that knows whether it was begun, and that says on its
// connection that it is the last one there when the certificate was replaced
// meanwhile: net/http ends the connection after it, of HTTP/2 by GOAWAY.
type answer struct {
	http.ResponseWriter
	control *http.ResponseController
	last    func() bool
	begun   bool
	// flowing answers have no end: what is bounded is each piece.
	flowing bool
}

func newAnswer(w http.ResponseWriter, last func() bool, flowing bool) *answer {
	return &answer{ResponseWriter: w, control: http.NewResponseController(w), last: last, flowing: flowing}
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader begins the answer.
func (a *answer) WriteHeader(status int) {
	if status >= 200 && !a.begun {
		a.begun = true
		if a.last() {
			a.Header().Set("Connection", "close")
		}
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer where that was not done, and goes on with it.
func (a *answer) Write(p []byte) (n int, err error) {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	err = a.within(func() error {
		n, err = a.ResponseWriter.Write(p)
		return err
	})
	return n, err
}

// FlushError sends what was written.
func (a *answer) FlushError() error {
	if !a.begun {
		a.WriteHeader(http.StatusOK)
	}
	return a.within(a.control.Flush)
}

// Flush is FlushError for those who do not ask.
func (a *answer) Flush() { _ = a.FlushError() }

// within bounds one piece of an answer that goes on. Between pieces there is no
// deadline, which for HTTP/2 would end the stream.
func (a *answer) within(do func() error) error {
	if !a.flowing {
		return do()
	}
	if err := a.control.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return a.control.SetWriteDeadline(time.Time{})
}
