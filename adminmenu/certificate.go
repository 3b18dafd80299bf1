package adminmenu

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vedette/internal/acts"
)

// Titles of the documented windows; scripts read them.
const (
	titleCertificates = "Certificate management"
	titleUploaded     = "Uploaded certificate"
)

// certificates is Manage server certificate: the certificate in use, and at the
// bottom what can take its place.
func (s *menuSession) certificates(b Certificates) {
	l := &list{}
	w := &window{title: titleCertificates, part: l, low: true, text: text{lines: []line{words("Loading ...")}}}
	m := &certificateWindow{menu: s, backend: b, window: w}
	w.live = watch(func(ctx context.Context) (acts.ServerCertificate, error) { return b.ServerCertificate(ctx, s.who) }, func(c acts.ServerCertificate) {
		w.text.set(append(m.saidLines(), certificateLines(c, s.config.Now())...))
		choices := []choice{{"New", "make a new key and certificate", m.generate}}
		if c.Uploaded != nil {
			file := *c.Uploaded
			choices = append(choices, choice{file.Name, fileNote(file), func() { m.uploaded(file) }})
		}
		l.set(choices)
	})
	s.open(w)
}

// certificateWindow is Certificate management with the chains that begin there.
type certificateWindow struct {
	menu    *menuSession
	backend Certificates
	window  *window
	said    []line // how the last chain ended
}

func (m *certificateWindow) saidLines() []line {
	if len(m.said) == 0 {
		return nil
	}
	return append(append([]line(nil), m.said...), blank())
}

// back returns to Certificate management from any window of a chain.
func (m *certificateWindow) back(said ...line) {
	m.said = said
	m.menu.backTo(m.window)
}

// certificateLines shows the certificate in use.
func certificateLines(c acts.ServerCertificate, now time.Time) []line {
	lines := []line{heading("Certificate in use")}
	lines = append(lines, describeCertificate(c.Certificate)...)
	return append(lines, value("In use since", moment(c.Since)+ago(now.Sub(c.Since))))
}

// describeCertificate shows what a certificate says of itself.
func describeCertificate(c acts.Certificate) []line {
	lines := []line{
		value("Fingerprint", c.Fingerprint.String()),
		value("Subject", c.Subject),
		value("Names", strings.Join(c.Names, ", ")),
		value("Serial number", c.Serial.String()),
		value("Key", c.Key),
		value("Valid", moment(c.NotBefore)+" to "+moment(c.NotAfter)),
	}
	for _, text := range c.Warnings {
		lines = append(lines, line{label: "Warning", text: text, ink: warning})
	}
	return lines
}

// ago says how many whole days a time span has.
func ago(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case days == 1:
		return " (1 day)"
	case days > 1:
		return fmt.Sprintf(" (%d days)", days)
	}
	return ""
}

// fileNote says of an uploaded file, in one line, whether it can be installed.
func fileNote(f acts.File) string {
	if f.Problem != "" {
		return "uploaded " + moment(f.Time) + ", cannot be installed"
	}
	return "uploaded " + moment(f.Time) + ", can be installed"
}
