package scanner

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vedette/proto/problem"
)

// still is a connection that has no deadlines.
type still struct{ http.ResponseWriter }

func (still) SetReadDeadline(time.Time) error { return nil }

// FuzzForm holds that every body has an answer within bounds, and that what is
// taken is what another reader finds.
func FuzzForm(f *testing.F) {
	const content = "--b\r\nContent-Disposition: form-data; name=\"content\"; filename=\"f\"\r\n\r\nobject\r\n"
	const id = "--b\r\nContent-Disposition: form-data; name=\"scanId\"\r\n\r\n1\r\n"
	for _, s := range []string{
		"", content + id + "--b--\r\n", id + content + "--b--", "x\r\n" + content + "--b--\r\ny", content, content + content + "--b--",
		strings.ReplaceAll(content+id+"--b--\n", "\r\n", "\n"), "--b\r\nA: b\r\n c\r\n\r\n\r\n--b--", content + "--b\r\n", content + "--b", "--b--", "--b\r\n--b\r\n--b--",
		strings.Replace(content, "object", "ob\r\n--bject\r\n--", 1) + "--b--", strings.Replace(content, "filename=", "filename*0*=UTF-8''", 1) + "--b--",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := New(Config{})
		var object bytes.Buffer
		b := newBody(strings.NewReader(text), http.NewResponseController(still{httptest.NewRecorder()}), time.Minute)
		defer b.stop()
		form, err := a.readForm(b, "b", &object)
		if object.Len() > len(text) || b.read > int64(len(text)) || b.read-b.object > maxEnvelope+readAhead {
			t.Errorf("of %d bytes %d were read, %d written", len(text), b.read, object.Len())
		}
		if err != nil {
			var p *problem.Problem
			if !errors.As(err, &p) && !errors.Is(err, errEnvelope) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		want, err := multipart.NewReader(strings.NewReader(text), "b").ReadForm(1 << 20)
		if err != nil {
			t.Fatalf("%q is taken, but: %v", text, err)
		}
		files := want.File["content"]
		if len(files) == 0 && len(want.Value["content"]) == 1 {
			return // its file name is empty, which the other reader takes for none
		}
		if len(files) != 1 || !strings.Contains(text, "--b--") {
			t.Fatalf("%q is taken with %d objects", text, len(files))
		}
		r, err := files[0].Open()
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(wanted, object.Bytes()) {
			t.Errorf("%q: object %q, want %q, %v", text, object.Bytes(), wanted, err)
		}
		if id := want.Value["scanId"]; (form.scanID != "") != (len(id) == 1) || form.scanID != "" && form.scanID != id[0] {
			t.Errorf("%q: scanId %q, want %q", text, form.scanID, id)
		}
	})
}
