package eventlog

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

// disk is a file system of its own in a file, on a loop device.
type disk struct {
	t     *testing.T
	image string
	mount string
}

// newDisk makes an ext4 file system of the given size and mounts it. It needs
// root and loop devices: where CI says that they must be there, their absence
// fails the test.
func newDisk(t *testing.T, size string) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "image"), mount: filepath.Join(dir, "mount")}
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("truncate", "-s", size, d.image).CombinedOutput(); err != nil {
		t.Fatalf("truncate: %v: %s", err, out)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", d.image).CombinedOutput(); err != nil {
		needsRoot(t, "mkfs.ext4", err, out)
	}
	// Tests elsewhere on the machine make namespaces, which copy what is mounted:
	// the file system would live on in them after its umount, cut as it is. A
	// shared mount below it has the copies go with it.
	for _, args := range [][]string{{"--bind", dir, dir}, {"--make-shared", dir}} {
		if out, err := exec.Command("mount", args...).CombinedOutput(); err != nil {
			needsRoot(t, "mount", err, out)
		}
		if args[0] == "--bind" {
			t.Cleanup(func() { unmount(t, dir) })
		}
	}
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput(); err != nil {
		needsRoot(t, "mount", err, out)
	}
	t.Cleanup(d.umount)
	return d
}

// needsRoot skips a test on a machine that cannot mount, and fails in CI.
func needsRoot(t *testing.T, what string, err error, out []byte) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Geteuid() == 0 {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
	t.Skipf("needs root and loop devices: %s: %v: %s", what, err, out)
}

func (d *disk) umount() {
	d.t.Helper()
	unmount(d.t, d.mount)
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	var out []byte
	var err error
	for range 50 { // the child's last files are closed in the background
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

// cut takes the power away: nothing reaches the disk from here on.
func (d *disk) cut() error {
	f, err := os.Open(d.mount)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetPointerInt(int(f.Fd()), ioctlShutdown, shutdownNoLogFlush), f.Close())
}

// restart mounts the disk again, which replays its journal.
func (d *disk) restart() {
	d.t.Helper()
	d.umount()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput(); err != nil {
		d.t.Fatalf("mount: %v: %s", err, out)
	}
}

// TestNothingAcknowledgedIsLostByPowerCut stops the file system under load, so
// that everything that was not synced is gone, and mounts it again.
func TestNothingAcknowledgedIsLostByPowerCut(t *testing.T) {
	for _, churn := range []bool{false, true} {
		d := newDisk(t, "2G")
		events, checkpoints := filepath.Join(d.mount, "events"), filepath.Join(d.mount, "checkpoints")
		if err := os.Mkdir(checkpoints, 0o700); err != nil {
			t.Fatal(err)
		}
		h := newHarness(t, events, checkpoints, 1<<30, churn)
		h.spec.Scale = 5
		h.kill = func(child *os.Process) {
			if err := d.cut(); err != nil {
				t.Errorf("cut: %v", err)
			}
			_ = child.Kill()
		}
		h.recovered, h.cutsPower = d.restart, true
		h.rounds(5)
		t.Logf("5 rounds, churn %v, %d packages acknowledged", churn, h.acked)
	}
}

// TestDyingDiskStopsAcknowledgements lets every write and sync fail with an
// input/output error while the log runs.
func TestDyingDiskStopsAcknowledgements(t *testing.T) {
	d := newDisk(t, "64M")
	l := open(t, Config{Dir: filepath.Join(d.mount, "events")})
	run(t, l)
	appendOK(t, l, newPackage(1, 1, 1000), Stored)
	if err := d.cut(); err != nil {
		t.Fatal(err)
	}
	if r, err := l.Append(t.Context(), newPackage(1, 2, 1000)); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("append on a dying disk: %v, %v", r, err)
	}
	within(t, 10*time.Second, "said", func() bool {
		return strings.Contains(l.State().Reason, "reports errors")
	})
	degraded(t, l, "check it")
}
