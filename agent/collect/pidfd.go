package collect

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pidInfo is the first version of the kernel's struct pidfd_info
// (include/uapi/linux/pidfd.h, PIDFD_GET_INFO, Linux 6.13).
type pidInfo struct {
	mask, cgroup                   uint64
	pid, tgid, ppid                uint32
	ruid, rgid, euid, egid         uint32
	suid, sgid, fsuid, fsgid, code uint32
}

const (
	getPidInfo      = 0xc000ff0b | unsafe.Sizeof(pidInfo{})<<16
	pidInfoPID      = 1 << 0
	pidInfoIdentity = 1 << 1
)

// handle is an open pidfd, or -1 where there is none to be had.
func (p *procfs) handle(pid int32) int {
	if !p.pidInfo {
		return -1
	}
	fd, _, errno := unix.RawSyscall(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0)
	if errno != 0 {
		return -1
	}
	return int(fd)
}

// identify asks a handle for parent and real user. It succeeds only as long as
// the number is the process's own, so whatever was opened under the number
// between handle and identify was of this process. A kernel that knows handles
// and not the question is not asked again.
func (p *procfs) identify(handle int, d *details) bool {
	info := pidInfo{mask: pidInfoPID | pidInfoIdentity}
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(handle), getPidInfo, uintptr(unsafe.Pointer(&info)))
	switch {
	case errno == unix.ESRCH:
		return false
	case errno != 0 || info.mask&pidInfoIdentity == 0:
		p.pidInfo = false
		return false
	}
	d.parent, d.uid, d.uidKnown = int32(info.ppid), info.ruid, true
	return true
}
