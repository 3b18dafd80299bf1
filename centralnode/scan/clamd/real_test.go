package clamd_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/centralnode/scan/clamd"
	"vedette/centralnode/scan/engine"
)

// pack makes an archive of one file.
func pack(t *testing.T, content io.Reader) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create("file")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// locked makes an archive with an encrypted file, as Info-ZIP does it.
func locked(t *testing.T) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.CreateRaw(&zip.FileHeader{Name: "letter.doc", Method: zip.Store, Flags: 1, CompressedSize64: 40, UncompressedSize64: 28})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte{0x5a}, 40)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRealClamdFindsWhatItKnows(t *testing.T) {
	d := shared(t, loud)
	for _, address := range []string{d.socket, "unix:" + d.socket, d.tcp, "tcp://" + d.tcp} {
		e := newEngine(t, clamd.Config{Address: address})
		for what, content := range map[string]string{
			"plain": "before " + marker + " behind", "in an archive": pack(t, strings.NewReader(marker)),
		} {
			r := scan(t, e, content)
			if len(r.Detections) != 1 || r.Detections[0] != (engine.Detection{Name: "Test.Marker.UNOFFICIAL", Importance: engine.High}) || r.Skipped != "" {
				t.Errorf("%s, %s: %+v", address, what, r)
			}
		}
		for what, content := range map[string]string{"clean": "nothing", "empty": "", "archive": pack(t, strings.NewReader("nothing"))} {
			if r := scan(t, e, content); len(r.Detections) != 0 || r.Skipped != "" {
				t.Errorf("%s, %s: %+v", address, what, r)
			}
		}
		if h := e.Health(t.Context()); h.Trouble != "" || !strings.HasPrefix(h.Version, "ClamAV ") {
			t.Errorf("%s: %+v", address, h)
		}
	}
}

func TestRealClamdNeverCallsCleanWhatItDidNotLookAt(t *testing.T) {
	d := shared(t, loud)
	engines := map[string]*clamd.Engine{}
	for _, address := range []string{d.socket, d.tcp} {
		engines[address] = newEngine(t, clamd.Config{Address: address})
	}
	deep := "the end"
	for range 40 {
		deep = pack(t, strings.NewReader(deep))
	}
	for _, c := range []struct{ what, content, says string }{
		{"longer than a stream", strings.Repeat("a", 3<<20+1), "StreamMaxLength"},
		{"much longer than a stream", strings.Repeat("a", 12<<20), "StreamMaxLength"},
		{"larger than a file", strings.Repeat("a", 5<<19), "MaxFileSize"},
		{"too deep", deep, "MaxRecursion"},
		{"unpacks to too much", pack(t, strings.NewReader(strings.Repeat("a", 5<<19)+marker)), "MaxScanSize"},
		{"encrypted", locked(t), "encrypted"},
	} {
		for address, e := range engines {
			r := scan(t, e, c.content)
			if len(r.Detections) != 0 || !strings.Contains(r.Skipped, c.says) {
				t.Errorf("%s over %s: %+v", c.what, address, r)
			}
		}
	}
}

func TestRealClamdThatPassesOverInSilenceIsNotBelieved(t *testing.T) {
	for _, c := range []struct {
		settings   string
		says, lets []string
	}{
		{quiet, []string{"AlertExceedsMax yes", "AlertEncrypted yes"}, []string{"MaxFileSize"}},
		{cutting, []string{"MaxFileSize", "MaxScanSize", "2M"}, []string{"AlertExceedsMax", "AlertEncrypted"}},
		{loud + "ScanArchive no\n", []string{"ScanArchive", "AlertExceedsMax", "AlertEncrypted"}, nil},
		{loud + "MaxRecursion 1000\n", []string{"MaxRecursion at most 100"}, []string{"AlertEncrypted"}},
		{strings.Replace(loud, "AlertEncrypted yes", "", 1), []string{"AlertEncrypted yes"}, []string{"AlertExceedsMax", "MaxFileSize", "ScanMail"}},
		{loud + "ScanMail no\nScanPDF no\nScanOLE2 no\nScanXMLDOCS no\n", []string{"ScanMail yes, ScanPDF yes, ScanOLE2 yes, ScanXMLDOCS yes in clamd.conf"}, []string{"Alert", "MaxFileSize", "ScanHTML"}},
		{loud + "MaxFiles 1\n", []string{"set MaxFiles higher in clamd.conf"}, []string{"Alert", "Scan"}},
		{loud + "MaxRecursion 2\n", []string{"set MaxRecursion higher in clamd.conf"}, []string{"Alert", "Scan"}},
		{loud + "ScanHTML no\n", []string{"set ScanHTML yes in clamd.conf"}, []string{"Alert", "ScanMail"}},
	} {
		e := newEngine(t, clamd.Config{Address: shared(t, c.settings).socket})
		for range 2 { // also when clamd remembers its verdict on the probes
			r := scan(t, e, "nothing")
			mentions(t, r.Skipped, c.says...)
			h := e.Health(t.Context())
			mentions(t, h.Trouble, c.says...)
			for _, not := range c.lets {
				if strings.Contains(h.Trouble, not) {
					t.Errorf("%q mentions %s", h.Trouble, not)
				}
			}
			if r := scan(t, e, marker); len(r.Detections) != 1 || r.Skipped != "" {
				t.Errorf("what it finds is found all the same: %+v", r)
			}
		}
	}
}

