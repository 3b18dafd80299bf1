package scanner_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"vedette/centralnode/scan"
	"vedette/pki/pkitest"
)

// curl runs a line of the documentation, whose words stand in it as an
// integrator would type them, and returns the body and the status. The server is
// verified by the certificate that it was given.
func (s *system) curl(folder, line string, more ...string) (body string, status int) {
	t := s.w.t
	t.Helper()
	address := strings.TrimPrefix(s.w.gateway.Address().String(), "127.0.0.1:")
	line = strings.NewReplacer("CN:443", "localhost:"+address, "<id>", s.id).Replace(line)
	var args []string
	for _, word := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1)[1:] {
		args = append(args, strings.Trim(word, `"`))
	}
	args = append(args, "--silent", "--show-error", "--cacert", "kata.crt", "--write-out", "\n%{http_code}", "--max-time", "30")
	cmd := exec.CommandContext(t.Context(), "curl", append(args, more...)...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", line, err, &stderr)
	}
	at := bytes.LastIndexByte(out, '\n')
	status, err = strconv.Atoi(string(out[at+1:]))
	if err != nil {
		t.Fatalf("%s: %q", line, out)
	}
	return string(out[:max(at, 0)]), status
}

// files are what an integrator has.
func (s *system) files(content map[string]string) (folder string) {
	s.w.t.Helper()
	folder = s.w.t.TempDir()
	pem := string(s.pair.EncodePEM())
	for name, text := range map[string]string{"c.pem": string(s.pair.CertificatePEM()), "k.pem": pem, "kata.crt": string(s.w.server.CertificatePEM())} {
		content[name] = text
	}
	for name, text := range content {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			s.w.t.Fatal(err)
		}
	}
	return folder
}

func TestDocumentedLinesOfCurlWork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("this test needs curl: make test installs it")
	}
	w := open(t, options{limits: scan.Limits{MaxObjectSize: 1 << 20}})
	s := w.system("00505693b392")
	folder := s.files(map[string]string{"sample.bin": "an object", "bad.bin": evil, "big.bin": strings.Repeat("x", 2<<20)})
	const cert = `curl --cert c.pem --key k.pem `
	const at = `"https://CN:443/kata/scanner/v1/sensors/<id>/`
	for _, c := range []struct {
		line   string
		status int
		body   string // exactly, or a part of it when it begins with an ellipsis
	}{
		{cert + `-X POST ` + at + `scans?sensorInstanceId=instance1" -F "content=@sample.bin" -F scanId=1 -F "objectType=file"`, 200, "OK"},
		{cert + `-X POST ` + at + `scans" -F objectType=file -F scanId=2 -F content=@bad.bin`, 200, "OK"},
		{cert + `-X POST ` + at + `scans?sensorInstanceId=instance1" -F "content=sample.bin" -F scanId=3 -F "objectType=file"`, 400, "…-F content=@FILE"},
		{cert + `-X POST ` + at + `scans?sensorInstanceId=instance1" -F "content=@sample.bin" -F scanID=5 -F "objectType=file"`, 200, "OK"},
		{cert + `-X POST ` + at + `scans" -F content=@big.bin`, 413, "…1048576 bytes"},
		{cert + `-X POST ` + at + `scans" -F content=@big.bin -H "Transfer-Encoding: chunked"`, 413, "…1048576 bytes"},
		{cert + `-X POST ` + at + `scans" -F content=@big.bin -H "Expect: 100-continue"`, 413, "…1048576 bytes"},
		{cert + `-X POST ` + at + `scans" -F content=@sample.bin -H "Expect: 100-continue" -H "Transfer-Encoding: chunked"`, 200, "OK"},
		{cert + `-X POST ` + at + `scans" -F content=@sample.bin -F scanId=4 --http2`, 200, "OK"},
		{cert + `-X POST ` + at + `scans" -d content=x`, 400, "…multipart/form-data"},
	} {
		body, status := s.curl(folder, c.line)
		part, partly := strings.CutPrefix(c.body, "…")
		if status != c.status || !partly && body != c.body || partly && !strings.Contains(body, part) {
			t.Errorf("%s\n  %d %q, want %d %q", c.line, status, body, c.status, c.body)
		}
	}
	s.settled("")
	for _, c := range []struct {
		line   string
		status int
		body   string
	}{
		{cert + `-X GET ` + at + `scans/state?sensorInstanceId=instance1&state=detect,not%20detected"`, 200, `…{"scans":[{"scanId":"1","state":"not detected"},{"scanId":"5","state":"not detected"}]}`},
		{cert + `-X GET ` + at + `scans/state?state=detect%2Cprocessing"`, 200, `…{"scans":[{"scanId":"2","state":"detect"}]}`},
		{cert + `-X GET ` + at + `scans/state?state=timeout"`, 204, ""},
		{cert + `-X GET ` + at + `scans/filters"`, 200, `…{"maxObjectSize":1048576,"version":"1.2.3"}`},
		{cert + `-X GET ` + at + `detects?detect_type=am,sb&limit=100&token=7b226f6666736574223a20307d"`, 200, `…"detect":["Test.Evil"]`},
		{cert + `-X DELETE ` + at + `scans/2"`, 200, "OK"},
		{cert + `-X DELETE ` + at + `scans/2"`, 404, "…not_found"},
		{cert + `-X DELETE ` + at + `scans"`, 200, "OK"},
		{cert + `-X GET ` + at + `connection"`, 200, `…"state":"accepted"`},
	} {
		body, status := s.curl(folder, c.line)
		part, partly := strings.CutPrefix(c.body, "…")
		if status != c.status || !partly && body != c.body || partly && !strings.Contains(body, part) {
			t.Errorf("%s\n  %d %q, want %d %q", c.line, status, body, c.status, c.body)
		}
	}
	if body, status := s.curl(folder, cert+`-X POST `+at+`scans" -F content=@-`); status != 200 || body != "OK" { // from its empty standard input
		t.Errorf("an object from standard input: %d %q", status, body)
	}
}

func TestServerOfAnotherCertificateIsNotSpokenTo(t *testing.T) {
	t.Parallel()
	w := open(t, options{})
	s := w.system("mail-1")
	folder := s.files(map[string]string{})
	other := pkitest.PairFor(t, pkitest.ECDSAKey(t))
	if err := os.WriteFile(filepath.Join(folder, "kata.crt"), other.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "curl", "--cert", "c.pem", "--key", "k.pem", "--cacert", "kata.crt", "--silent", s.url("scans/filters"))
	cmd.Dir = folder
	if out, err := cmd.Output(); err == nil {
		t.Errorf("curl spoke to another server: %s", out)
	}
}
