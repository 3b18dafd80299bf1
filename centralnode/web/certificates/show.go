package certificates

import (
	"net/http"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// shown is the page of both certificates.
type shown struct {
	Server acts.ServerCertificate
	// ServerFaults are those of a file that was to become the server certificate,
	// AgentFaults those of files for the list.
	ServerFaults, AgentFaults acts.FileFaults
	DeleteFault               string
	Agents                    table
	Form                      agentForm
	Keys                      []page.Option
}

// show shows the page.
func (m *room) show(r *page.Request) (page.View, error) {
	s, err := m.look(r)
	if err != nil {
		return page.View{}, err
	}
	return page.View{Template: "certificates/page.html", Title: title, Data: s, Live: r.Method == http.MethodGet}, nil
}

func (m *room) look(r *page.Request) (s shown, err error) {
	ctx := r.Context()
	if s.Server, err = m.backend.ServerCertificate(ctx, r.Actor); err != nil {
		return s, err
	}
	if s.Agents, err = m.table(ctx, r); err != nil {
		return s, err
	}
	s.Keys = keyOptions("")
	s.Form.Keys = s.Keys
	return s, nil
}

// again shows the page with what was wrong about a form on it.
func (m *room) again(r *page.Request, fill func(*shown)) (page.Outcome, error) {
	s, err := m.look(r)
	if err != nil {
		return page.Outcome{}, err
	}
	fill(&s)
	return page.Outcome{Page: &page.View{Template: "certificates/page.html", Title: title, Data: s, Status: http.StatusUnprocessableEntity}}, nil
}

// keyOptions are the kinds of keys to choose from.
func keyOptions(chosen pki.KeyKind) []page.Option {
	if chosen == "" {
		chosen = pki.KeyECDSAP256
	}
	return []page.Option{
		{Value: string(pki.KeyECDSAP256), Text: "ECDSA P-256", Chosen: chosen == pki.KeyECDSAP256},
		{Value: string(pki.KeyRSA3072), Text: "RSA 3072, for peers that know no ECDSA: a signature costs 31 times as much", Chosen: chosen == pki.KeyRSA3072},
	}
}
