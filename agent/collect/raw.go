package collect

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls below do not tell Go's scheduler, which would otherwise wake its
// monitor thread for each of them: measured, that costs more than the calls.
// It is sound only for calls that never wait. Names, links and status of a
// process are such. Its command line is not: the lock of the process's memory is
// taken, and a process can be made to hold that for as long as its owner likes,
// by mapping a file of a file system that he serves himself. So it is read by an
// ordinary call, which stalls the collector alone, unless root started the
// process: root need not go to such lengths to stop an agent.

func openRaw(dir int, path *byte, flags int) (int, error) {
	for {
		fd, _, errno := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(path)), uintptr(flags), 0, 0, 0)
		switch {
		case errno == 0:
			return int(fd), nil
		case !errors.Is(errno, unix.EINTR):
			return -1, errno
		}
	}
}

func readlinkRaw(dir int, path *byte, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func readRaw(fd int, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func closeRaw(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }
