package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/acts"
)

// config is how the system speaks TLS: with its certificate, and verifying the
// Central Node's.
func (s *system) config() *tls.Config {
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
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "127.0.0.1"}
}

// caller makes many calls of a system, on kept connections and without a program
// of its own for each.
type caller struct {
	*system
	http *http.Client
}

func (s *system) caller() *caller {
	s.t.Helper()
	plain := &http.Transport{TLSClientConfig: s.config(), MaxIdleConnsPerHost: 64}
	s.t.Cleanup(plain.CloseIdleConnections)
	return &caller{s, &http.Client{Transport: plain, Timeout: busy * 30 * time.Second}}
}

// call makes one call and returns status and body.
func (c *caller) call(method, url, contentType string, body []byte) (int, string, error) {
	r, err := http.NewRequestWithContext(c.t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	a, err := c.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return a.StatusCode, string(text), err
}

// form is the body that submits an object.
func form(scanID string, content []byte) (contentType string, body []byte) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, field := range [][2]string{{"scanId", scanID}, {"objectType", "file"}} {
		_ = w.WriteField(field[0], field[1]) // to memory
	}
	part, _ := w.CreateFormFile("content", scanID+".bin")
	_, _ = part.Write(content)
	_ = w.Close()
	return w.FormDataContentType(), out.Bytes()
}

// submit submits an object.
func (c *caller) submit(scanID string, content []byte) (int, string, error) {
	contentType, body := form(scanID, content)
	return c.call(http.MethodPost, c.scanner("scans"), contentType, body)
}

// takes submits an object that has to be taken.
func (c *caller) takes(scanID string, content []byte) {
	c.t.Helper()
	if status, body, err := c.submit(scanID, content); err != nil || status != http.StatusOK || body != "OK" {
		c.t.Fatalf("submit %s: %d %q, %v", scanID, status, body, err)
	}
}

// states reads the states of everything that the system submitted, by scanId.
func (c *caller) states() map[string]string {
	c.t.Helper()
	status, body, err := c.call(http.MethodGet, c.scanner("scans/state"), "", nil)
	var answer struct {
		Scans []struct{ ScanID, State string }
	}
	if err == nil && status == http.StatusOK {
		err = json.Unmarshal([]byte(body), &answer)
	}
	if err != nil || status != http.StatusOK && status != http.StatusNoContent {
		c.t.Fatalf("states of %s: %d %s, %v", c.id, status, body, err)
	}
	states := make(map[string]string, len(answer.Scans))
	for _, v := range answer.Scans {
		states[v.ScanID] = v.State
	}
	return states
}

// becomes waits until an object has a state.
func (c *caller) becomes(scanID, state string) {
	c.t.Helper()
	got := ""
	defer func() {
		if got != state {
			c.t.Logf("%s is %q", scanID, got)
		}
	}()
	eventually(c.t, time.Minute, scanID+" is "+state, func() bool {
		got = c.states()[scanID]
		return got == state
	})
}

// scanning is the state of scanning as an administrator sees it.
func (n *node) scanning() acts.ScanStatus {
	n.t.Helper()
	return read[acts.ScanStatus](n, "scan", "show")
}

// engine is one engine as an administrator sees it.
func (n *node) engine(name string) acts.ScanEngine {
	n.t.Helper()
	for _, e := range n.scanning().Engines {
		if e.Name == name {
			return e
		}
	}
	return acts.ScanEngine{Trouble: "there is no engine " + name}
}

// alerts reads all alerts, by system and scanId.
func (n *node) alerts() map[[2]string][]acts.Alert {
	n.t.Helper()
	by := make(map[[2]string][]acts.Alert)
	for _, a := range read[acts.AlertList](n, "alert", "list", "--limit", "1000000").Alerts {
		key := [2]string{a.System, a.ScanID}
		by[key] = append(by[key], a)
	}
	return by
}

// idle waits until every object has its verdict.
func (n *node) idle() acts.ScanStatus {
	n.t.Helper()
	var s acts.ScanStatus
	eventually(n.t, time.Minute, "every object has its verdict", func() bool {
		s = n.scanning()
		return s.Waiting == 0 && s.Running == 0 && s.Uploading == 0
	})
	return s
}

// spooled lists the files of the spool.
func (n *node) spooled() (files []string) {
	n.t.Helper()
	err := filepath.WalkDir(filepath.Join(n.state(), "scan", "spool"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return files
}

// clean waits until the node has nothing to do any more, and fails the test when
// it holds anything in its spool then.
func (n *node) clean() {
	n.t.Helper()
	var s acts.ScanStatus
	var left []string
	defer func() {
		if n.t.Failed() && (len(left) > 0 || s.SpoolBytes != 0) {
			n.t.Logf("in the spool: %d files, %d bytes counted: %v", len(left), s.SpoolBytes, left)
		}
	}()
	eventually(n.t, time.Minute, "the idle spool is empty", func() bool {
		s = n.idle()
		left = n.spooled()
		return len(left) == 0 && s.SpoolBytes == 0
	})
	if s.Degraded {
		n.t.Errorf("scanning is degraded: %s", s.Reason)
	}
}

// badMark is what rules and engines of these tests find.
const badMark = "this object is bad news"

// clampedScan configures scanning by the built-in engine, which knows badMark,
// and by a clamd. It may take long: tests have objects wait at it.
func clampedScan(t testing.TB, socket string, scan ...string) string {
	t.Helper()
	rules := filepath.Join(t.TempDir(), "rules.txt")
	if err := os.WriteFile(rules, []byte(`Test.Own high text "`+badMark+`" anywhere`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[scan]\n%s\n[scan.builtin]\nrules = [%q]\n[scan.clamd]\naddress = %q\nmax_file_size = \"2MiB\"\ntimeout = \"2m\"",
		strings.Join(scan, "\n"), rules, "unix:"+socket)
}
