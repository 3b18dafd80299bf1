package collect

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxCommandLine = 16 << 10 // bytes of arguments that are kept
	maxArgs        = 512
	maxPath        = 4096
)

// details is what /proc tells of one process.
type details struct {
	executable string
	args       []string
	cwd        string
	parent     int32
	uid        uint32
	uidKnown   bool
	complete   bool
}

// procfs reads processes. Not safe for concurrent use: it keeps one buffer.
type procfs struct {
	root  string
	path  []byte // root and room for a number
	buf   []byte
	names procNames
	// pidInfo: the kernel tells parent and user of a process by a call. Writing
	// and reading the text of the status file costs a dozen times as much.
	pidInfo bool
}

// procNames are C strings.
type procNames struct{ exe, cwd, cmdline, status, stat *byte }

func newProcfs(root string) *procfs {
	c := func(name string) *byte { return &append([]byte(name), 0)[0] }
	return &procfs{
		root: root, path: append(make([]byte, 0, len(root)+16), root...), buf: make([]byte, maxCommandLine),
		names:   procNames{exe: c("exe"), cwd: c("cwd"), cmdline: c("cmdline"), status: c("status"), stat: c("stat")},
		pidInfo: root == "/proc",
	}
}

// open returns a handle on one process: what is read through it can never be
// of another process that was given the same number.
func (p *procfs) open(pid int32) (int, error) {
	path := append(p.path[:len(p.root)], '/')
	path = append(strconv.AppendInt(path, int64(pid), 10), 0)
	return openRaw(unix.AT_FDCWD, &path[0], unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
}

// read collects what is there. It returns errGone when nothing was, and
// details that are not complete when the process ended meanwhile or its owner
// forbids reading it.
func (p *procfs) read(pid int32) (details, error) {
	handle := p.handle(pid)
	if handle >= 0 {
		defer closeRaw(handle)
	}
	dir, err := p.open(pid)
	if err != nil {
		return details{}, errGone
	}
	defer closeRaw(dir)
	var d details
	var errExe, errArgs error
	d.executable, errExe = p.link(dir, p.names.exe)
	known := handle >= 0 && p.identify(handle, &d)
	line := unix.Read
	if known && d.uid == 0 {
		line = readRaw
	}
	if line, err := p.file(dir, p.names.cmdline, line); err != nil {
		errArgs = err
	} else {
		d.args, d.complete = splitArgs(line)
	}
	d.cwd, err = p.link(dir, p.names.cwd)
	d.complete = d.complete && errExe == nil && errArgs == nil && err == nil
	if !known {
		if status, err := p.file(dir, p.names.status, readRaw); err == nil {
			parseStatus(status, &d)
		}
	}
	d.complete = d.complete && d.uidKnown
	if errExe != nil && len(d.args) == 0 && !d.uidKnown {
		return details{}, errGone // the line of a process that ended is empty, without an error
	}
	return d, nil
}

// executable is the path of the running file, or empty.
func (p *procfs) executable(pid int32) string {
	dir, err := p.open(pid)
	if err != nil {
		return ""
	}
	defer closeRaw(dir)
	path, _ := p.link(dir, p.names.exe) // gone or forbidden: unknown
	return path
}

func (p *procfs) link(dir int, name *byte) (string, error) {
	n, err := readlinkRaw(dir, name, p.buf[:maxPath])
	if err != nil {
		return "", err
	}
	return valid(p.buf[:n]), nil
}

// file reads up to the buffer's size, for which procfs needs one call; the
// result is good until the next one.
func (p *procfs) file(dir int, name *byte, read func(int, []byte) (int, error)) ([]byte, error) {
	fd, err := openRaw(dir, name, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer closeRaw(fd)
	for {
		n, err := read(fd, p.buf)
		if !errors.Is(err, unix.EINTR) {
			return p.buf[:max(n, 0)], err
		}
	}
}

// splitArgs reports false when the line was cut at a bound.
func splitArgs(line []byte) (args []string, whole bool) {
	whole = len(line) < maxCommandLine
	line = bytes.TrimSuffix(line, []byte{0})
	if len(line) == 0 {
		return nil, whole
	}
	args = make([]string, 0, bytes.Count(line, []byte{0})+1)
	for arg := range bytes.SplitSeq(line, []byte{0}) {
		if len(args) == maxArgs {
			return args, false
		}
		args = append(args, valid(arg))
	}
	return args, whole
}

func valid(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// parseStatus takes the parent and the real user, who started the program:
// the effective one of a set-uid program is visible in the program itself.
func parseStatus(b []byte, d *details) {
	if rest, ok := after(b, "\nPPid:\t"); ok {
		d.parent = int32(number(rest))
	}
	if rest, ok := after(b, "\nUid:\t"); ok {
		d.uid, d.uidKnown = uint32(number(rest)), true
	}
}

func after(b []byte, key string) ([]byte, bool) {
	i := bytes.Index(b, []byte(key))
	if i < 0 {
		return nil, false
	}
	return b[i+len(key):], true
}

func number(b []byte) (n uint64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// startTime is when a process began, in clock ticks since boot: with the
// number it names a process for ever. 0 when the process is gone.
func (p *procfs) startTime(pid int32) uint64 {
	dir, err := p.open(pid)
	if err != nil {
		return 0
	}
	defer closeRaw(dir)
	stat, err := p.file(dir, p.names.stat, readRaw)
	if err != nil {
		return 0
	}
	// The name, field 2, may hold spaces and parentheses; field 22 is wanted.
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0
	}
	fields := bytes.Fields(stat[i+1:])
	if len(fields) < 20 {
		return 0
	}
	return number(fields[19])
}

// processes lists the numbers of all processes.
func (p *procfs) processes() ([]int32, error) {
	dir, err := os.Open(p.root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	pids := make([]int32, 0, len(names))
	for _, name := range names {
		if n, err := strconv.ParseInt(name, 10, 32); err == nil && n > 0 {
			pids = append(pids, int32(n))
		}
	}
	return pids, nil
}
