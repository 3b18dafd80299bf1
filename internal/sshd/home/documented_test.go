package home_test

import (
	"bytes"
	"path/filepath"
	"testing"
)

// key is an upload of a usual size, longer than one packet of any client.
var key = bytes.Repeat([]byte("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n"), 700)

func TestTheDocumentedUploadKeepsTheWholeFile(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		local := h.write("kata.pem", key)
		if got := c.put(h, local, ""); got.exit != 0 {
			t.Fatalf("exit %d: %s", got.exit, got.output)
		}
		if content, uploads := h.folder.content(); !bytes.Equal(content, key) || uploads != 1 {
			t.Errorf("%d bytes after %d uploads", len(content), uploads)
		}
	})
}

func TestTheDocumentedDownloadGivesTheCertificate(t *testing.T) {
	each(t, func(t *testing.T, h *host, c client) {
		local := filepath.Join(h.files, "kata.crt")
		if got := c.get(h, "ssl/kata.crt", local); got.exit != 0 {
			t.Fatalf("exit %d: %s", got.exit, got.output)
		}
		if got := read(t, local); got != certificate {
			t.Errorf("got %q", got)
		}
	})
}
