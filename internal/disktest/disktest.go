// Package disktest gives tests disks of their own: file systems in a file, on a
// loop device, whose power can be cut, and small ones in memory.
package disktest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Disk is an ext4 file system that is mounted at Mount until its test ends.
type Disk struct {
	Mount string

	t     testing.TB
	image string
}

// New makes a disk of a size that truncate(1) reads and mounts it over a folder,
// which it makes. It needs root and loop devices: where CI says that they must be
// there, their absence fails the test.
func New(t testing.TB, mount, size string) *Disk {
	t.Helper()
	d := &Disk{Mount: mount, t: t, image: filepath.Join(t.TempDir(), "image")}
	if err := os.MkdirAll(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "truncate", "-s", size, d.image)
	run(t, "mkfs.ext4", "-q", "-F", d.image)
	// Tests elsewhere on the machine make namespaces, which copy what is mounted:
	// the file system would live on in them after its umount, cut as it is. A
	// shared mount below it has the copies go with it.
	below := filepath.Dir(mount)
	run(t, "mount", "--bind", below, below)
	t.Cleanup(func() { umount(t, below) })
	run(t, "mount", "--make-shared", below)
	d.insert()
	t.Cleanup(func() { umount(t, mount) })
	if err := os.Chmod(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *Disk) insert() {
	d.t.Helper()
	run(d.t, "mount", "-o", "loop", d.image, d.Mount)
}

// InMemory mounts a file system of a size in memory and returns its folder.
func InMemory(t testing.TB, size string) string {
	t.Helper()
	dir := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir)
	t.Cleanup(func() { umount(t, dir) })
	return dir
}

// run runs a program that only root may. Where nobody may mount, the test is
// skipped; elsewhere and in CI it fails.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true" || os.Geteuid() == 0:
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	default:
		t.Skipf("needs root and loop devices: %s: %v: %s", name, err, out)
	}
}

func umount(t testing.TB, dir string) {
	t.Helper()
	var out []byte
	var err error
	for range 400 { // the last files of whoever was killed are closed in the background
		if out, err = exec.Command("umount", dir).CombinedOutput(); err == nil || strings.Contains(string(out), "not mounted") {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	t.Errorf("umount: %v: %s", err, out)
}

// The kernel's FS_IOC_SHUTDOWN, _IOR('X', 125, __u32), and its flag that drops
// the journal's buffered part as well: what has not been synced is gone.
const (
	ioctlShutdown      = 0x8004587d
	shutdownNoLogFlush = 2
)

// Cut takes the power away: nothing reaches the disk from here on.
func (d *Disk) Cut() error {
	f, err := os.Open(d.Mount)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetPointerInt(int(f.Fd()), ioctlShutdown, shutdownNoLogFlush), f.Close())
}

// Restart mounts the disk again, which replays its journal.
func (d *Disk) Restart() {
	d.t.Helper()
	umount(d.t, d.Mount)
	d.insert()
}
