package scanner

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// maxEnvelope bounds what a body has beside the object, in bytes.
const maxEnvelope = 32 << 10

// readAhead is what may have been read of the object and not yet be counted as
// such: package multipart reads 4 KiB ahead.
const readAhead = 8 << 10

var errEnvelope = errors.New("too much beside the object")

// longAgo ends a read that is under way.
var longAgo = time.Unix(1, 0)

// body is the body of an upload while it arrives. It may not stop for long, and
// may not have more beside the object than it may.
type body struct {
	from    io.Reader
	control *http.ResponseController
	stall   time.Duration

	read   int64 // bytes so far
	object int64 // of these, what was recognised as the object
	err    error // the end of the body, or what ended it

	mu      sync.Mutex // guards what follows
	stalled bool
	done    bool
	timer   *time.Timer
}

func newBody(from io.Reader, control *http.ResponseController, stall time.Duration) *body {
	b := &body{from: from, control: control, stall: stall}
	b.timer = time.AfterFunc(stall, b.expire)
	return b
}

// expire ends the read under way.
func (b *body) expire() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.done {
		b.stalled = true
		_ = b.control.SetReadDeadline(longAgo) // a connection that cannot have one has ended
	}
}

// Read implements io.Reader. What ended the body stays in b.err.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	room := maxEnvelope + readAhead + b.object - b.read
	if room <= 0 {
		b.err = errEnvelope
		return 0, b.err
	}
	b.timer.Reset(b.stall)
	n, err := b.from.Read(p[:min(int64(len(p)), room)])
	b.read += int64(n)
	if err != nil {
		b.err = err
		b.stop()
	}
	return n, err
}

// broken reports whether the body ended otherwise than by its own end, a limit or
// a caller that stopped.
func (b *body) broken() bool {
	return b.err != nil && !errors.Is(b.err, io.EOF) && !errors.Is(b.err, errEnvelope) && !errors.Is(b.err, os.ErrDeadlineExceeded)
}

// stop ends the watch over a body of which no more is read.
func (b *body) stop() {
	b.timer.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stalled && !b.done && b.err == io.EOF {
		// It came too late. Left behind, the deadline would look like a caller that
		// went away.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.done = true
}

// rest reads what is left behind the object's form, to the end of the body.
func (b *body) rest() error {
	_, err := io.Copy(io.Discard, b)
	return err
}
