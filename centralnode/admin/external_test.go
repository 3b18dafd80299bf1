package admin_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// caller is an external system with an ID and a certificate.
type caller struct {
	w    *world
	id   string
	pair *pki.Pair
	http *http.Client
}

func (w *world) caller(id string, pair *pki.Pair) *caller {
	w.t.Helper()
	served, err := w.ServerCertificate(w.t.Context(), local)
	if err != nil {
		w.t.Fatal(err)
	}
	shown := pair.TLS()
	transport := &http.Transport{TLSClientConfig: pki.ClientConfig(pki.PinTo(served.Fingerprint), &shown)}
	w.t.Cleanup(transport.CloseIdleConnections)
	return &caller{w, id, pair, &http.Client{Transport: transport, Timeout: 20 * time.Second}}
}

// system is a caller with a certificate of its own.
func (w *world) system(id string) *caller {
	w.t.Helper()
	return w.caller(id, pkitest.Agent(w.t, id))
}

func (c *caller) fingerprint() pki.Fingerprint { return c.pair.Fingerprint() }

// which names the caller by both.
func (c *caller) which() acts.DecideExternalSystem {
	return acts.DecideExternalSystem{Which: c.id, Fingerprint: c.fingerprint()}
}

// check asks whether the connection works; code is empty when it does.
func (c *caller) check(query string) (code problem.Code) {
	c.w.t.Helper()
	return c.do(http.MethodGet, "/connection?"+query, "", nil)
}

func (c *caller) do(method, path, contentType string, body io.Reader) (code problem.Code) {
	c.w.t.Helper()
	req, err := http.NewRequestWithContext(c.w.t.Context(), method, "https://"+c.w.node.Address().String()+"/kata/scanner/v1/sensors/"+url.PathEscape(c.id)+path, body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := c.http.Do(req)
	if err != nil {
		c.w.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return ""
	}
	var p struct{ Code problem.Code }
	if err := json.Unmarshal(answer, &p); err != nil || p.Code == "" {
		c.w.t.Fatalf("%s: %q, %v", res.Status, answer, err)
	}
	return p.Code
}

// submit submits an object for scanning.
func (c *caller) submit(name, content string) {
	c.w.t.Helper()
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
		c.w.t.Fatal(err)
	}
	if code := c.do(http.MethodPost, "/scans", form.FormDataContentType(), &body); code != "" {
		c.w.t.Fatalf("submitting is answered %q", code)
	}
}

// asking is an external system whose request waits.
func (w *world) askingSystem(id, query string) *caller {
	w.t.Helper()
	c := w.system(id)
	if code := c.check(query); code != problem.Pending && code != problem.CertificateChanged {
		w.t.Fatalf("the first call is answered %q", code)
	}
	return c
}

// accepted is an external system that was let in.
func (w *world) accepted(id string, kind acts.SystemType) *caller {
	w.t.Helper()
	c := w.askingSystem(id, "")
	in := c.which()
	in.Type = kind
	if _, err := w.AcceptExternalSystem(w.t.Context(), local, in); err != nil {
		w.t.Fatal(err)
	}
	if code := c.check(""); code != "" {
		w.t.Fatalf("once accepted it is answered %q", code)
	}
	return c
}

func (w *world) shownSystem(c *caller) acts.ExternalSystem {
	w.t.Helper()
	s, err := w.ExternalSystem(w.t.Context(), local, c.id+"/"+c.fingerprint().String())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func TestTheTableShowsWhoAskedAndHow(t *testing.T) {
	w := start(t)
	w.askingSystem("mail-1", "sensorType=mail&sensorName=Gate")
	w.askingSystem("files.1", "sensorName=st%1b%5b2Jore%0d%0a")
	list, err := w.ExternalSystems(t.Context(), local)
	if err != nil || len(list.Systems) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	served, err := w.ServerCertificate(t.Context(), local)
	if err != nil || list.ServerCertificate != served.Fingerprint || list.MaximumScanPriority || list.Revision == 0 {
		t.Errorf("above the table: %+v, %v", list, err)
	}
	mail, files := list.Systems[0], list.Systems[1]
	if mail.ID != "mail-1" || mail.Type != acts.MailSensor || mail.Name != "Gate" || mail.Sensor != "127.0.0.1" || mail.State != acts.Pending || mail.Changed || mail.Calls != 1 || mail.Refused != 1 {
		t.Errorf("%+v", mail)
	}
	if files.Type != acts.OtherSystem || files.Name != `st\u{1b}[2Jore\u{d}\u{a}` {
		t.Errorf("%+v", files)
	}
	if !strings.Contains(mail.LastError, "401 pending: ") || mail.LastErrorAt.IsZero() || mail.NotAfter.IsZero() || !strings.Contains(mail.Subject, "mail-1") {
		t.Errorf("%+v", mail)
	}
}

func TestAStrangerDoesNotChangeWhatAnIDMeans(t *testing.T) {
	w := start(t)
	gate := w.accepted("gate", acts.MailSensor)
	stranger := w.askingSystem("gate", "")
	which := acts.DecideExternalSystem{Which: "gate"}
	if s, err := w.ExternalSystem(t.Context(), local, "gate"); err != nil || s.Fingerprint != gate.fingerprint() || !slices.Contains(s.Others, stranger.fingerprint()) {
		t.Errorf("%+v, %v", s, err)
	}
	if e := refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, which)), acts.Invalid); !strings.Contains(e.Text, "2 external systems answer to") {
		t.Errorf("%+v", e)
	}
	if done, err := w.RejectExternalSystem(t.Context(), local, which); err != nil || done.System.Fingerprint != gate.fingerprint() {
		t.Errorf("%+v, %v", done, err)
	}
	refusedAs(t, second(w.DeleteExternalSystem(t.Context(), local, which)), acts.Invalid) // none is accepted
	for _, c := range []*caller{gate, stranger} {
		if _, err := w.AcceptExternalSystem(t.Context(), local, c.which()); err != nil {
			t.Fatal(err)
		}
	}
	refusedAs(t, second(w.RejectExternalSystem(t.Context(), local, which)), acts.Invalid) // both are
}

