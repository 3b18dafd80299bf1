package adminmenu

import (
	"context"
	"fmt"

	"vedette/internal/acts"
)

// prepared is a certificate with its key that nobody serves yet. It lives as
// long as the windows that speak of it: whichever way they go, the key is
// forgotten.
type prepared struct {
	certificate acts.PreparedServerCertificate
}

func (p *prepared) forget() { *p = prepared{} }

// overwritten is the documented sentence of the last confirmation.
const overwritten = "The data of previously installed certificates will be overwritten."

// unchanged is what Certificate management says after a chain was left.
var unchanged = words("Nothing was changed: the certificate below stays in use.")

// generate is the chain that begins with New.
func (m *certificateWindow) generate() {
	s := m.menu
	m.said = nil
	fetch(s, "Information on the new certificate", func(ctx context.Context) (acts.Preview, error) {
		return m.backend.PreviewGenerateServerCertificate(ctx, s.who, acts.GenerateServerCertificate{Keep: true})
	}, func(p acts.Preview) {
		lines := append([]line{words("Nothing is changed before the last confirmation."), blank()}, toldLines(p)...)
		s.inform("Information on the new certificate", lines, func() { m.confirm(p, "Generate", m.create) })
	})
}

// confirm asks before the work of a chain begins, and names the consequences
// that the chain will have at its end.
func (m *certificateWindow) confirm(p acts.Preview, word string, begin func(acts.Preview)) {
	// What is in use fits a screen of 80x24, on a Central Node too.
	lines := []line{words("The certificate in use stays until the last confirmation.")}
	if all := consequenceLines(p.Consequences); len(all) > 0 {
		lines = append(lines, all[1:]...)
	}
	w := &window{title: titleConfirm, text: text{lines: lines}}
	w.buttons = []button{
		{word, func() { begin(p) }},
		{wordCancel, func() { m.back(unchanged) }},
	}
	m.menu.open(w)
}

// create makes the new certificate.
func (m *certificateWindow) create(p acts.Preview) {
	s := m.menu
	s.backTo(m.window)
	run(s, work{title: "Creation of the certificate", begin: "A new key and certificate are made.", done: "The certificate is created."},
		func(ctx context.Context, step func(string)) (acts.PreparedServerCertificate, error) {
			return m.backend.PrepareGenerateServerCertificate(ctx, s.who, acts.GenerateServerCertificate{Keep: true, Revision: p.Revision}, step)
		},
		func(c acts.PreparedServerCertificate) { m.inspect("Information on the certificate", c) },
		m.failed)
}

// install makes the uploaded certificate ready.
func (m *certificateWindow) install(p acts.Preview) {
	s := m.menu
	s.backTo(m.window)
	run(s, work{title: "Installation of the certificate", begin: "The uploaded certificate is checked and made ready.", done: "The certificate is ready."},
		func(ctx context.Context, step func(string)) (acts.PreparedServerCertificate, error) {
			return m.backend.PrepareInstallServerCertificate(ctx, s.who, acts.InstallServerCertificate{Revision: p.Revision}, step)
		},
		func(c acts.PreparedServerCertificate) { m.inspect("Information on the applied certificate", c) },
		m.failed)
}

// failed comes back from a work that did not succeed, whose window said why.
func (m *certificateWindow) failed(error) { m.back(unchanged) }

// inspect shows the prepared certificate, the last chance to look at it.
func (m *certificateWindow) inspect(title string, c acts.PreparedServerCertificate) {
	s := m.menu
	p := &prepared{c}
	lines := append([]line{words("This certificate is not in use yet."), blank()}, describeCertificate(c.Certificate)...)
	w := s.inform(title, lines, func() { m.last(p) })
	w.buttons[1].do = func() { m.back(unchanged) }
	w.unsaved = func() string {
		return "The new certificate is not in use yet, and is forgotten when you leave. Leave?"
	}
	w.cancel = func() { m.back(unchanged) }
	w.closed = p.forget
}

