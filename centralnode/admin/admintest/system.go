package admintest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// System is an external system with an ID and a certificate.
type System struct {
	ID   string
	Pair *pki.Pair
	HTTP *http.Client

	w *World
}

// System is an external system with a certificate of its own, which has not
// called yet.
func (w *World) System(id string) *System {
	w.t.Helper()
	return w.SystemWith(id, pkitest.Agent(w.t, id))
}

// SystemWith is an external system with a certificate of the test's choice.
func (w *World) SystemWith(id string, pair *pki.Pair) *System {
	w.t.Helper()
	shown := pair.TLS()
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(w.Pin()), &shown)}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &System{ID: id, Pair: pair, HTTP: &http.Client{Transport: transport, Timeout: patience}, w: w}
}

// AskingSystem is an external system whose request waits; query is what it says
// of itself.
func (w *World) AskingSystem(id, query string) *System {
	w.t.Helper()
	c := w.System(id)
	if code := c.Check(query); code != problem.Pending && code != problem.CertificateChanged {
		w.t.Fatalf("the first call is answered %q", code)
	}
	return c
}

// AcceptedSystem is an external system that was let in.
func (w *World) AcceptedSystem(id string, kind acts.SystemType) *System {
	w.t.Helper()
	c := w.AskingSystem(id, "")
	in := c.Which()
	in.Type = kind
	if _, err := w.AcceptExternalSystem(w.t.Context(), Local(), in); err != nil {
		w.t.Fatal(err)
	}
	if code := c.Check(""); code != "" {
		w.t.Fatalf("once accepted it is answered %q", code)
	}
	return c
}

// Fingerprint is of its certificate.
func (c *System) Fingerprint() pki.Fingerprint { return c.Pair.Fingerprint() }

// Which names it by both.
func (c *System) Which() acts.DecideExternalSystem {
	return acts.DecideExternalSystem{Which: c.ID, Fingerprint: c.Fingerprint()}
}

// Check asks whether the connection works; code is empty when it does.
func (c *System) Check(query string) (code problem.Code) {
	c.w.t.Helper()
	return c.Do(http.MethodGet, "/connection?"+query, "", nil)
}

// Do calls the scanner's API; code is empty when the call was taken.
func (c *System) Do(method, path, contentType string, body io.Reader) (code problem.Code) {
	t := c.w.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+c.w.Address()+"/kata/scanner/v1/sensors/"+url.PathEscape(c.ID)+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return ""
	}
	var p struct{ Code problem.Code }
	if err := json.Unmarshal(answer, &p); err != nil || p.Code == "" {
		t.Fatalf("%s: %q, %v", res.Status, answer, err)
	}
	return p.Code
}

// Submit submits an object for scanning.
func (c *System) Submit(name, content string) {
	t := c.w.t
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("content", name)
	if err == nil {
		_, err = io.WriteString(part, content)
	}
	if err == nil {
		err = form.WriteField("objectType", "file")
	}
	if err == nil {
		err = form.WriteField("scanId", rand.Text())
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if code := c.Do(http.MethodPost, "/scans", form.FormDataContentType(), &body); code != "" {
		t.Fatalf("submitting is answered %q", code)
	}
}
