package clamd_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"vedette/centralnode/scan/clamd"
)

// packedBy makes an archive of one file that says it is packed by a method.
func packedBy(t *testing.T, method uint16) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.CreateRaw(&zip.FileHeader{Name: "letter.doc", Method: method, CompressedSize64: 40, UncompressedSize64: 100})
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

// The signature of the package comment makes clamd report what it cannot unpack,
// and nothing else.
func TestSignatureReportsMembersThatClamdCannotUnpack(t *testing.T) {
	signature, err := os.ReadFile("testdata/vedette.ndb")
	if err != nil {
		t.Fatal(err)
	}
	comment, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(comment), strings.TrimSpace(string(signature))) {
		t.Error("the package comment has another signature")
	}
	d := prepare(t)
	d.write(t, "db/vedette.ndb", string(signature))
	d.run(t, loud)
	t.Cleanup(d.end)
	e := newEngine(t, clamd.Config{Address: d.socket})
	for _, method := range []uint16{14, 93, 95, 98} { // LZMA, zstd, xz, PPMd
		packed := packedBy(t, method)
		for what, content := range map[string]string{
			"as it is": packed, "in an archive": pack(t, strings.NewReader(packed)),
			"in a mail": "From: a@example.com\r\nSubject: a letter\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=\"a.zip\"\r\n" +
				"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"a.zip\"\r\n\r\n" + inLines(packed),
		} {
			if r := scan(t, e, content); len(r.Detections) != 0 || !strings.Contains(r.Skipped, "cannot unpack (Vedette.NotLookedAt.Zip") {
				t.Errorf("method %d, %s: %+v", method, what, r)
			}
		}
	}
	for what, content := range map[string]string{"stored": packedBy(t, zip.Store), "deflated": pack(t, strings.NewReader("nothing"))} {
		if r := scan(t, e, content); len(r.Detections) != 0 || r.Skipped != "" {
			t.Errorf("%s: %+v", what, r)
		}
	}
	if r := scan(t, e, packedBy(t, 14)+marker); len(r.Detections) != 1 {
		t.Errorf("what is found beside it: %+v", r)
	}
}

func inLines(s string) string {
	var out strings.Builder
	for text := base64.StdEncoding.EncodeToString([]byte(s)); text != ""; {
		n := min(len(text), 76)
		out.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	return out.String()
}
