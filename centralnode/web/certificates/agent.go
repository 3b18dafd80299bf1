package certificates

import (
	"fmt"
	"net/http"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// agentForm is the form that generates an agent certificate, as it was filled
// in; passwords are never shown again.
type agentForm struct {
	Name       string
	Keys       []page.Option
	Compatible bool
	Only       bool // certificate only
	// What was wrong with the name, with the passwords, and with anything else.
	NameFault, PasswordFault, Fault string
	Open                            bool // something was chosen
}

// maxName is how many octets of a name fit into a certificate (RFC 5280, appendix
// A).
const maxName = 64

// generateAgent makes a certificate. The page comes back, and fetches the
// container by a link that works once.
func (m *room) generateAgent(r *page.Request) (page.Outcome, error) {
	in := acts.GenerateAgentCertificate{Name: r.Text("name"), Password: r.PostFormValue("password")}
	var err error
	if in.Compatible, err = second(r, "encoding", "modern", "compatible"); err != nil {
		return page.Outcome{}, err
	}
	if in.CertificateOnly, err = second(r, "content", "key", "certificate"); err != nil {
		return page.Outcome{}, err
	}
	if in.Key, err = keyKind(r.PostFormValue("key")); err != nil {
		return page.Outcome{}, err
	}
	form := agentForm{Name: in.Name, Keys: keyOptions(in.Key), Compatible: in.Compatible, Only: in.CertificateOnly, Open: true}
	if n := len(strings.TrimSpace(r.PostFormValue("name"))); n > maxName {
		form.NameFault = fmt.Sprintf("the name is too long for a certificate: %d bytes fit, it has %d", maxName, n)
	}
	if in.Password != r.PostFormValue("again") {
		form.PasswordFault = "the two passwords are different: enter the same one twice"
	}
	if form.NameFault != "" || form.PasswordFault != "" {
		return m.again(r, func(s *shown) { s.Form = form })
	}
	made, err := m.backend.GenerateAgentCertificate(r.Context(), r.Actor, in)
	if acts.CodeOf(err) == acts.Invalid {
		form.Fault = sentence(err)
		return m.again(r, func(s *shown) { s.Form = form })
	}
	if err != nil {
		return page.Outcome{}, err
	}
	name := "vedette-agent-" + fileStem(in.Name, made.Certificate.Fingerprint) + ".pfx"
	_, under := hold(r.Session, name, made.PFX, pfxLifetime)
	lines := []string{
		"Fingerprint: " + made.Certificate.Fingerprint.String(),
		"It is on the list now, and valid until " + made.Certificate.NotAfter.UTC().Format("2006-01-02") + ".",
	}
	if in.CertificateOnly {
		lines = append(lines, "The container holds the certificate only: no Endpoint Agent can connect with it.")
	} else {
		lines = append(lines, "The container holds the certificate and its private key. The key is kept nowhere else: the link works once, within 60 seconds. If the download is lost, delete this certificate and generate another.",
			"An Endpoint Agent refuses a container that others can read, as browsers save it: chmod 600 "+name)
	}
	if in.Password == "" {
		lines = append(lines, "It has no password: keep it where only its Endpoint Agents can read it.")
	}
	return page.Outcome{To: front, Notice: page.Notice{
		Kind: page.Done, Title: "An Endpoint Agent certificate was generated", Lines: lines,
		Download: page.Link{Text: "Download " + name, Path: fetchPFX + "/" + under},
	}}, nil
}

// second reads which of two choices was made; the first one, when none was.
func second(r *page.Request, field, first, other string) (bool, error) {
	switch r.PostFormValue(field) {
	case "", first:
		return false, nil
	case other:
		return true, nil
	}
	return false, &acts.Error{Code: acts.Invalid, Text: "this " + field + " of the container is not known", Hint: "choose one on the page"}
}

// fileStem makes part of a file's name of what a certificate is called.
func fileStem(name string, f pki.Fingerprint) string {
	stem := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		}
		return '-'
	}, name)
	if stem = strings.Trim(stem[:min(len(stem), 40)], "-"); stem == "" {
		return short(f)
	}
	return stem + "-" + short(f)
}

// pfx gives a container to whoever generated it, once.
func (m *room) pfx(w http.ResponseWriter, r *page.Request) error {
	h, ok := look(r.Session, r.PathValue("held"))
	if ok && r.Method == http.MethodHead { // looking is not fetching
		file(w, h.name, "application/x-pkcs12")
		return nil
	}
	gone := &acts.Error{
		Code: acts.NotFound, Text: "this container is not here any more: it could be fetched once, within 60 seconds, by who generated it",
		Hint: "generate another certificate; delete the one whose container was lost",
	}
	if thing, taken := r.Session.Take(r.PathValue("held")); !ok || !taken || thing != any(h) {
		return gone
	}
	defer h.Wipe()
	ok, err := h.use(func(data []byte) error {
		file(w, h.name, "application/x-pkcs12")
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, err := w.Write(data)
		return err
	})
	switch {
	case err != nil:
		return nil // the connection broke: nobody is left to tell
	case !ok:
		return gone
	}
	return nil
}

// uploadAgents puts the certificates of some files on the list.
func (m *room) uploadAgents(r *page.Request) (page.Outcome, error) {
	files, err := r.Files("files", maxForm)
	var done acts.UploadedAgentCertificates
	if err == nil {
		in := make([]acts.UploadAgentCertificate, len(files))
		for i, f := range files {
			in[i] = acts.UploadAgentCertificate{Name: f.Name, PEM: f.Data}
		}
		done, err = m.backend.UploadAgentCertificates(r.Context(), r.Actor, in)
	}
	if acts.CodeOf(err) == acts.Invalid {
		return m.again(r, func(s *shown) { s.AgentFaults = faults(err) })
	}
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: front, Notice: uploaded(done)}, nil
}

// maxNamed is how many certificates a notice names.
const maxNamed = 3

func uploaded(done acts.UploadedAgentCertificates) page.Notice {
	n := page.Notice{Kind: page.Done, Title: certificates(len(done.Added)) + " added to the list"}
	if len(done.Added) == 0 {
		n.Kind, n.Title = page.Caution, "Nothing was added"
	}
	var added, present []string
	for _, c := range done.Added {
		added = append(added, c.Fingerprint.String()+" ("+c.Subject+")")
	}
	for _, f := range done.Present {
		present = append(present, f.String())
	}
	n.Lines = named(n.Lines, "Added: ", added)
	n.Lines = named(n.Lines, "On the list before: ", present)
	if len(added) > 0 {
		n.Lines = append(n.Lines, "The private keys were checked against their certificates and are not kept.")
	}
	return n
}

// named adds a line for each of the first, and says how many more there are.
func named(lines []string, before string, all []string) []string {
	for i, one := range all {
		if i == maxNamed {
			return append(lines, fmt.Sprintf("%sand %d more", before, len(all)-i))
		}
		lines = append(lines, before+one)
	}
	return lines
}

// certificates counts them in words.
func certificates(n int) string {
	if n == 1 {
		return "1 certificate"
	}
	return fmt.Sprintf("%d certificates", n)
}
