package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scanKillRounds is how often the Central Node is killed, and minTaken how many
// objects are answered OK between two kills.
const (
	scanKillRounds = 30
	minTaken       = 30
)

// slowly is a clamd that takes its time, so that objects wait when the Central
// Node dies: it looks at fewer than a busy machine can submit.
func slowly(ctx context.Context, object []byte) string {
	wait := time.NewTimer(40 * time.Millisecond)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return found(object)
}

// standing is the configuration of scanning for these tests: objects wait, and
// there is room for some more.
func standing(t testing.TB, socket string) string {
	return clampedScan(t, socket, "workers = 4", "in_flight = 200", "in_flight_per_system = 120", `retry_after = "200ms"`, "attempts = 8")
}

// TestKillUnderSubmissionsLosesNoVerdict kills the Central Node at random moments
// while several systems submit and delete.
func TestKillUnderSubmissionsLosesNoVerdict(t *testing.T) {
	socket := socketIn(t)
	newFakeClamd(t, socket, slowly)
	n := newNode(t, standing(t, socket))
	l := submitLoad(t, 4, acceptedSystem(t, n, "store-1"), acceptedSystem(t, n, "store-2"), acceptedSystem(t, n, "gateway", "--type", "mail"))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	waited := 0
	for round := range scanKillRounds {
		before := l.taken()
		eventually(t, time.Minute, fmt.Sprintf("round %d has its objects", round), func() bool { return l.taken() >= before+minTaken })
		<-time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond).C
		n.kill()
		if len(n.spooled()) > 0 {
			waited++
		}
		n.start()
	}
	t.Logf("%d rounds, in %d of them objects waited when it was killed", scanKillRounds, waited)
	if waited < scanKillRounds/3 {
		t.Error("too few kills came before verdicts: the test shows little")
	}
	l.holdAgainst(n, "builtin", "clamd")
	n.stop()
}

// loopDisk is a file system of its own in a file, on a loop device.
type loopDisk struct {
	t            testing.TB
	image, mount string
}

// newLoopDisk makes an ext4 file system and mounts it over a folder.
func newLoopDisk(t testing.TB, mount, size string) *loopDisk {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("a disk of its own needs root to mount it")
		}
		t.Skip("a disk of its own needs root to mount it")
	}
	d := &loopDisk{t: t, image: filepath.Join(t.TempDir(), "image"), mount: mount}
	if err := os.MkdirAll(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	// Tests elsewhere on the machine make namespaces, which copy what is mounted: the
	// file system would live on in them after its umount, cut as it is. A shared mount
	// below it has the copies go with it.
	below := filepath.Dir(mount)
	for _, line := range [][]string{{"truncate", "-s", size, d.image}, {"mkfs.ext4", "-q", "-F", d.image}, {"mount", "--bind", below, below}, {"mount", "--make-shared", below}, {"mount", "-o", "loop", d.image, mount}} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", line, err, out)
		}
		if slices.Contains(line, "--bind") {
			t.Cleanup(func() { unmount(t, below) })
		}
	}
	t.Cleanup(d.umount)
	if err := os.Chmod(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *loopDisk) umount() {
	d.t.Helper()
	unmount(d.t, d.mount)
}

func unmount(t testing.TB, dir string) {
	t.Helper()
	eventually(t, 10*time.Second, dir+" is not in use", func() bool {
		out, err := exec.Command("umount", dir).CombinedOutput()
		return err == nil || strings.Contains(string(out), "not mounted")
	})
}

// The kernel's FS_IOC_SHUTDOWN, _IOR('X', 125, __u32), and its flag that drops
// the journal's buffered part as well: what has not been synced is gone.
const (
	ioctlShutdown      = 0x8004587d
	shutdownNoLogFlush = 2
)

// cut takes the power away: nothing reaches the disk from here on.
func (d *loopDisk) cut() {
	d.t.Helper()
	f, err := os.Open(d.mount)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), ioctlShutdown, shutdownNoLogFlush); err != nil {
		d.t.Fatal(err)
	}
}

// restart mounts the disk again, which replays its journal.
func (d *loopDisk) restart() {
	d.t.Helper()
	d.umount()
	if out, err := exec.Command("mount", "-o", "loop", d.image, d.mount).CombinedOutput(); err != nil {
		d.t.Fatalf("mount: %v: %s", err, out)
	}
}

// TestPowerCutUnderSubmissionsLosesNoVerdict is the same with a file system that
// forgets what was not synced.
func TestPowerCutUnderSubmissionsLosesNoVerdict(t *testing.T) {
	const rounds = 8
	socket := socketIn(t)
	newFakeClamd(t, socket, slowly)
	n := prepareNode(t, standing(t, socket))
	d := newLoopDisk(t, n.state(), "2G")
	n.start()
	l := submitLoad(t, 4, acceptedSystem(t, n, "store-1"), acceptedSystem(t, n, "store-2"), acceptedSystem(t, n, "gateway", "--type", "mail"))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for round := range rounds {
		before := l.taken()
		eventually(t, time.Minute, fmt.Sprintf("round %d has its objects", round), func() bool { return l.taken() >= before+minTaken })
		<-time.NewTimer(time.Duration(random.IntN(60)) * time.Millisecond).C
		l.deaf()
		d.cut()
		n.kill()
		l.deaf() // and those that began in between
		d.restart()
		n.start()
	}
	l.holdAgainst(n, "builtin", "clamd")
	n.stop()
}
