package scanner

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"vedette/centralnode/external"
	"vedette/centralnode/scan"
	"vedette/internal/acts"
	"vedette/internal/farewell"
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

// refuse answers a caller that may still be sending.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, call *external.Call, b *body, p *problem.Problem) {
	b.stop()
	// Whatever fails here fails because the caller is gone.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	fail := func(w http.ResponseWriter) { call.Fail(w, p) }
	switch {
	case errors.Is(b.err, io.EOF) || r.ContentLength == 0:
		fail(w) // everything was read: the connection may stay
	case b.err == nil || errors.Is(b.err, errEnvelope):
		farewell.Give(w, r, farewell.Limits{Whole: a.linger, Stall: a.linger / 6}, b.read > 0, fail)
	default:
		w.Header().Set("Connection", "close") // nothing comes any more
		fail(w)
	}
}
