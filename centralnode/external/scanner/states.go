package scanner

import (
	"errors"
	"net/http"

	"vedette/centralnode/external"
	"vedette/centralnode/scan"
)

// stateOf is one element of the documented list of states.
type stateOf struct {
	ScanID string     `json:"scanId"`
	State  scan.State `json:"state"`
}

// states answers GET scans/state.
func (a *API) states(w http.ResponseWriter, r *http.Request, call *external.Call) {
	q, p := queryOf(r.URL)
	var instance string
	if p == nil {
		instance, p = q.instance()
	}
	var words []string
	if p == nil {
		words, p = q.list("state")
	}
	var want []scan.State
	for _, word := range words {
		state := scan.State(word)
		if !state.Known() {
			p = badRequest("The states are: processing, detect, not detected, timeout, error.")
			break
		}
		want = append(want, state)
	}
	if p != nil {
		call.Fail(w, p)
		return
	}
	leave, free := a.lists.take(call.System.ID)
	if !free {
		call.Fail(w, busyReading())
		return
	}
	defer leave()
	scans := a.c.Scans.States(call.System.ID, instance, instance == "", want)
	if len(scans) == 0 {
		if st := a.c.Scans.Status(r.Context()); st.Degraded {
			// Perhaps it cannot be known what there is: that is not the same as nothing.
			call.Fail(w, a.refusal(errors.New(st.Reason)))
			return
		}
		head(w, "")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d := newDocument(w)
	d.text(`{"scans":[`)
	elements(d, 0, scans, func(s scan.Scan) stateOf { return stateOf{s.Key.ScanID, s.State} })
	d.text("]}\n")
	d.end()
}

// filters answers GET scans/filters.
func (a *API) filters(w http.ResponseWriter, _ *http.Request, _ *external.Call) {
	d := newDocument(w)
	d.value(struct {
		MaxObjectSize int64  `json:"maxObjectSize"`
		Version       string `json:"version"`
	}{a.c.Scans.Limits().MaxObjectSize, a.c.Version})
	d.text("\n")
	d.end()
}
