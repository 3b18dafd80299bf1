package web

import (
	"io"
	"net/http"
	"time"
)

// What a request may carry, in bytes, and how long it may take. Rooms bound
// theirs closer.
const (
	maxBody     = 2 << 20
	bodyTimeout = time.Minute
	// Who sends slower than slowest, in bytes a second, after a while is not
	// waited for: he would hold a place for nothing.
	slowest   = 1 << 10
	bodyGrace = 10 * time.Second
)

// bounded bounds what a request carries, in size and time.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			b := &body{ReadCloser: r.Body, began: time.Now(), until: http.NewResponseController(w).SetReadDeadline}
			if b.extend() != nil {
				panic(http.ErrAbortHandler) // the connection has ended
			}
			r.Body = http.MaxBytesReader(w, b, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}

// body is what a request carries, read for as long as it comes fast enough.
type body struct {
	io.ReadCloser
	began time.Time
	read  int
	// until sets when reading ends, and granted is what it was told last.
	until   func(time.Time) error
	granted time.Duration
}

// Read reads on.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += n
	if err == nil {
		err = b.extend()
	}
	return n, err
}

// extend gives as much time as what has come is worth.
func (b *body) extend() error {
	worth := min(bodyGrace+time.Duration(b.read/slowest)*time.Second, bodyTimeout)
	if worth == b.granted {
		return nil
	}
	b.granted = worth
	return b.until(b.began.Add(worth))
}
