package scanner

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"vedette/centralnode/external"
	"vedette/centralnode/scan"
	"vedette/internal/acts"
	"vedette/proto/problem"
)

// submit answers POST scans.
func (a *API) submit(w http.ResponseWriter, r *http.Request, call *external.Call) {
	b := newBody(r.Body, http.NewResponseController(w), a.stall)
	defer b.stop()
	err := a.take(r, call, b)
	if err == nil {
		call.Submitted()
		ok(w)
		return
	}
	if errors.Is(err, errGone) || b.broken() && withdrawn(r, call) {
		panic(http.ErrAbortHandler)
	}
	var p *problem.Problem
	if !errors.As(err, &p) {
		p = a.bodyFault(err, b)
	}
	a.refuse(w, r, call, b, p)
}

// errGone says that nobody waits for the answer: the caller was withdrawn and
// cut, or went away.
var errGone = errors.New("the caller is gone")

// withdrawn reports whether the connection ended because the caller's right did:
// that is no fault of the caller, and nobody reads an answer.
func withdrawn(r *http.Request, call *external.Call) bool {
	admission, err := call.Admit(context.WithoutCancel(r.Context()))
	if err != nil {
		return true
	}
	admission.Release()
	return false
}

// take takes an object. An error that is no *problem.Problem is what ended the
// body, or a room's.
func (a *API) take(r *http.Request, call *external.Call, b *body) error {
	q, p := queryOf(r.URL)
	if p != nil {
		return p
	}
	instance, p := q.instance()
	if p != nil {
		return p
	}
	boundary, p := boundaryOf(r.Header)
	if p != nil {
		return p
	}
	if r.ContentLength > a.c.Scans.Limits().MaxObjectSize+maxEnvelope {
		return a.tooLarge()
	}
	// What comes before this answers without the body, and without the 100 that a
	// caller may wait for: the first read sends it.
	u, err := a.begin(call.System.ID)
	if err != nil {
		return err
	}
	defer u.Abandon()
	f, err := a.readForm(b, boundary, u)
	if err != nil {
		return err
	}
	switch {
	case instance == "":
		instance = f.instance
	case f.instance != "" && f.instance != instance:
		return badRequest("sensorInstanceId is given twice, in the query and in the body, and is not the same.")
	}
	admission, err := call.Admit(r.Context())
	if err != nil {
		return errGone
	}
	defer admission.Release()
	err = u.Commit(r.Context(), scan.Submission{
		Key:  scan.Key{System: call.System.ID, Instance: instance, ScanID: f.scanID},
		Leaf: call.System.Leaf, SystemName: call.Name, Mail: call.Type == acts.MailSensor,
		Name: f.name, Remote: call.Remote.String(),
	})
	if err != nil && r.Context().Err() != nil {
		return errGone
	}
	return err
}

// bodyFault says what is wrong when a body could not be read to its end, or
// leaves it to the rooms.
func (a *API) bodyFault(err error, b *body) *problem.Problem {
	if b.err == nil || !errors.Is(err, b.err) {
		return a.refusal(err)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem.Problem{
			Title: "The body came too slowly", Status: http.StatusRequestTimeout, Code: problem.TooSlow,
			Detail: "An upload has to arrive at 1 KiB a second or faster, without a pause of more than 30 s.",
		}
	case errors.Is(err, errEnvelope):
		return badRequest("The body has too much beside the object: boundaries, headers of parts and fields may have 32 KiB in all.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("The body ended early.")
	default:
		return badRequest("The body could not be read.")
	}
}

// refuse answers a caller that may still be sending. A connection that is closed
// while data arrives takes the answer with it, so the caller is listened to until
// it has ended, has stopped or has had enough time.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, call *external.Call, b *body, p *problem.Problem) {
	b.stop()
	control := http.NewResponseController(w)
	// Whatever fails here and below fails because the caller is gone.
	_ = control.SetWriteDeadline(time.Now().Add(answerTimeout))
	if errors.Is(b.err, io.EOF) || r.ContentLength == 0 {
		call.Fail(w, p) // everything was read: the connection may stay
		return
	}
	// Reading on after the answer is what full duplex permits.
	_ = control.EnableFullDuplex()
	w.Header().Set("Connection", "close")
	// With its length the answer is whole when it is flushed, and not when this
	// returns.
	w.Header().Set("Content-Length", strconv.FormatInt(length(p), 10))
	call.Fail(w, p)
	waits := b.read == 0 && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	unread := b.err == nil || errors.Is(b.err, errEnvelope)
	if control.Flush() == nil && !waits && unread {
		a.listen(r.Body, control)
	}
	_ = control.SetReadDeadline(longAgo) // net/http reads what is there, and waits for nothing
}

// length is how many bytes the body of a problem has.
func length(p *problem.Problem) int64 {
	m := measure{header: make(http.Header)}
	problem.Write(&m, p)
	return m.bytes
}

// measure counts what is written to it.
type measure struct {
	header http.Header
	bytes  int64
}

func (m *measure) Header() http.Header { return m.header }
func (m *measure) WriteHeader(int)     {}

func (m *measure) Write(p []byte) (int, error) {
	m.bytes += int64(len(p))
	return len(p), nil
}

// listen reads and forgets.
func (a *API) listen(from io.Reader, control *http.ResponseController) {
	buffer := a.buffers.Get().(*[bufferSize]byte)
	defer a.buffers.Put(buffer)
	end := time.Now().Add(a.linger)
	timer := time.AfterFunc(a.linger, func() { _ = control.SetReadDeadline(longAgo) })
	defer timer.Stop()
	for {
		left := min(time.Until(end), a.linger/6)
		if left <= 0 {
			break
		}
		timer.Reset(left)
		if _, err := from.Read(buffer[:]); err != nil {
			break
		}
	}
}