// last is the last confirmation. Its [Ok] puts the certificate to use.
func (m *certificateWindow) last(p *prepared) {
	s := m.menu
	lines := []line{
		alarm(overwritten), blank(),
		words("The certificate with this fingerprint will be in use at once:"),
		value("Fingerprint", p.certificate.Fingerprint.String()), blank(),
		words("Whoever pins the certificate of before is cut off, and comes back only with the new one."),
	}
	w := &window{title: titleConfirm, text: text{lines: lines}, focus: 1}
	w.buttons = []button{
		{wordOk, func() { m.apply(p.certificate) }},
		{wordCancel, func() { m.back(unchanged) }},
	}
	s.open(w)
}

// apply puts a certificate to use. From here on there is no way back: it goes
// on whoever leaves.
func (m *certificateWindow) apply(c acts.PreparedServerCertificate) {
	s := m.menu
	s.backTo(m.window)
	act(s, "Applying the certificate", func(ctx context.Context) (acts.ServerCertificate, error) {
		return m.backend.ApplyServerCertificate(ctx, s.who, c)
	}, func(now acts.ServerCertificate) { m.back(appliedLines(now.Cut, s.doorstep())...) })
}

// appliedLines says what came of replacing a certificate, and what to do now.
func appliedLines(cut int, d doorstep) []line {
	done := "The new certificate is in use."
	switch {
	case cut == 1:
		done += " 1 connection of before was cut."
	case cut > 1:
		done += fmt.Sprintf(" %d connections of before were cut.", cut)
	}
	return []line{
		heading(done),
		words("Next: " + d.copy("scp") + ":ssl/kata.crt . and give that file to everybody who pins the certificate of before."),
	}
}

// uploaded is the window of an uploaded kata.pem. What another administrator
// does with the file meanwhile shows here.
func (m *certificateWindow) uploaded(f acts.File) {
	s := m.menu
	m.said = nil
	l := &list{}
	w := &window{title: titleUploaded, part: l}
	show := func(f acts.File) {
		w.text.set(fileLines(f))
		l.set([]choice{
			{"Install certificate", "", func() { m.askInstall(f) }},
			{"Remove " + f.Name, "", func() { m.remove(f) }},
		})
	}
	show(f)
	w.live = watch(func(ctx context.Context) (acts.ServerCertificate, error) {
		return m.backend.ServerCertificate(ctx, s.who)
	}, func(c acts.ServerCertificate) {
		if c.Uploaded == nil {
			w.text.set([]line{alarm(f.Name + " is gone: another administrator installed or removed it.")})
			l.set(nil)
			return
		}
		show(*c.Uploaded)
	})
	s.open(w)
}

// fileLines shows an uploaded file.
func fileLines(f acts.File) []line {
	lines := []line{
		value("File", f.Name),
		value("Size", fmt.Sprintf("%d bytes", f.Size)),
		value("Uploaded", moment(f.Time)),
	}
	if f.Problem != "" {
		return append(lines, line{label: "Problem", text: f.Problem, ink: bad}, value("State", "cannot be installed"))
	}
	return append(lines, value("Fingerprint", f.Fingerprint.String()), value("State", "can be installed"))
}

// askInstall is the chain that begins with Install certificate.
func (m *certificateWindow) askInstall(f acts.File) {
	s := m.menu
	s.offer(titleConfirm, append([]line{words("Install the uploaded certificate? Nothing is changed before the last confirmation."), blank()}, fileLines(f)...), wordYes, wordNo, func() {
		fetch(s, "Information on the certificate", func(ctx context.Context) (acts.Preview, error) {
			return m.backend.PreviewInstallServerCertificate(ctx, s.who, acts.InstallServerCertificate{})
		}, func(p acts.Preview) {
			w := s.inform("Information on the certificate", toldLines(p), func() { m.confirm(p, "Install", m.install) })
			w.buttons[1].do = func() { m.back(unchanged) }
		})
	})
}

// remove forgets the uploaded file.
func (m *certificateWindow) remove(f acts.File) {
	s := m.menu
	s.ask(titleConfirm, []line{words("Remove " + f.Name + ", with the key in it?")}, wordYes, wordNo, func() {
		act(s, "Removing "+f.Name, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, m.backend.DiscardServerCertificate(ctx, s.who, acts.DiscardServerCertificate{Revision: f.Revision})
		}, func(struct{}) { m.back(words(f.Name + " was removed.")) })
	})
}
