package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/proto/openapi/openapitest"
)

// eicar is the EICAR test file, in two halves so that no scanner takes this
// file for it.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// system is an external system: an ID, and a certificate that it made itself.
type system struct {
	t           testing.TB
	node        *node
	id          string
	dir         string
	fingerprint string
}

// newSystem makes an external system as an integrator does: with openssl and the
// downloaded server certificate. The Central Node has not heard of it yet.
func newSystem(t testing.TB, n *node, id string) *system {
	t.Helper()
	s := &system{t: t, node: n, id: id, dir: t.TempDir()}
	o := command(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", "/CN="+id+" of a test",
		"-keyout", s.file("key.pem"), "-out", s.file("cert.pem"))
	if o.code != 0 {
		t.Fatalf("openssl: %s", o.err)
	}
	o = command(t, "openssl", "x509", "-in", s.file("cert.pem"), "-noout", "-fingerprint", "-sha256")
	_, print, ok := strings.Cut(strings.TrimSpace(o.out), "=")
	if !ok {
		t.Fatalf("openssl: %s%s", o.out, o.err)
	}
	s.fingerprint = print
	pem, err := os.ReadFile(n.certificate())
	if err == nil {
		err = os.WriteFile(s.file("kata.crt"), pem, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// acceptedSystem is newSystem that asked, and was accepted.
func acceptedSystem(t testing.TB, n *node, id string, accept ...string) *system {
	t.Helper()
	s := newSystem(t, n, id)
	if code, body := s.curl(s.scanner("connection")); code != 401 || !strings.Contains(body, `"pending"`) {
		t.Fatalf("the first call: %d %s", code, body)
	}
	s.accept(accept...)
	return s
}

// accept lets the system in, by exactly its certificate.
func (s *system) accept(more ...string) {
	s.t.Helper()
	s.node.must(append([]string{"external-system", "accept", s.id, "--fingerprint", s.fingerprint, "--yes"}, more...)...)
}

// file is a file of the system's own folder.
func (s *system) file(name string) string { return filepath.Join(s.dir, name) }

// scanner is the address of a path of the scanner API.
func (s *system) scanner(path string) string {
	return "https://" + s.node.address + "/kata/scanner/v1/sensors/" + s.id + "/" + path
}

// flags are what every curl line of the system begins with. Verification is on.
func (s *system) flags() []string {
	return []string{"-sS", "--max-time", "300", "--cacert", s.file("kata.crt"), "--cert", s.file("cert.pem"), "--key", s.file("key.pem")}
}

// curl makes one call with curl and returns status and body; 0 when there was
// no answer.
func (s *system) curl(args ...string) (status int, body string) {
	s.t.Helper()
	o := command(s.t, "curl", append(append(s.flags(), "-w", `\n%{http_code}`), args...)...)
	at := strings.LastIndexByte(o.out, '\n')
	if at < 0 {
		s.t.Fatalf("curl %v: %s", args, o.err)
	}
	status, err := strconv.Atoi(o.out[at+1:])
	if err != nil {
		s.t.Fatalf("curl %v: %s%s", args, o.out, o.err)
	}
	return status, o.out[:at]
}

// submit has curl submit a file under a scanId and returns the answer.
func (s *system) submit(path, scanID string, more ...string) (status int, body string) {
	s.t.Helper()
	return s.curl(append([]string{"-X", "POST", s.scanner("scans"), "-F", "content=@" + path, "-F", "scanId=" + scanID, "-F", "objectType=file"}, more...)...)
}

// write keeps an object in the system's folder.
func (s *system) write(name, content string) string {
	s.t.Helper()
	if err := os.WriteFile(s.file(name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return s.file(name)
}

// states reads the states of everything that the system submitted, by scanId.
func (s *system) states() map[string]string {
	s.t.Helper()
	status, body := s.curl(s.scanner("scans/state"))
	states := map[string]string{}
	if status == http.StatusNoContent {
		return states
	}
	var answer struct {
		Scans []struct{ ScanID, State string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		s.t.Fatalf("states: %d %s, %v", status, body, err)
	}
	for _, v := range answer.Scans {
		states[v.ScanID] = v.State
	}
	return states
}

// verdict waits until an object has one.
func (s *system) verdict(scanID string) (state string) {
	s.t.Helper()
	eventually(s.t, time.Minute, "a verdict of "+scanID, func() bool {
		state = s.states()[scanID]
		return state != "processing"
	})
	return state
}

// client is an HTTP client of the system that holds every exchange against the
// description of the API.
func (s *system) client() *http.Client {
	s.t.Helper()
	pair, err := tls.LoadX509KeyPair(s.file("cert.pem"), s.file("key.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	pem, err := os.ReadFile(s.file("kata.crt"))
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	plain := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	s.t.Cleanup(plain.CloseIdleConnections)
	return &http.Client{Transport: openapitest.Transport(s.t, plain), Timeout: busy * time.Minute}
}

// shown is the system as its administrator sees it.
func (s *system) shown() acts.ExternalSystem {
	s.t.Helper()
	return read[acts.ExternalSystem](s.node, "external-system", "show", s.id)
}
