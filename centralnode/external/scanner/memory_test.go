package scanner_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"vedette/centralnode/scan"
)

// inUse is the memory that is in use after a collection.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// TestLargeObjectsAreNotHeld is not parallel: it measures the process.
func TestLargeObjectsAreNotHeld(t *testing.T) {
	const size, most = 100 << 20, 4 << 20
	w := open(t, options{unjudged: true, limits: scan.Limits{MaxObjectSize: size}})
	w.scanning.shut() // the engine of the tests reads whole objects
	s := w.system("mail-1")
	s.client.Transport = &http.Transport{TLSClientConfig: s.tlsConfig()}
	contentType, body, length := formAround(t, size, part{"scanId", "", "1"})
	before, peak := inUse(), int64(0)
	watched := &sampled{Reader: body, every: 16 << 20, sample: func() { peak = max(peak, inUse()) }}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("scans"), watched)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = length
	r.Header.Set("Content-Type", contentType)
	if a, err := s.do(r); err != nil || a.status != 200 {
		t.Fatalf("answered %d %v, %v", a.status, a.problem, err)
	}
	if grown := peak - before; peak == 0 || grown > most {
		t.Errorf("an object of %d bytes took up to %d bytes of memory", size, grown)
	}
	if a := s.call(http.MethodDelete, "scans"); a.status != 200 {
		t.Errorf("deleted: %d", a.status)
	}
}

// sampled calls sample every so many bytes.
type sampled struct {
	io.Reader
	every, left int64
	sample      func()
}

func (s *sampled) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if s.left -= int64(n); s.left <= 0 {
		s.left = s.every
		s.sample()
	}
	return n, err
}

func TestManyUploadsThatTrickleCostLittle(t *testing.T) {
	const uploads, sent, most = 20, 1 << 20, 20 * (384 << 10)
	w := open(t, options{unjudged: true, limits: scan.Limits{MaxObjectSize: 1 << 30, SpoolQuota: 1 << 30}})
	s := w.system("mail-1")
	head := fmt.Sprintf(rawHead, s.id, "Content-Length: 1073741824") + rawPart
	before := inUse()
	var open []*raw
	for range uploads {
		c := s.raw()
		c.write(head + strings.Repeat("x", 100))
		open = append(open, c)
	}
	eventually(t, "all uploads", func() bool { return w.scans.Status(t.Context()).Uploading == uploads })
	more := strings.Repeat("x", sent)
	for _, c := range open {
		c.write(more)
	}
	eventually(t, "the first bytes", func() bool { return w.scans.Status(t.Context()).SpoolBytes >= uploads*(sent-(64<<10)) })
	if grown := inUse() - before; grown > most { // both ends of the connections are in this process
		t.Errorf("%d uploads take %d bytes of memory", uploads, grown)
	} else {
		t.Logf("%d KiB each, with the client's side", grown/uploads>>10)
	}
	if a := s.get("scans/filters"); a.status != 200 {
		t.Errorf("another call is answered %d", a.status)
	}
	for _, c := range open {
		if err := c.conn.Close(); err != nil {
			t.Error(err)
		}
	}
	w.nothingLeft()
}
