package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/acts"
)

// resident is how much memory a process has, in bytes.
func resident(t testing.TB, pid int) int64 {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no VmRSS in\n%s", raw)
	return 0
}

// TestUploadsThatNeverEndCostLittleAndKeepNobodyOut has one system announce 200
// objects of 1 GiB and trickle, under a quota that is much smaller than what is
// announced.
func TestUploadsThatNeverEndCostLittleAndKeepNobodyOut(t *testing.T) {
	const uploads, most = 200, 64 << 20
	n := newNode(t, "[scan]\nmax_object_size = \"1GiB\"\nspool_quota = \"1GiB\"")
	slow, other := acceptedSystem(t, n, "slow"), acceptedSystem(t, n, "other").caller()
	other.takes("before", []byte("an object"))
	other.becomes("before", "not detected")
	before := resident(t, n.cmd.Process.Pid)
	var wires []*wire
	for i := range uploads {
		w := slow.wire()
		w.send("POST /kata/scanner/v1/sensors/slow/scans HTTP/1.1\r\nHost: central-node\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1073741824\r\n\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"scanId\"\r\n\r\n" + strconv.Itoa(i) + "\r\n" +
			"--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"x\"\r\n\r\n")
		wires = append(wires, w)
	}
	var peak int64
	piece := strings.Repeat("x", 64<<10)
	for round := range 5 {
		for _, w := range wires {
			w.send(piece)
		}
		id := fmt.Sprintf("meanwhile-%d", round)
		other.takes(id, []byte("an object"))
		other.becomes(id, "not detected")
		peak = max(peak, resident(t, n.cmd.Process.Pid))
	}
	eventually(t, 30*time.Second, "all of it has arrived", func() bool {
		s := n.scanning()
		return s.Uploading == uploads && s.SpoolBytes >= uploads*5*(64<<10)
	})
	peak = max(peak, resident(t, n.cmd.Process.Pid))
	t.Logf("%d uploads: %d MiB of memory before, at most %d MiB then, %d KiB for each", uploads, before>>20, peak>>20, (peak-before)/uploads>>10)
	if peak-before > most {
		t.Errorf("%d uploads took %d MiB of memory, want at most %d", uploads, (peak-before)>>20, most>>20)
	}
	for _, w := range wires {
		_ = w.Close()
	}
	n.clean()
	if left := slow.states(); len(left) != 0 {
		t.Errorf("uploads that did not end were taken: %v", left)
	}
	n.stop()
}

