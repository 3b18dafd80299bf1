package kv

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The tests of this room put faults where they happen: at the system calls of
// a child process, which the kernel reports to a tap in the same process
// (seccomp user notification) before it carries them out. The tap can record
// a call, let it pass, or have it fail.

// call is a system call that changes the disk.
type call struct {
	nr   int
	name string // for those that name a file: its path
	to   string // rename: the new path
	data []byte // pwrite64: what is written
	off  int64  // pwrite64, ftruncate: where
}

func (c call) String() string {
	return fmt.Sprintf("%s %s (%d bytes at %d)", tapped()[c.nr], c.name, len(c.data), c.off)
}

func tapped() map[int]string {
	return map[int]string{
		unix.SYS_PWRITE64: "pwrite64", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FSYNC: "fsync",
		unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
	}
}

// tap decides about calls. A decision of 0 lets the call pass.
type tap struct {
	mu     sync.Mutex
	decide func(call) unix.Errno
}

func (p *tap) set(decide func(call) unix.Errno) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = decide
}

func (p *tap) off() { p.set(nil) }

// seccompNotif and seccompResp are the kernel's structures of these names.
type seccompNotif struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type seccompResp struct {
	id    uint64
	val   int64
	err   int32
	flags uint32
}

// newTap installs the filter for all threads of this process, for good.
func newTap() (*tap, error) {
	var program []unix.SockFilter
	stmt := func(code uint16, k uint32) { program = append(program, unix.SockFilter{Code: code, K: k}) }
	stmt(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, 0) // the number of the call
	var numbers []int
	for nr := range tapped() {
		numbers = append(numbers, nr)
	}
	slices.Sort(numbers)
	for _, nr := range numbers {
		program = append(program, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)})
		stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_USER_NOTIF)
	}
	stmt(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW)
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no new privileges: %w", err)
	}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC |
		unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&filter)))
	runtime.KeepAlive(program)
	if errno != 0 {
		return nil, fmt.Errorf("seccomp filter: %w", errno)
	}
	p := new(tap)
	go p.serve(fd)
	return p, nil
}

// serve answers for the life of the process.
func (p *tap) serve(fd uintptr) {
	runtime.LockOSThread()
	for {
		var n seccompNotif
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
		if errno == unix.EINTR || errno == unix.ENOENT {
			continue
		}
		if errno != 0 {
			panic(errno)
		}
		const goOn = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE
		r := seccompResp{id: n.id, flags: goOn}
		p.mu.Lock()
		if p.decide != nil {
			if failure := p.decide(understand(&n)); failure != 0 {
				r = seccompResp{id: n.id, err: -int32(failure)}
			}
		}
		p.mu.Unlock()
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&r))); errno != 0 {
			panic(errno)
		}
	}
}

func understand(n *seccompNotif) call {
	c := call{nr: int(n.nr)}
	switch c.nr {
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		c.name, c.to = text(n.args[1]), text(n.args[3])
		return c
	case unix.SYS_PWRITE64:
		c.data, c.off = memory(n.args[1], int(n.args[2])), int64(n.args[3])
	case unix.SYS_FTRUNCATE:
		c.off = int64(n.args[1])
	}
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", n.args[0]))
	if err != nil {
		panic(err)
	}
	c.name = name
	return c
}

// memory copies from this process, by the address that a call was given.
func memory(address uint64, size int) []byte {
	buf := make([]byte, size)
	if size == 0 {
		return buf
	}
	local := []unix.Iovec{{Base: &buf[0], Len: uint64(size)}}
	n, err := unix.ProcessVMReadv(os.Getpid(), local, []unix.RemoteIovec{{Base: uintptr(address), Len: size}}, 0)
	if err != nil {
		panic(err)
	}
	return buf[:n]
}

// text copies a path; it may lie at the end of what can be read.
func text(address uint64) string {
	var b strings.Builder
	for {
		c := memory(address+uint64(b.Len()), 1)[0]
		if c == 0 {
			return b.String()
		}
		b.WriteByte(c)
	}
}

// Children of the test binary: each mode is a main of its own. A child says
// what is wrong on its standard output and ends with 1.

const childVariable = "KV_TEST_CHILD"

func TestMain(m *testing.M) {
	modes := map[string]func(args []string) error{
		"faults": faultsChild, "record": recordChild, "writer": writerChild, "full": fullChild, "holder": holderChild,
	}
	run, ok := modes[os.Getenv(childVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child prepares a child process.
func child(t testing.TB, mode string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	// A signal would interrupt a call that waits for the tap.
	cmd.Env = append(os.Environ(), childVariable+"="+mode, "GODEBUG=asyncpreemptoff=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd
}

// runChild runs a child to its end.
func runChild(t testing.TB, mode string, args ...string) string {
	t.Helper()
	out, err := child(t, mode, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", mode, err, out)
	}
	return string(out)
}

// memoryDir is a temporary folder without a disk behind it, where there is one:
// for tests that judge the order of calls and make very many of them.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "kv-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
