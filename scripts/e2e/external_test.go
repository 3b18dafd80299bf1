package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"vedette/internal/acts"
)

// TestExternalSystemIntegratesByTheDocumentedLines walks "Configuring
// integration with external systems" of the source document with curl: the
// system asks, an administrator accepts, objects get verdicts, alerts appear.
func TestExternalSystemIntegratesByTheDocumentedLines(t *testing.T) {
	n := newNode(t)
	s := newSystem(t, n, "00505693b392")
	clean, bad := s.write("sample.bin", "an ordinary object"), s.write("eicar.com", eicar)

	// Any call is the request; several are one, from however many servers.
	for _, call := range [][]string{
		{s.scanner("scans/filters")},
		{"-X", "POST", s.scanner("scans?sensorInstanceId=instance1"), "-F", "content=@" + clean, "-F", "scanId=1", "-F", "objectType=file"},
		{"-X", "DELETE", s.scanner("scans/1")},
		{"https://" + n.address + "/kata/events_api/v1/" + s.id + "/events"},
		{"https://" + n.address + "/kata/response_api/v1/" + s.id + "/sensors"},
	} {
		if code, body := s.curl(call...); code != http.StatusUnauthorized || !strings.Contains(body, `"code":"pending"`) {
			t.Errorf("%v before Accept: %d %s", call, code, body)
		}
	}
	list := read[acts.ExternalSystemList](n, "external-system", "list")
	if len(list.Systems) != 1 || list.Systems[0].State != acts.Pending || list.Systems[0].Fingerprint.String() != s.fingerprint ||
		list.ServerCertificate != read[acts.ServerCertificate](n, "certificate", "show").Fingerprint {
		t.Fatalf("the table: %+v", list)
	}
	// A person who compared another fingerprint accepts nobody.
	wrong := strings.Repeat("11:", 31) + "11"
	if o := n.run("external-system", "accept", s.id, "--fingerprint", wrong, "--yes"); o.code == 0 {
		t.Errorf("accepted with another fingerprint: %s", o.out)
	}
	s.accept()

	for path, id := range map[string]string{clean: "1", bad: "2"} {
		code, body := s.curl("-X", "POST", s.scanner("scans?sensorInstanceId=instance1"), "-F", "content=@"+path, "-F", "scanId="+id, "-F", "objectType=file")
		if code != http.StatusOK || body != "OK" {
			t.Fatalf("submit %s: %d %q", path, code, body)
		}
	}
	if v := s.verdict("1"); v != "not detected" {
		t.Errorf("the ordinary object: %s", v)
	}
	if v := s.verdict("2"); v != "detect" {
		t.Errorf("the EICAR test file: %s", v)
	}
	if code, body := s.curl(s.scanner("scans/state?sensorInstanceId=instance1&state=detect,not%20detected")); code != http.StatusOK ||
		body != `{"scans":[{"scanId":"1","state":"not detected"},{"scanId":"2","state":"detect"}]}`+"\n" && body != `{"scans":[{"scanId":"2","state":"detect"},{"scanId":"1","state":"not detected"}]}`+"\n" {
		t.Errorf("states: %d %q", code, body)
	}
	if code, _ := s.curl(s.scanner("scans/state?sensorInstanceId=another")); code != http.StatusNoContent {
		t.Errorf("another instance: %d", code)
	}
	if code, body := s.curl(s.scanner("scans/filters")); code != http.StatusOK || !strings.Contains(body, `"maxObjectSize":104857600`) {
		t.Errorf("filters: %d %s", code, body)
	}
	if code, body := s.curl(s.scanner("detects?detect_type=am&limit=10&token=7b226f6666736574223a20307d")); code != http.StatusOK || !strings.Contains(body, "EICAR") {
		t.Errorf("detects: %d %s", code, body)
	}
	alerts := read[acts.AlertList](n, "alert", "list").Alerts
	if len(alerts) != 1 || alerts[0].State != acts.AlertNew || alerts[0].System != s.id || alerts[0].Technology != "am" {
		t.Fatalf("alerts: %+v", alerts)
	}
	n.must("alert", "state", fmt.Sprint(alerts[0].ID), "closed")
	if a := read[acts.Alert](n, "alert", "show", fmt.Sprint(alerts[0].ID)); a.State != acts.AlertClosed || a.StateBy == "" {
		t.Errorf("the closed alert: %+v", a)
	}
	for _, path := range []string{"scans/1?sensorInstanceId=instance1", "scans"} {
		if code, body := s.curl("-X", "DELETE", s.scanner(path)); code != http.StatusOK || body != "OK" {
			t.Errorf("DELETE %s: %d %q", path, code, body)
		}
	}
	if left := s.states(); len(left) != 0 {
		t.Errorf("after both deletions: %v", left)
	}
	if shown := s.shown(); shown.Submitted != 2 || shown.Calls == 0 || shown.LastCall.IsZero() || len(shown.Addresses) != 1 {
		t.Errorf("the administrator's view: %+v", shown)
	}
}