// tree lists the files below a folder that the daemon makes.
func tree(t testing.TB, dir string) map[string]bool {
	t.Helper()
	files := make(map[string]bool)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if d.Name() != "index.db" { // which the event log writes when it likes
			files[name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestHostileFormsLeaveNothingOutsideTheSpool submits what no honest client does.
func TestHostileFormsLeaveNothingOutsideTheSpool(t *testing.T) {
	n := newNode(t, "[scan]\nmax_object_size = \"1MiB\"")
	c := acceptedSystem(t, n, "hostile").caller()
	c.takes("first", bytes.Repeat([]byte("x"), 100_000))
	c.becomes("first", "not detected")
	n.stop() // what is in the event log then stays as it is
	n.start()
	before := tree(t, n.dir)
	part := func(disposition, content string) string {
		return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
	}
	object := func(name string) string { return part(`name="content"; filename="`+name+`"`, eicar) }
	const end = "--b--\r\n"
	taken := 0
	for what, body := range map[string]string{
		"a long name":          object(strings.Repeat("n", 64<<10)) + end,
		"a long field":         object("x") + part(`name="scanId"`, strings.Repeat("1", 64<<10)) + end,
		"a long field name":    object("x") + part(`name="`+strings.Repeat("f", 64<<10)+`"`, "1") + end,
		"thousands of parts":   strings.Repeat(part(`name="objectType"`, "file"), 5000) + object("x") + end,
		"thousands of objects": strings.Repeat(object("x"), 2000) + end,
		"thousands of headers": "--b\r\n" + strings.Repeat("X-Header: value\r\n", 5000) + "Content-Disposition: form-data; name=\"content\"; filename=\"x\"\r\n\r\nx\r\n" + end,
		"no end":               object("x"),
		"no object":            part(`name="scanId"`, "1") + end,
		"an ID upwards":        object("x") + part(`name="scanId"`, "../../evil") + end,
		"an instance upwards":  object("x") + part(`name="sensorInstanceId"`, "../../evil\x00") + end,
		"too large":            part(`name="content"; filename="x"`, strings.Repeat("x", 1<<20+1)) + end,
		"nothing":              "",
	} {
		status, answer, err := c.call(http.MethodPost, c.scanner("scans"), "multipart/form-data; boundary=b", []byte(body))
		if err != nil || status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d %.200s, %v", what, status, answer, err)
		}
		if strings.Contains(answer, strings.Repeat("n", 100)) || strings.Contains(answer, "evil") {
			t.Errorf("%s: the answer has what was sent: %.200s", what, answer)
		}
	}
	names := []string{
		"../../../../../../../../tmp/vedette-evil", "/tmp/vedette-evil", `..\..\vedette-evil`, "vedette-evil\x00.txt", "C:\\vedette-evil",
		"%2e%2e%2fvedette-evil", "vedette-evil\x1b]0;owned\x07", ".", "..", "vedette-evil\u202etxt.exe", "",
	}
	for i, name := range names {
		body := part(`name="scanId"`, fmt.Sprintf("name-%d", i)) + object(name) + end
		switch status, answer, err := c.call(http.MethodPost, c.scanner("scans"), "multipart/form-data; boundary=b", []byte(body)); {
		case err == nil && status == http.StatusOK && answer == "OK":
			taken++
			c.becomes(fmt.Sprintf("name-%d", i), "detect")
		case err == nil && status == http.StatusBadRequest:
		default:
			t.Errorf("the name %q: %d %.200s, %v", name, status, answer, err)
		}
	}
	for _, path := range []string{"scans/..%2F..%2Fevil", "scans/%00", "scans/" + strings.Repeat("x", 8000)} {
		if status, body, err := c.call(http.MethodDelete, c.scanner(path), "", nil); err != nil || status != http.StatusNotFound {
			t.Errorf("DELETE %.40s: %d %.200s, %v", path, status, body, err)
		}
	}
	n.clean()
	for name := range tree(t, n.dir) {
		if !before[name] {
			t.Errorf("a file that was not there before: %s", name)
		}
	}
	if _, err := os.Stat("/tmp/vedette-evil"); err == nil {
		t.Error("a file where a name of a caller says")
	}
	if got := len(read[acts.AlertList](n, "alert", "list").Alerts); got != taken || taken < len(names)/2 {
		t.Errorf("%d alerts, %d objects were taken", got, taken)
	}
	if out := n.must("alert", "list"); strings.ContainsAny(out, "\x1b\x07\x00") || strings.ContainsRune(out, '\u202e') {
		t.Errorf("the list passes control characters on: %q", out)
	}
	n.stop()
}

// TestRandomIDsLeaveABoundedTrace asks to integrate under 20,000 IDs.
func TestRandomIDsLeaveABoundedTrace(t *testing.T) {
	const ids, workers, most = 20_000, 8, 1 << 20
	n := newNode(t)
	good := acceptedSystem(t, n, "good").caller()
	crowd := newSystem(t, n, "crowd")
	// With a key that costs the test little: each call is a connection of its own.
	if o := command(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365", "-subj", "/CN=crowd",
		"-keyout", crowd.file("key.pem"), "-out", crowd.file("cert.pem")); o.code != 0 {
		t.Fatalf("openssl: %s", o.err)
	}
	c := crowd.caller()
	size := func() int64 {
		t.Helper()
		i, err := os.Stat(filepath.Join(n.state(), "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	before, memory := size(), resident(t, n.cmd.Process.Pid)
	began := time.Now()
	var running sync.WaitGroup
	var mu sync.Mutex // guards answers
	answers := make(map[int]int)
	for w := range workers {
		running.Go(func() {
			for i := w; i < ids; i += workers {
				url := fmt.Sprintf("https://%s/kata/scanner/v1/sensors/random-%d/scans/state", n.address, i)
				status, _, _ := c.call(http.MethodGet, url, "", nil) // 0: cut
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	running.Wait()
	took := time.Since(began)
	good.takes("meanwhile", []byte("an object"))
	good.becomes("meanwhile", "not detected")
	list := read[acts.ExternalSystemList](n, "external-system", "list").Systems
	pending := 0
	for _, s := range list {
		if s.State == acts.Pending {
			pending++
		}
	}
	grown, more := size()-before, resident(t, n.cmd.Process.Pid)-memory
	t.Logf("%d calls in %v, answers %v: %d requests, state.db grew by %d KiB, memory by %d MiB", ids, took, answers, pending, grown>>10, more>>20)
	if answers[http.StatusUnauthorized]+answers[http.StatusTooManyRequests] < ids*9/10 {
		t.Errorf("answers: %v", answers)
	}
	if pending == 0 || pending > 32 || grown > most || more > 64<<20 {
		t.Errorf("%d requests, state.db grew by %d KiB, memory by %d MiB", pending, grown>>10, more>>20)
	}
	n.must("audit", "verify")
	n.stop()
}
