package capacity

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"time"
)

const (
	maxBurst = 20 * time.Millisecond // of the rate, at once
	lump     = 2 * time.Millisecond  // of the rate, which is worth a wake-up
	maxWrite = 4 * maxFrame
)

// sender sends filler at a pace, and hears how it arrives.
type sender struct {
	stream Stream
	spec   Spec
	began  time.Time
	heard  chan struct{} // a report came

	mu      sync.Mutex // guards what follows
	written uint64
	over    bool // End was written
	pace    pace
	series  series
}

func newSender(stream Stream, spec Spec, look Look) *sender {
	now := time.Now()
	return &sender{stream: stream, spec: spec, began: now, heard: make(chan struct{}, 1), pace: newPace(spec.Rate, look, now)}
}

// run sends for the duration and returns what the receiver reported, once it has everything.
func (s *sender) run(ctx context.Context) (series, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.listen(); err != nil {
			cancel(err)
			_ = s.stream.SetDeadline(time.Unix(1, 0)) // wakes send; where it cannot, the test's deadline does
		}
	}()
	err := s.send(ctx)
	if err != nil {
		_ = s.stream.SetDeadline(time.Unix(1, 0)) // wakes listen
	}
	<-done
	if cause := context.Cause(ctx); cause != nil && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		err = cause // what listen met, or who gave up
	}
	cancel(nil)
	return s.series, err
}

// send writes Data for the duration, and End.
func (s *sender) send(ctx context.Context) error {
	var frames filler
	tick := time.NewTimer(s.spec.Duration)
	defer tick.Stop()
	for ctx.Err() == nil && time.Since(s.began) < s.spec.Duration {
		n, size, wait := s.next()
		if n > 0 {
			if _, err := s.stream.Write(frames.some(n, size)); err != nil {
				return err
			}
			continue
		}
		tick.Reset(min(wait, s.spec.Duration-time.Since(s.began)))
		select {
		case <-tick.C:
		case <-s.heard:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	s.written += headerSize
	s.over = true
	s.mu.Unlock()
	_, err := s.stream.Write(appendHeader(nil, kindEnd, 0))
	return err
}

// next says how many bytes to write now, in whole frames of a size, or how long to wait.
func (s *sender) next() (n, size int, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	n, size, wait = s.pace.next(now, s.written)
	if n > 0 {
		s.written += uint64(n)
		s.pace.sent(now, s.written)
	}
	return n, size, wait
}

// listen takes reports until the one that has everything.
func (s *sender) listen() error {
	for over := false; !over; {
		r, err := readReport(s.stream)
		if err == nil {
			over, err = s.take(r)
		}
		if err != nil {
			return err
		}
		select {
		case s.heard <- struct{}{}:
		default: // send is going to look
		}
	}
	return nil
}

// take believes a report that may be true, and says whether it is the last.
func (s *sender) take(r report) (over bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.series.last()
	switch {
	case r.bytes > s.written:
		return false, fmt.Errorf("%w: %d bytes of %d", ErrReport, r.bytes, s.written)
	case r.bytes <= last.bytes || r.at < last.at:
		return false, fmt.Errorf("%w: it goes back", ErrReport)
	case len(s.series) >= maxReports:
		return false, fmt.Errorf("%w: more often than every %v", ErrReport, reportEvery)
	}
	now := time.Now()
	s.pace.judge(now, s.written)
	s.series = append(s.series, newSample(r, s.pace.way, false))
	s.pace.heard(now, s.series)
	return s.over && r.bytes == s.written, nil
}

// maxReports leaves room for those that were held up and come at once.
const maxReports = int((MaxDuration+graceTime)/reportEvery) + 16

// filler is Data frames of one size, back to back.
type filler struct {
	buf  []byte
	size int
}

// frameSize is that of frames which take some 5 ms at a rate in bytes a second.
func frameSize(rate float64) int {
	return min(max(1<<bits.Len(uint(rate/200)), 256), maxFrame)
}

// some is n bytes, a multiple of size.
func (f *filler) some(n, size int) []byte {
	if f.size != size {
		f.size, f.buf = size, f.buf[:0]
		for len(f.buf)+size <= maxWrite {
			f.buf = appendHeader(f.buf, kindData, size-headerSize)
			f.buf = append(f.buf, make([]byte, size-headerSize)...)
		}
	}
	return f.buf[:n]
}
