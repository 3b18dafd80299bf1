package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed templates static pages
var own embed.FS

// assets are the addresses of the style sheet, the script and the icon. A name
// carries the hash of what is behind it, so that browsers keep it for ever and
// never show a new page with an old style.
type assets struct{ Style, Script, Icon string }

// asset is a file that belongs to every page.
type asset struct {
	mediaType   string
	plain, gzip []byte
}

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func readAssets() (addresses assets, files map[string]asset, err error) {
	files = make(map[string]asset)
	for name, to := range map[string]*string{
		"vedette.css": &addresses.Style, "vedette.js": &addresses.Script, "vedette.svg": &addresses.Icon,
	} {
		plain, err := own.ReadFile("static/" + name)
		if err != nil {
			return assets{}, nil, fmt.Errorf("asset %s: %w", name, err)
		}
		kind := path.Ext(name)
		sum := sha256.Sum256(plain)
		*to = "/assets/" + strings.TrimSuffix(name, kind) + "-" + hex.EncodeToString(sum[:8]) + kind
		files[*to] = asset{mediaTypes[kind], plain, compressed(plain)}
	}
	return addresses, files, nil
}

func compressed(plain []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one
	w.Write(plain)                                          // to memory: never fails
	w.Close()
	return out.Bytes()
}

// serveAssets serves everybody: the sign-in page needs them.
func (k *Kit) serveAssets() {
	k.mux.HandleFunc("GET /assets/{file}", func(w http.ResponseWriter, r *http.Request) {
		a, ok := k.files[r.URL.Path]
		if !ok {
			http.Error(w, "no such file; reload the page", http.StatusNotFound)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.mediaType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("Vary", "Accept-Encoding")
		h.Set("X-Content-Type-Options", "nosniff")
		body := a.plain
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body = a.gzip
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body) // nobody is left to tell when it fails
	})
}

func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, found := strings.CutPrefix(strings.TrimSpace(quality), "q=")
		if !found {
			return true
		}
		value, err := strconv.ParseFloat(q, 64)
		return err == nil && value > 0
	}
	return false
}