func TestAnExternalSystemIsFoundByIDByCertificateOrByBoth(t *testing.T) {
	w := start(t)
	one, two := w.askingSystem("one", ""), w.askingSystem("two", "")
	shared := w.caller("three", one.pair) // the certificate of one
	shared.check("")
	changed := w.askingSystem("two", "") // the ID of two
	w.askingSystem("Two", "")
	// An ID that reads as the fingerprint of another one's certificate.
	fake := w.askingSystem(changed.fingerprint().String(), "")

	find := func(which string) (acts.ExternalSystem, error) { return w.ExternalSystem(t.Context(), local, which) }
	for which, want := range map[string]*caller{
		"one":                               one,
		" one ":                             one,
		"one/" + one.fingerprint().String(): one,
		"three/" + strings.ReplaceAll(strings.ToLower(one.fingerprint().String()), ":", ""): shared,
		two.fingerprint().String():                   two,
		changed.fingerprint().String():               changed,
		"two/" + changed.fingerprint().String():      changed,
		fake.id + "/" + fake.fingerprint().String():  fake,
		strings.ToLower(fake.fingerprint().String()): fake,
	} {
		if s, err := find(which); err != nil || s.ID != want.id || s.Fingerprint != want.fingerprint() {
			t.Errorf("%q: %+v, %v", which, s, err)
		}
	}
	for which, want := range map[string]struct {
		code acts.Code
		text string
	}{
		"":                                  {acts.Invalid, "no external system was named"},
		"nobody":                            {acts.NotFound, `no external system "nobody" is known`},
		"ONE":                               {acts.NotFound, `"ONE"`},
		"no\x1bbody":                        {acts.NotFound, `"no\u{1b}body"`},
		"two":                               {acts.Invalid, `2 external systems answer to "two": two/` + two.fingerprint().String() + " (Pending, 127.0.0.1), two/" + changed.fingerprint().String()},
		one.fingerprint().String():          {acts.Invalid, "2 external systems answer to"},
		"two/AA":                            {acts.Invalid, `"AA" is not a fingerprint`},
		"two/" + one.fingerprint().String(): {acts.Refused, "has another certificate than the one that was compared"},
	} {
		_, err := find(which)
		if e := refusedAs(t, err, want.code); !strings.Contains(e.Text, want.text) || e.Hint == "" {
			t.Errorf("%q: %+v", which, e)
		}
	}
	// The fingerprint that a person compared is the one that is accepted.
	in := acts.DecideExternalSystem{Which: "two", Fingerprint: one.fingerprint()}
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Refused)
	in = acts.DecideExternalSystem{Which: "two/" + two.fingerprint().String(), Fingerprint: one.fingerprint()}
	refusedAs(t, second(w.AcceptExternalSystem(t.Context(), local, in)), acts.Invalid)
	if _, err := w.AcceptExternalSystem(t.Context(), local, changed.which()); err != nil {
		t.Fatal(err)
	}
	if code := two.check(""); code != problem.Pending {
		t.Errorf("the same ID with the other certificate is answered %q", code)
	}
	s := w.shownSystem(two)
	if !slices.Equal(s.Others, []pki.Fingerprint{changed.fingerprint()}) || !strings.Contains(s.NextStep, "is accepted with another certificate") {
		t.Errorf("%+v", s)
	}
}

func TestOneIDWithManyCertificatesIsShownBounded(t *testing.T) {
	w := start(t)
	for range acts.MaxOthers + 3 {
		w.askingSystem("same", "")
	}
	list, err := w.ExternalSystems(t.Context(), local)
	if err != nil || len(list.Systems) != acts.MaxOthers+3 {
		t.Fatalf("%d, %v", len(list.Systems), err)
	}
	for _, s := range list.Systems {
		if len(s.Others) != acts.MaxOthers || slices.Contains(s.Others, s.Fingerprint) {
			t.Errorf("%s: others %v", s.Fingerprint, s.Others)
		}
	}
	_, err = w.ExternalSystem(t.Context(), local, "same")
	if e := refusedAs(t, err, acts.Invalid); strings.Count(e.Text, "same/") != 5 || !strings.HasSuffix(e.Text, ", and more") {
		t.Errorf("%q", e.Text)
	}
}
