package sshd

import (
	"errors"
	"io"
	"sync"
)

// output is one of a command's output streams: safe for several goroutines, and
// for a goroutine that outlives its command. A client that does not read blocks
// a Write, but only until late: the pump waits for the client instead.
type output struct {
	w    io.Writer
	late <-chan struct{} // when it is closed nothing is written any more
	wg   sync.WaitGroup  // the pump
	jobs chan []byte
	done chan error // of a job

	mu      sync.Mutex // one Write at a time; guards what follows
	buf     []byte     // the pump's while it has a job; nil: no pump yet
	closed  bool
	stalled bool // the pump has a job that its Write did not wait for
}

func newOutput(late <-chan struct{}, w io.Writer) *output {
	return &output{w: w, late: late, jobs: make(chan []byte), done: make(chan error, 1)}
}

func (o *output) Write(p []byte) (written int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(p) > 0 {
		if o.closed {
			return written, io.ErrClosedPipe
		}
		if o.buf == nil {
			o.buf = make([]byte, streamBuffer)
			o.wg.Go(o.pump)
		}
		n := copy(o.buf, p)
		if err := o.send(o.buf[:n]); err != nil {
			o.closed = true
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}

// send has the pump write one buffer.
func (o *output) send(job []byte) error {
	o.jobs <- job // the pump is idle whenever a Write begins
	select {
	case err := <-o.done:
		if errors.Is(err, io.EOF) {
			return io.ErrClosedPipe // the client has gone
		}
		return err
	case <-o.late:
		o.stalled = true
		return io.ErrClosedPipe
	}
}

func (o *output) pump() {
	for job := range o.jobs {
		_, err := o.w.Write(job)
		o.done <- err
	}
}

// stop lets nothing be written any more; late is over. It says whether the
// client has everything that was written, or will have.
func (o *output) stop() (whole bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	close(o.jobs)
	return !o.stalled
}

// wait waits for the pump, which ends with the channel at the latest, and
// forgets what passed.
func (o *output) wait() {
	o.wg.Wait()
	clear(o.buf)
}
