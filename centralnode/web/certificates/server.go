package certificates

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// download gives the certificate, without its key, for those who pin it.
func (m *room) download(w http.ResponseWriter, r *page.Request) error {
	s, err := m.backend.ServerCertificate(r.Context(), r.Actor)
	if err != nil {
		return err
	}
	// The name says which certificate it is: whoever has several of them in the
	// downloads folder, of Sensors and of earlier certificates, sees the beginning
	// of the fingerprint.
	file(w, "vedette-"+short(s.Fingerprint)+".crt", "application/x-pem-file")
	_, _ = io.WriteString(w, s.PEM) // whoever hung up asks again
	return nil
}

// file announces a file to be kept.
func file(w http.ResponseWriter, name, mediaType string) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// short is the beginning of a fingerprint, for names of files.
func short(f pki.Fingerprint) string { return fmt.Sprintf("%X", f[:4]) }

// generation is the window that asks before a certificate is generated.
type generation struct {
	Preview acts.Preview
	Names   string // as entered
	Keys    []page.Option
	Fault   string // of the names
	Cancel  string
}

// askGenerate shows the window. What can be chosen is in it, so that whoever
// wants the usual certificate clicks Generate and Yes.
func (m *room) askGenerate(r *page.Request) (page.View, error) {
	p, err := m.backend.PreviewGenerateServerCertificate(r.Context(), r.Actor, acts.GenerateServerCertificate{})
	if err != nil {
		return page.View{}, err
	}
	g := generation{Preview: p, Keys: keyOptions("")}
	if len(p.Lost) > 0 {
		// What the certificate in use answers to, the next one answers to as well,
		// if the person does not want it otherwise.
		kept, err := m.backend.PreviewGenerateServerCertificate(r.Context(), r.Actor, acts.GenerateServerCertificate{Names: p.Lost})
		switch acts.CodeOf(err) {
		case "":
			g.Preview, g.Names = kept, strings.Join(p.Lost, "\n")
		case acts.Invalid: // somebody else's certificate has names that ours cannot have
		default:
			return page.View{}, err
		}
	}
	return generateView(g), nil
}

// always says whether the web interface answers to a name whatever the
// certificate: to addresses, and to what the server calls itself.
func always(host string) bool {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || strings.EqualFold(host, "localhost") {
		return true
	}
	own, err := os.Hostname()
	short, _, _ := strings.Cut(own, ".")
	return err == nil && (strings.EqualFold(host, own) || strings.EqualFold(host, short))
}

// losing warns of the name that the person's own browser uses.
func losing(r *page.Request, p acts.Preview) []string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if always(host) {
		return nil
	}
	if !slices.ContainsFunc(p.Lost, func(n string) bool { return strings.EqualFold(n, host) }) {
		return nil
	}
	return []string{"Your browser uses the name " + host + ", which the new certificate does not have: the web interface may not answer to it afterwards. Open it by a name that both have first."}
}

func generateView(g generation) page.View {
	g.Cancel = serverPanel
	return page.View{Template: "certificates/generate.html", Title: "Generate a server certificate", Above: above, Data: g}
}

var above = []page.Link{{Text: title, Path: front}}

// generate makes a certificate and serves it.
func (m *room) generate(r *page.Request) (page.Outcome, error) {
	in := acts.GenerateServerCertificate{Names: words(r.PostFormValue("names")), Revision: r.Revision()}
	var err error
	if in.Key, err = keyKind(r.PostFormValue("key")); err != nil {
		return page.Outcome{}, err
	}
	outcome, err := m.replace(r, func() (acts.ServerCertificate, error) {
		return m.backend.GenerateServerCertificate(r.Context(), r.Actor, in)
	})
	if acts.CodeOf(err) != acts.Invalid {
		return outcome, err
	}
	p, previewErr := m.backend.PreviewGenerateServerCertificate(r.Context(), r.Actor, acts.GenerateServerCertificate{})
	if previewErr != nil {
		return page.Outcome{}, previewErr
	}
	v := generateView(generation{Preview: p, Names: strings.Join(in.Names, "\n"), Keys: keyOptions(in.Key), Fault: sentence(err)})
	v.Status = http.StatusUnprocessableEntity
	return page.Outcome{Page: &v}, nil
}

// replacement is the page that follows when the certificate was replaced.
type replacement struct {
	Before pki.Fingerprint
	Server acts.ServerCertificate
}

// replace has another certificate served and tells what is left to do. It is the
// answer itself, without another request: the next connection meets the new
// certificate, and asks its person about it.
func (m *room) replace(r *page.Request, do func() (acts.ServerCertificate, error)) (page.Outcome, error) {
	before, err := m.backend.ServerCertificate(r.Context(), r.Actor)
	if err != nil {
		return page.Outcome{}, err
	}
	s, err := do()
	if err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{Page: &page.View{
		Template: "certificates/replaced.html", Title: "The server certificate was replaced", Above: above,
		Data: replacement{before.Fingerprint, s},
	}}, nil
}

// words cuts what a person entered at spaces, commas and line ends.
func words(entered string) []string {
	return strings.FieldsFunc(entered, func(c rune) bool { return strings.ContainsRune(" \t\r\n,;", c) })
}

// keyKind reads a kind of key; none is the usual one.
func keyKind(s string) (pki.KeyKind, error) {
	if s == "" {
		return "", nil
	}
	kind, err := pki.ParseKeyKind(s)
	if err != nil {
		return "", &acts.Error{Code: acts.Invalid, Text: "this kind of key is not known", Hint: "choose one on the page", Err: err}
	}
	return kind, nil
}

// sentence says what was wrong, and what to do.
func sentence(err error) string {
	known, ok := errors.AsType[*acts.Error](err)
	switch {
	case !ok:
		return err.Error()
	case known.Hint == "":
		return known.Text
	default:
		return known.Text + ": " + known.Hint
	}
}

// faults are what was wrong with an upload, one by one where that is known.
func faults(err error) acts.FileFaults {
	if all, ok := errors.AsType[acts.FileFaults](err); ok {
		return all
	}
	known, ok := errors.AsType[*acts.Error](err)
	if !ok {
		return acts.FileFaults{{Text: err.Error()}}
	}
	return acts.FileFaults{{Text: known.Text, Hint: known.Hint}}
}
