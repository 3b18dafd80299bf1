package home_test

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// certificate is what the folders of these tests give for download.
const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

// since is when it came to use.
var since = time.Date(2026, 11, 20, 8, 30, 0, 0, time.UTC)

// memory is a home folder that remembers what was asked of it.
type memory struct {
	mu       sync.Mutex // guards what follows
	uploaded []byte     // nil: none
	given    []byte     // the very slice of the last upload
	uploads  int
	fail     error         // of every method
	panics   bool          // every method does
	held     chan struct{} // Upload waits until it is closed; nil: it does not
	entered  chan struct{} // closed when Upload waits
}

func (m *memory) Uploaded(context.Context) (int64, time.Time, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.panicking()
	return int64(len(m.uploaded)), since.Add(time.Hour), m.uploaded != nil, m.fail
}

func (m *memory) Upload(ctx context.Context, pem []byte) error {
	if m.held != nil {
		close(m.entered)
		select {
		case <-m.held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.panicking()
	if m.fail != nil {
		return m.fail
	}
	m.uploaded, m.given = bytes.Clone(pem), pem
	m.uploads++
	return nil
}

func (m *memory) Remove(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.panicking()
	if m.fail != nil {
		return m.fail
	}
	m.uploaded = nil
	return nil
}

func (m *memory) Certificate(context.Context) ([]byte, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.panicking()
	return []byte(certificate), since, m.fail
}

func (m *memory) panicking() {
	if m.panics {
		panic("the folder is broken")
	}
}

func (m *memory) put(content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uploaded = content
}

func (m *memory) breaks(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// content is what is uploaded, and how often something was.
func (m *memory) content() ([]byte, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.uploaded, m.uploads
}
