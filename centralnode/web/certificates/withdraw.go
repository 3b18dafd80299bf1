package certificates

import (
	"fmt"
	"net/http"
	"time"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// maxDelete bounds the certificates of one deletion; a page shows fewer.
const maxDelete = 500

// chosen reads which certificates were marked.
func chosen(marked []string) ([]pki.Fingerprint, error) {
	if len(marked) == 0 {
		return nil, &acts.Error{Code: acts.Invalid, Text: "no certificate is selected", Hint: "go back, select the check boxes of those to be deleted, then click Delete"}
	}
	if len(marked) > maxDelete {
		return nil, &acts.Error{Code: acts.Invalid, Text: fmt.Sprintf("%d certificates are selected, at most %d can be deleted at once", len(marked), maxDelete), Hint: "delete them in parts"}
	}
	all := make([]pki.Fingerprint, len(marked))
	for i, one := range marked {
		f, err := pki.ParseFingerprint(one)
		if err != nil {
			return nil, &acts.Error{Code: acts.Invalid, Text: "this is no fingerprint of a certificate", Hint: "go back and select certificates in the table", Err: err}
		}
		all[i] = f
	}
	return all, nil
}

// askDelete shows the window that asks before certificates are deleted.
func (m *room) askDelete(r *page.Request) (page.View, error) {
	marked := r.URL.Query()["certificate"]
	if len(marked) == 0 {
		return m.noneSelected(r)
	}
	all, err := chosen(marked)
	if err != nil {
		return page.View{}, err
	}
	p, err := m.backend.PreviewDeleteAgentCertificates(r.Context(), r.Actor, acts.DeleteAgentCertificates{Fingerprints: all})
	if err != nil {
		return page.View{}, err
	}
	c := page.Confirm{
		Title: "Delete " + certificates(len(all)), Above: above, Preview: p, Post: deleteAgents, Cancel: agentsPanel, Danger: true,
		Lines: []string{"They are taken off the list, and what they may not do any more is remembered."},
	}
	if len(all) == 1 {
		c.Lines = []string{"It is taken off the list, and what it may not do any more is remembered."}
	}
	for _, f := range all {
		c.Fields = append(c.Fields, page.Field{Name: "certificate", Value: f.String()})
	}
	return m.kit.Ask(c), nil
}

// noneSelected shows the page again, as it was.
func (m *room) noneSelected(r *page.Request) (page.View, error) {
	r.URL.Path = front // where links lead, and turning over
	s, err := m.look(r)
	if err != nil {
		return page.View{}, err
	}
	s.DeleteFault = "No certificate is selected: select the check boxes of those to be deleted, then click Delete."
	return page.View{Template: "certificates/page.html", Title: title, Data: s, Status: http.StatusUnprocessableEntity}, nil
}

func (m *room) delete(r *page.Request) (page.Outcome, error) {
	all, err := chosen(r.PostForm["certificate"])
	if err != nil {
		return page.Outcome{}, err
	}
	done, err := m.backend.DeleteAgentCertificates(r.Context(), r.Actor, acts.DeleteAgentCertificates{Fingerprints: all, Revision: r.Revision()})
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: front, Notice: withdrawn(certificates(len(done.Fingerprints))+" deleted", done)}, nil
}

// askValidation shows the window that asks before the switch is turned.
func (m *room) askValidation(r *page.Request) (page.View, error) {
	on := r.URL.Query().Get("on") == "yes"
	p, err := m.backend.PreviewSetValidation(r.Context(), r.Actor, acts.SetValidation{On: on})
	if err != nil {
		return page.View{}, err
	}
	c := page.Confirm{Title: "Turn off Validate Endpoint Agent TLS certificates", Above: above, Preview: p, Post: setValidation, Cancel: agentsPanel, Fields: []page.Field{{Name: "on", Value: "no"}}}
	if on {
		c.Title, c.Fields[0].Value, c.Danger = "Turn on Validate Endpoint Agent TLS certificates", "yes", true
	}
	return m.kit.Ask(c), nil
}

func (m *room) validation(r *page.Request) (page.Outcome, error) {
	in := acts.SetValidation{On: r.PostFormValue("on") == "yes", Revision: r.Revision()}
	done, err := m.backend.SetValidation(r.Context(), r.Actor, in)
	if err != nil {
		return page.Outcome{}, err
	}
	text := "Validate Endpoint Agent TLS certificates is off"
	if in.On {
		text = "Validate Endpoint Agent TLS certificates is on"
	}
	return page.Outcome{To: front, Notice: withdrawn(text, done)}, nil
}

// withdrawn tells what an act ended.
func withdrawn(text string, w acts.Withdrawal) page.Notice {
	n := page.Notice{Kind: page.Done, Title: text}
	switch w.Cut {
	case 0:
		n.Lines = append(n.Lines, "No connection had to be cut.")
	case 1:
		n.Lines = append(n.Lines, "1 connection was cut, within "+took(w.Took)+".")
	default:
		n.Lines = append(n.Lines, fmt.Sprintf("%d connections were cut, within %s.", w.Cut, took(w.Took)))
	}
	if w.Sensors > 0 {
		n.Lines = append(n.Lines, fmt.Sprintf("Sensors that have the new list: %d.", w.Sensors))
	}
	for _, name := range w.Late {
		n.Kind = page.Caution
		n.Lines = append(n.Lines, "The Sensor "+name+" did not say in time that it has the new list. What comes through it is refused here.")
	}
	return n
}

func took(d time.Duration) string {
	if d < time.Millisecond {
		return "1 ms"
	}
	return d.Round(time.Millisecond).String()
}
