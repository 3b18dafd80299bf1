package certificates

import (
	"bytes"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/internal/servercert"
)

// maxForm is what a form may carry, in bytes: how large a file may be the rules
// of PEM say.
const maxForm = 1 << 20

// upload takes a file with certificate and private key. When it satisfies the
// rules it is held, and the window that asks follows.
func (m *room) upload(r *page.Request) (page.Outcome, error) {
	pem, name, err := r.File("file", maxForm)
	if err == nil {
		_, err = m.backend.PreviewInstallServerCertificate(r.Context(), r.Actor, acts.InstallServerCertificate{PEM: pem})
	}
	if acts.CodeOf(err) == acts.Invalid {
		return m.again(r, func(s *shown) { s.ServerFaults = faults(err) })
	}
	if err != nil {
		return page.Outcome{}, err
	}
	_, under := hold(r.Session, name, bytes.Clone(pem), uploadLifetime)
	return page.Outcome{To: uploadServer + "/" + under}, nil
}

// askInstallUploaded shows the window for the file that is held.
func (m *room) askInstallUploaded(r *page.Request) (page.View, error) {
	under := r.PathValue("held")
	h, ok := look(r.Session, under)
	if !ok {
		return page.View{}, errNotHeld()
	}
	var p acts.Preview
	ok, err := h.use(func(pem []byte) (err error) {
		p, err = m.backend.PreviewInstallServerCertificate(r.Context(), r.Actor, acts.InstallServerCertificate{PEM: pem})
		return err
	})
	switch {
	case err != nil:
		return page.View{}, err
	case !ok:
		return page.View{}, errNotHeld()
	}
	return m.kit.Ask(page.Confirm{
		Title: "Upload a server certificate", Above: above, Preview: p, Post: uploadServer + "/" + under, Cancel: serverPanel, Danger: true,
		Lines: append([]string{h.name + " satisfies every rule. It waits in this session for ten minutes and is forgotten then."}, losing(r, p)...),
	}), nil
}

// installUploaded has the certificate of the file that is held served. What is
// refused stays held: the person may look again.
func (m *room) installUploaded(r *page.Request) (page.Outcome, error) {
	h, ok := look(r.Session, r.PathValue("held"))
	if !ok {
		return page.Outcome{}, errNotHeld()
	}
	var outcome page.Outcome
	ok, err := h.use(func(pem []byte) (err error) {
		outcome, err = m.replace(r, func() (acts.ServerCertificate, error) {
			return m.backend.InstallServerCertificate(r.Context(), r.Actor, acts.InstallServerCertificate{PEM: pem, Revision: r.Revision()})
		})
		return err
	})
	switch {
	case err != nil:
		return page.Outcome{}, err
	case !ok:
		return page.Outcome{}, errNotHeld()
	}
	r.Session.Take(r.PathValue("held"))
	h.Wipe()
	return outcome, nil
}

func errNotHeld() error {
	return &acts.Error{Code: acts.NotFound, Text: "the file is not here any more: it is kept for ten minutes, and used once", Hint: "upload it again"}
}

// askInstall shows the window for the kata.pem that was copied to this server.
func (m *room) askInstall(r *page.Request) (page.View, error) {
	p, err := m.backend.PreviewInstallServerCertificate(r.Context(), r.Actor, acts.InstallServerCertificate{})
	if err != nil {
		return page.View{}, err
	}
	return m.kit.Ask(page.Confirm{
		Title: "Install " + servercert.KataPEM, Above: above, Preview: p, Post: installServer, Cancel: serverPanel, Danger: true,
		Lines: losing(r, p),
	}), nil
}

func (m *room) install(r *page.Request) (page.Outcome, error) {
	return m.replace(r, func() (acts.ServerCertificate, error) {
		return m.backend.InstallServerCertificate(r.Context(), r.Actor, acts.InstallServerCertificate{Revision: r.Revision()})
	})
}

// askDiscard shows the window for forgetting that file.
func (m *room) askDiscard(r *page.Request) (page.View, error) {
	s, err := m.backend.ServerCertificate(r.Context(), r.Actor)
	if err != nil {
		return page.View{}, err
	}
	if s.Uploaded == nil {
		return page.View{}, &acts.Error{Code: acts.NotFound, Text: "no " + servercert.KataPEM + " is waiting", Hint: "nothing has to be done"}
	}
	return m.kit.Ask(page.Confirm{
		Title: "Discard " + servercert.KataPEM, Above: above, Post: discardServer, Cancel: serverPanel,
		Preview: acts.Preview{Act: servercert.ActDiscard, Revision: s.Uploaded.Revision, Lines: []string{
			servercert.KataPEM + ", uploaded " + s.Uploaded.Time.UTC().Format("2006-01-02 15:04 UTC") + ", is removed from this server, its private key with it.",
			"The certificate in use stays as it is.",
		}},
	}), nil
}

func (m *room) discard(r *page.Request) (page.Outcome, error) {
	if err := m.backend.DiscardServerCertificate(r.Context(), r.Actor, acts.DiscardServerCertificate{Revision: r.Revision()}); err != nil {
		return page.Outcome{}, err
	}
	return page.Outcome{To: front, Notice: page.Notice{Kind: page.Done, Title: servercert.KataPEM + " was discarded", Lines: []string{"The certificate in use stays as it is."}}}, nil
}
