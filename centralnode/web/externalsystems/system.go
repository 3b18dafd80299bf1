package externalsystems

import (
	"cmp"
	"encoding/hex"
	"net"
	"net/url"
	"regexp"
	"strings"

	"vedette/centralnode/web/page"
	"vedette/internal/acts"
	"vedette/pki"
)

// system is an external system as pages show it.
type system struct{ acts.ExternalSystem }

// Path is of its page.
func (s system) Path() string { return pathOf(s.ID, s.Fingerprint) }

func pathOf(id string, f pki.Fingerprint) string {
	return listPath + "/" + hex.EncodeToString(f[:]) + "/" + url.PathEscape(id)
}

// Key names its row.
func (s system) Key() string { return s.Fingerprint.String() + "/" + s.ID }

// Host is the documented column Sensor.
func (s system) Host() string { return cmp.Or(s.Sensor, "not known") }

// NameInTable is the documented column Name: a dash for a mail sensor.
func (s system) NameInTable() string {
	if s.Type == acts.MailSensor {
		return ""
	}
	return s.Name
}

// Waits says whether somebody has to decide about it.
func (s system) Waits() bool { return s.State == acts.Pending }

// Failed says whether its last call was answered with an error.
func (s system) Failed() bool {
	return !s.LastErrorAt.IsZero() && !s.LastErrorAt.Before(s.LastCall)
}

// ErrorWord is the code of the last error; the whole of it stands on the
// system's page.
func (s system) ErrorWord() string {
	word, _, _ := strings.Cut(s.LastError, ": ")
	return word
}

// systemData is what the page of one system shows.
type systemData struct {
	system
	ServerCertificate pki.Fingerprint
	Command           string // that its administrator checks the connection with
	Others            []system

	CanAccept, CanCorrect, CanReject, CanDelete bool
}

// system shows one external system.
func (m *room) system(r *page.Request) (page.View, error) {
	found, err := m.find(r)
	if err != nil {
		return page.View{}, err
	}
	s := system{found.ExternalSystem}
	data := systemData{
		system: s, ServerCertificate: found.ServerCertificate, Command: command(r.Host, found.Address, s.ID),
		CanAccept: s.State != acts.Accepted && m.may(r, acts.ActAcceptSystem), CanCorrect: s.State == acts.Accepted && m.may(r, acts.ActAcceptSystem),
		CanReject: s.State != acts.Rejected && m.may(r, acts.ActRejectSystem), CanDelete: m.may(r, acts.ActDeleteSystem),
	}
	for _, f := range s.ExternalSystem.Others {
		data.Others = append(data.Others, system{acts.ExternalSystem{ID: s.ID, Fingerprint: f}})
	}
	return page.View{Template: "externalsystems/system.html", Title: "External system " + s.ID, Above: above(), Data: data, Live: true}, nil
}

// find finds the system that an address names: by certificate and ID, and by
// nothing less.
func (m *room) find(r *page.Request) (acts.ExternalSystemDetail, error) {
	id := r.PathValue("id")
	f, err := pki.ParseFingerprint(r.PathValue("certificate"))
	if err != nil {
		return acts.ExternalSystemDetail{}, &acts.Error{Code: acts.NotFound, Text: "this address names no external system", Hint: "the list has a link to each", Err: err}
	}
	return m.backend.ExternalSystemDetail(r.Context(), r.Actor, id, f)
}

// above leads from a system's pages to the table.
func above(more ...page.Link) []page.Link {
	return append([]page.Link{{Text: title, Path: listPath}}, more...)
}

// host is what may stand in a command for the host of an address.
var host = regexp.MustCompile(`^[0-9A-Za-z:.-]+$`)

// command is how an external system checks its connection. It calls the host
// that the person's browser calls, at the port of external systems.
func command(browsed, listens, id string) string {
	name := browsed
	if h, _, err := net.SplitHostPort(browsed); err == nil {
		name = h
	}
	if !host.MatchString(name) {
		name = "CENTRAL-NODE"
	}
	address := name
	if _, port, err := net.SplitHostPort(listens); err == nil && port != "443" {
		address = net.JoinHostPort(name, port)
	} else if ip := net.ParseIP(name); ip != nil && ip.To4() == nil {
		address = "[" + name + "]"
	}
	return "curl --cacert kata.crt --cert cert.pem --key key.pem 'https://" + address + "/kata/scanner/v1/sensors/" + url.PathEscape(id) + "/connection'"
}
