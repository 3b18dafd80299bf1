// Package emulinktest gives emulated links to tests. It knows nothing of what it
// makes, so that the tests of emulink can use it too.
package emulinktest

import (
	"io"
	"os"
	"testing"
)

// device is what links are made of.
const device = "/dev/net/tun"

// Need skips a test where no emulated link can be made, and fails it where
// nothing may be skipped (CI=true).
func Need(t testing.TB) {
	t.Helper()
	_, err := os.Stat(device)
	if err == nil && os.Getuid() == 0 {
		return
	}
	const text = "an emulated link needs root and " + device
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// New makes a link that ends with the test: New(t, emulink.New, options).
func New[Options any, Link io.Closer](t testing.TB, make func(Options) (Link, error), o Options) Link {
	t.Helper()
	Need(t)
	l, err := make(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}