// The hole that the third probe is for: clamd itself says OK.
func TestRealClamdCutsLargeMembersOfArchivesInSilence(t *testing.T) {
	content := pack(t, strings.NewReader(strings.Repeat("a", 3<<19)+marker))
	if r := scan(t, newEngine(t, clamd.Config{Address: shared(t, cutting).socket}), content); len(r.Detections) != 0 || r.Skipped == "" {
		t.Errorf("%+v", r)
	}
	if r := scan(t, newEngine(t, clamd.Config{Address: shared(t, loud).socket}), content); len(r.Detections) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestObjectLargerThanClamdLooksAtIsSkippedThoughItSaysOK(t *testing.T) {
	e := newEngine(t, clamd.Config{Address: says("stream: OK\x00").listen(t), MaxFileSize: 100})
	if r := scan(t, e, strings.Repeat("a", 100)); r.Skipped != "" {
		t.Errorf("%+v", r)
	}
	mentions(t, scan(t, e, strings.Repeat("a", 101)).Skipped, "101 bytes", "max_file_size")
}

func TestRealClamdThatHangsOrDiesGivesNoVerdict(t *testing.T) {
	d := start(t, loud)
	t.Cleanup(d.end)
	patient := newEngine(t, clamd.Config{Address: d.socket})
	hasty := newEngine(t, clamd.Config{Address: d.socket, Timeout: 300 * time.Millisecond})
	if r := scan(t, patient, "nothing"); r.Skipped != "" {
		t.Fatalf("%+v", r)
	}
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	big := object(t, strings.Repeat("a", 2<<20)) // does not fit into the socket
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := patient.Scan(ctx, big); !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("hanging over an object: %v", err)
	}
	if _, err := hasty.Scan(t.Context(), big); !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("hanging: %v", err)
	}
	mentions(t, hasty.Health(t.Context()).Trouble, "cannot be asked", "took too long")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("hanging took %s", took)
	}

	failed := make(chan error, 1)
	go func() {
		_, err := patient.Scan(t.Context(), big)
		failed <- err
	}()
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || errors.Is(err, engine.ErrTimeout) {
		t.Errorf("killed: %v", err)
	}
	<-d.ended
	if _, err := patient.Scan(t.Context(), big); err == nil || errors.Is(err, engine.ErrTimeout) {
		t.Errorf("gone: %v", err)
	}
}

func TestObjectThatIsNotWholeIsNeverCalledClean(t *testing.T) {
	e := newEngine(t, clamd.Config{Address: shared(t, loud).socket})
	o := object(t, "nothing")
	o.Size++
	if r, err := e.Scan(t.Context(), o); err == nil {
		t.Errorf("shorter than submitted: %+v", r)
	}
	o.Size -= 2
	if r, err := e.Scan(t.Context(), o); err == nil {
		t.Errorf("longer than submitted: %+v", r)
	}
	o.Path = t.TempDir()
	if r, err := e.Scan(t.Context(), o); err == nil {
		t.Errorf("a folder: %+v", r)
	}
	o.Path += "/none"
	if _, err := e.Scan(t.Context(), o); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