// TestResultsOutliveTheCertificateThatAsked changes the certificate of an
// external system without losing a result, and then cuts the old one off.
func TestResultsOutliveTheCertificateThatAsked(t *testing.T) {
	n := newNode(t)
	old := acceptedSystem(t, n, "file-store")
	if code, body := old.submit(old.write("object", "one"), "1"); code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	old.verdict("1")

	fresh := newSystem(t, n, "file-store")
	if code, body := fresh.curl(fresh.scanner("connection")); code != http.StatusUnauthorized || !strings.Contains(body, `"certificate_changed"`) {
		t.Fatalf("the new certificate before Accept: %d %s", code, body)
	}
	if code, _ := old.curl(old.scanner("scans/filters")); code != http.StatusOK {
		t.Fatalf("the old certificate while the new one asks: %d", code)
	}
	fresh.accept()
	if v := fresh.verdict("1"); v != "not detected" {
		t.Errorf("the result of before: %q", v)
	}
	n.must("external-system", "delete", "file-store/"+old.fingerprint, "--yes")
	if code, body := old.curl(old.scanner("scans/state")); code != http.StatusUnauthorized || !strings.Contains(body, `"certificate_changed"`) {
		t.Errorf("the old certificate afterwards: %d %s", code, body)
	}
	if code, _ := fresh.curl(fresh.scanner("scans/state")); code != http.StatusOK {
		t.Errorf("the new certificate afterwards: %d", code)
	}

	// Both stay accepted when the Central Node gets another certificate: they are
	// known by their own. They need the new one to verify it.
	n.must("certificate", "generate", "--yes")
	if o := command(t, "curl", append(fresh.flags(), fresh.scanner("scans/state"))...); o.code != 60 && o.code != 35 {
		t.Errorf("curl with the certificate of before: exit %d %s%s", o.code, o.out, o.err)
	}
	pem, err := os.ReadFile(n.certificate())
	if err != nil {
		t.Fatal(err)
	}
	fresh.write("kata.crt", string(pem))
	if code, _ := fresh.curl(fresh.scanner("scans/state")); code != http.StatusOK {
		t.Errorf("with the new certificate of the Central Node: %d", code)
	}
}

// TestDescriptionIsServedAndTrue reads the description from the daemon and
// holds a whole round against it.
func TestDescriptionIsServedAndTrue(t *testing.T) {
	n := newNode(t)
	s := acceptedSystem(t, n, "described")
	want, err := os.ReadFile("../../proto/openapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	o := command(t, "curl", "-sS", "--cacert", s.file("kata.crt"), "https://"+n.address+"/kata/openapi.yaml")
	if o.out != string(want) {
		t.Errorf("the description is not what is in the tree: %d bytes, want %d; %s", len(o.out), len(want), o.err)
	}
	c := s.client()
	for _, path := range []string{
		s.scanner("connection"), s.scanner("scans/state"), s.scanner("scans/filters"), s.scanner("detects"),
		"https://" + n.address + "/kata/events_api/v1/" + s.id + "/events?max_timeout=PT0S",
		"https://" + n.address + "/kata/response_api/v1/" + s.id + "/sensors",
	} {
		r, err := c.Get(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close() // looked at by the transport
		if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}
