//go:build race

package socket

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

func read(fd uintptr, p []byte) (int, syscall.Errno) { return watched(syscall.Read, fd, p) }

func write(fd uintptr, p []byte) (int, syscall.Errno) { return watched(syscall.Write, fd, p) }

// watched is a call that the race detector sees, in order with those of the net
// package.
func watched(call func(int, []byte) (int, error), fd uintptr, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(int(fd), p)
		var errno syscall.Errno
		if err == nil || errors.As(err, &errno) && errno != syscall.EINTR {
			return max(n, 0), errno
		}
	}
}

func readable(fd uintptr) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n != 0 || err != nil
}
