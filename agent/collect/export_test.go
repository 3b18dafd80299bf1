package collect

import (
	"testing"

	"golang.org/x/sys/unix"
)

// ShrinkBuffer makes the kernel lose events soon.
func ShrinkBuffer(t testing.TB, c *Connector) {
	t.Helper()
	for _, s := range []*socket{c.starts, c.exits} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096); err != nil {
			t.Fatal(err)
		}
	}
}
