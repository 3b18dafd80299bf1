package scanner

import (
	"context"
	"errors"
	"net/http"

	"vedette/centralnode/external"
	"vedette/centralnode/scan"
	"vedette/proto/problem"
)

// deleteOne answers DELETE scans/{scan}.
func (a *API) deleteOne(w http.ResponseWriter, r *http.Request, call *external.Call) {
	a.deleteScan(w, r, call, r.PathValue("scan"))
}

// deleteNamed answers DELETE of a scanId that is also the name of another path.
func (a *API) deleteNamed(id string) func(http.ResponseWriter, *http.Request, *external.Call) {
	return func(w http.ResponseWriter, r *http.Request, call *external.Call) { a.deleteScan(w, r, call, id) }
}

func (a *API) deleteScan(w http.ResponseWriter, r *http.Request, call *external.Call, id string) {
	q, p := queryOf(r.URL)
	var instance string
	if p == nil {
		instance, p = q.instance()
	}
	if p == nil && !isID(id) {
		p = noSuchResult() // no object can have been submitted with it
	}
	if p != nil {
		call.Fail(w, p)
		return
	}
	a.removed(w, r, call, a.admitted(r, call, func(ctx context.Context) error {
		err := a.c.Scans.Delete(ctx, scan.Key{System: call.System.ID, Instance: instance, ScanID: id})
		if instance != "" || !errors.Is(err, scan.ErrNotFound) {
			return err
		}
		return a.deleteOnly(ctx, call.System.ID, id)
	}))
}

// errSeveral says that the caller has to choose.
var errSeveral = errors.New("several instances have this scan ID")

// deleteOnly deletes the scan of an ID whose instance the caller did not name,
// when only one has it.
func (a *API) deleteOnly(ctx context.Context, system, id string) error {
	switch instances := a.c.Scans.Instances(system, id); len(instances) {
	case 0:
		return scan.ErrNotFound
	case 1:
		return a.c.Scans.Delete(ctx, scan.Key{System: system, Instance: instances[0], ScanID: id})
	default:
		return errSeveral
	}
}

// deleteAll answers DELETE scans.
func (a *API) deleteAll(w http.ResponseWriter, r *http.Request, call *external.Call) {
	q, p := queryOf(r.URL)
	var instance string
	if p == nil {
		instance, p = q.instance()
	}
	if p != nil {
		call.Fail(w, p)
		return
	}
	// In parts, so that a withdrawal need not wait for all of it.
	d, err := a.c.Scans.Deletion(call.System.ID, instance, instance == "")
	for first, left := true, true; err == nil && left; first = false {
		err = a.admitted(r, call, func(ctx context.Context) error {
			n, err := d.Next(ctx)
			if left = n > 0; err == nil && first && !left {
				err = scan.ErrNotFound
			}
			return err
		})
	}
	a.removed(w, r, call, err)
}

// admitted does something that becomes durable while the caller has the right to
// it.
func (a *API) admitted(r *http.Request, call *external.Call, do func(context.Context) error) error {
	admission, err := call.Admit(r.Context())
	if err != nil {
		panic(http.ErrAbortHandler) // withdrawn or gone: the answer reaches nobody
	}
	defer admission.Release()
	return do(r.Context())
}

// removed answers a deletion.
func (a *API) removed(w http.ResponseWriter, r *http.Request, call *external.Call, err error) {
	switch {
	case err == nil:
		ok(w)
	case errors.Is(err, scan.ErrNotFound):
		call.Fail(w, noSuchResult())
	case errors.Is(err, errSeveral):
		call.Fail(w, badRequest("Several instances have a result with this scanId. Say which one with sensorInstanceId."))
	case r.Context().Err() != nil:
		panic(http.ErrAbortHandler)
	default:
		call.Fail(w, a.refusal(err))
	}
}

func noSuchResult() *problem.Problem {
	return &problem.Problem{Title: "No such result", Status: http.StatusNotFound, Code: problem.NotFound, Detail: "This system has no such result."}
}
