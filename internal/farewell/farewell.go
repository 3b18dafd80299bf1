// Package farewell answers an HTTP caller who is still sending what nobody wants.
// A connection that is closed while data arrives takes the answer with it, and
// many clients send all of a body before they read anything; so the answer goes
// out whole, and the caller is listened to for a while.
package farewell

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits bound how long a caller is listened to.
type Limits struct {
	Whole time.Duration
	Stall time.Duration // without a byte
}

// longAgo ends a read that is under way.
var longAgo = time.Unix(1, 0)

// bufferSize is what is read at a time.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Give sends an answer that is short and ends the connection, then reads what
// still comes of the request's body. begun says that something of the body was
// read; one that its caller keeps back until it is asked for (Expect:
// 100-continue) is not asked for.
func Give(w http.ResponseWriter, r *http.Request, l Limits, begun bool, answer func(http.ResponseWriter)) {
	control := http.NewResponseController(w)
	// Whatever fails here and below fails because the caller is gone.
	// Reading on after the answer is what full duplex permits.
	_ = control.EnableFullDuplex()
	given := written{header: w.Header()}
	answer(&given)
	w.Header().Set("Connection", "close")
	// With its length the answer is whole when it is flushed, and not when the
	// handler returns.
	w.Header().Set("Content-Length", strconv.Itoa(given.body.Len()))
	w.WriteHeader(given.status)
	_, _ = w.Write(given.body.Bytes())
	waits := !begun && strings.EqualFold(r.Header.Get("Expect"), "100-continue")
	if control.Flush() == nil && !waits {
		listen(r.Body, control, l)
	}
	_ = control.SetReadDeadline(longAgo) // net/http reads what is there, and waits for nothing
}

// Needed reports whether a request has a body that may still be arriving.
func Needed(r *http.Request) bool { return r.ContentLength != 0 && r.Body != http.NoBody }

// listen reads and forgets.
func listen(from io.Reader, control *http.ResponseController, l Limits) {
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	end := time.Now().Add(l.Whole)
	timer := time.AfterFunc(l.Stall, func() { _ = control.SetReadDeadline(longAgo) })
	defer timer.Stop()
	for {
		left := min(time.Until(end), l.Stall)
		if left <= 0 {
			return
		}
		timer.Reset(left)
		if _, err := from.Read(buffer[:]); err != nil {
			return
		}
	}
}

// written is an answer before it is sent.
type written struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *written) Header() http.Header { return a.header }

func (a *written) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *written) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}
