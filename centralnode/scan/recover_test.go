package scan

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"vedette/centralnode/scan/engine"
	"vedette/internal/disktest"
	"vedette/internal/kv"
)

// reopened closes a room and opens its folder again.
func reopened(t testing.TB, r *Room) *Room {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, Config{Dir: r.cfg.Dir, Engines: r.cfg.Engines, Alerts: r.cfg.Alerts})
}

func TestLostAndStrangeFilesAtStart(t *testing.T) {
	r := open(t, Config{})
	for _, id := range []string{"lost", "cut", "whole", ""} {
		submitOK(t, r, "gate", id, make([]byte, 50_000))
	}
	object := func(n int) string { return r.disk.spool.Path(uint64(n)) }
	for _, err := range []error{
		os.Remove(object(0)), os.Truncate(object(1), 100), os.Remove(object(3)),
		os.WriteFile(object(77), []byte("no record"), 0o600),
		os.WriteFile(filepath.Join(r.cfg.Dir, "spool/incoming/0000000000000009"), []byte("half"), 0o600),
		os.WriteFile(filepath.Join(r.cfg.Dir, "spool/scratch/0000000000000009"), []byte("copy"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r = reopened(t, r)
	run(t, r)
	within(t, 10*time.Second, "verdicts", func() bool { return r.Waiting("gate") == 0 })
	reasons := map[string]string{"lost": "was not in the spool", "cut": "of the object's 50000 bytes 100", "whole": ""}
	for _, s := range r.States("gate", "", true, nil) {
		want := Failed
		if s.Key.ScanID == "whole" {
			want = NotDetected
		}
		if s.State != want || !strings.Contains(s.Reason, reasons[s.Key.ScanID]) {
			t.Errorf("%s: %q because %q", s.Key.ScanID, s.State, s.Reason)
		}
	}
	if got := r.Status(t.Context()); got.Verdicts["error"] != 3 || got.SpoolBytes != 0 || got.Kept != 3 {
		t.Errorf("status: %+v", got)
	}
	if left := files(t, r); len(left) > 0 {
		t.Errorf("left in the spool: %v", left)
	}
}

func TestFileThatVanishesWhileItWaitsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, Config{})
		submitOK(t, r, "gate", "s", make([]byte, 50_000))
		if err := os.Remove(r.disk.spool.Path(0)); err != nil {
			t.Fatal(err)
		}
		stop := run(t, r)
		awaitVerdict(r, "gate", "s")
		if s := r.States("gate", "", true, nil)[0]; s.State != Failed || !strings.Contains(s.Reason, "cannot be read from the spool") || strings.Contains(s.Reason, r.cfg.Dir) {
			t.Errorf("%q because %q", s.State, s.Reason)
		}
		stop()
	})
}

// ending is a context that ends when it has been asked so many times.
type ending struct {
	context.Context
	left int
}

func (e *ending) Err() error {
	if e.left--; e.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestStartThatIsInterruptedLosesNothing(t *testing.T) {
	r := open(t, Config{})
	for i := range 5 {
		submitOK(t, r, "gate", fmt.Sprint(i), []byte("x"))
	}
	for left := range 30 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		interrupted, err := Open(&ending{t.Context(), left}, r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := interrupted.Close(); err != nil {
			t.Fatal(err)
		}
		r = reopened(t, r)
		if n := len(r.States("gate", "", true, []State{Processing})); n != 5 {
			t.Fatalf("interrupted at question %d: %d of 5 objects are left to be scanned", left, n)
		}
	}
}

func TestObjectThatKillsTheDaemonIsGivenUp(t *testing.T) {
	r := open(t, Config{})
	for _, id := range []string{"", "poison", "innocent"} { // objects 0, 1 and 2
		submitOK(t, r, "gate", id, []byte(id))
	}
	for died := range mostCrashes {
		if got := stateOf(r, "gate", "poison"); got != Processing {
			t.Fatalf("after %d crashes: %q", died, got)
		}
		// What a process leaves that dies while it scans these.
		r.disk.slots.enter(0)
		r.disk.slots.enter(2)()
		r.disk.slots.enter(1)
		r = reopened(t, r)
	}
	if s := r.States("gate", "", true, []State{Failed}); len(s) != 1 || s[0].Key.ScanID != "poison" || !strings.Contains(s[0].Reason, "died 4 times") {
		t.Errorf("given up: %+v", s)
	}
	run(t, r)
	within(t, 10*time.Second, "verdict of the other", func() bool { return stateOf(r, "gate", "innocent") == NotDetected })
	if n := r.Status(t.Context()).Verdicts["error"]; n != 2 {
		t.Errorf("%d were given up, expected 2", n)
	}
}

func TestSuspectsAreScannedAlone(t *testing.T) {
	g := newTurnstile()
	r := open(t, Config{Engines: []engine.Engine{g}, Limits: Limits{Workers: 4}})
	for i := range 6 {
		submitOK(t, r, "gate", fmt.Sprint(i), []byte("x"))
	}
	for range apartAfter {
		r.disk.slots.enter(3)
		r.disk.slots.enter(4)
		r.disk.slots.enter(5)
		r = reopened(t, r)
	}
	r.cfg.Limits.Workers = 4
	if err := r.Delete(t.Context(), Key{System: "gate", ScanID: "4"}); err != nil {
		t.Fatal(err)
	}
	run(t, r)
	for n, id := range []string{"3", "5"} {
		within(t, 10*time.Second, "a suspect at work", func() bool { return len(g.order()) == n+1 })
		if s := r.Status(t.Context()); s.Running != 1 || g.order()[n] != id {
			t.Errorf("%d are being scanned, %v so far", s.Running, g.order())
		}
		g.let <- struct{}{}
	}
	within(t, 10*time.Second, "the others at work, together", func() bool { return r.Status(t.Context()).Running == 3 })
	close(g.let)
	within(t, 10*time.Second, "verdicts", func() bool { return len(r.States("gate", "", true, []State{NotDetected})) == 5 })
}

func TestCleanStopIsNoCrash(t *testing.T) {
	e, calls := script("slow", hangs)
	r := open(t, Config{Engines: []engine.Engine{e}})
	submitOK(t, r, "gate", "s", []byte("x"))
	for n := range int64(mostCrashes + 2) {
		stop := run(t, r)
		within(t, 10*time.Second, "scan under way", func() bool { return calls.Load() == n+1 })
		stop()
		r = reopened(t, r)
	}
	if got := stateOf(r, "gate", "s"); got != Processing {
		t.Errorf("after clean stops: %q", got)
	}
}

func TestVerdictWaitsForItsAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alerts := new(alarms)
		alerts.fail(errBroken)
		e, calls := script("finder", finds)
		r := open(t, Config{Engines: []engine.Engine{e}, Alerts: alerts, Limits: Limits{Attempts: 1}})
		stop := run(t, r)
		submitOK(t, r, "gate", "s", []byte("x"))
		<-time.After(time.Hour)
		if got := stateOf(r, "gate", "s"); got != Processing {
			t.Errorf("without an alert: %q", got)
		}
		if s := r.Status(t.Context()); !s.Degraded || !strings.Contains(s.Reason, "alerts cannot be kept: broken") {
			t.Errorf("status: %+v", s)
		}
		alerts.fail(nil)
		awaitVerdict(r, "gate", "s")
		if got := stateOf(r, "gate", "s"); got != Detect || len(alerts.all()) != 1 || calls.Load() != 1 {
			t.Errorf("then: %q, %d alerts, %d scans", got, len(alerts.all()), calls.Load())
		}
		if s := r.Status(t.Context()); s.Degraded {
			t.Errorf("status: %+v", s)
		}
		stop()
	})
}

func TestFolderThatCannotBeUsedLeavesTheRoomUnavailableUntilItCan(t *testing.T) {
	for name, spoil := range map[string]func(dir string) (heal func() error, err error){
		"damaged": func(dir string) (func() error, error) {
			path := filepath.Join(dir, "scan.db")
			return func() error { return os.Rename(path, path+".damaged") }, os.WriteFile(path, []byte(strings.Repeat("x", 40_000)), 0o600)
		},
		"no folder": func(dir string) (func() error, error) {
			path := filepath.Join(dir, "spool")
			return func() error { return os.Remove(path) }, os.WriteFile(path, nil, 0o600)
		},
		"an unknown record": func(dir string) (func() error, error) {
			r := &Room{cfg: Config{Dir: dir, Now: time.Now}}
			d, err := r.openDisk()
			if err != nil {
				return nil, err
			}
			op := record{State: Processing}.op(1)
			op.Value = []byte(`{"v":99}`)
			err = d.journal.write([]kv.Op{op}, false)
			return func() error { return os.Rename(filepath.Join(dir, "scan.db"), filepath.Join(dir, "newer.db")) }, errors.Join(err, d.close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				heal, err := spoil(dir)
				if err != nil {
					t.Fatal(err)
				}
				r := open(t, Config{Dir: dir})
				stop := run(t, r)
				for range 3 {
					if _, err := r.Begin("gate"); !errors.Is(err, ErrUnavailable) {
						t.Errorf("begin: %v", err)
					}
					if s := r.Status(t.Context()); !s.Degraded || s.Reason == "" {
						t.Errorf("status: %+v", s)
					} else if damaged := name != "no folder"; damaged != strings.Contains(s.Reason, "move the file away") {
						t.Errorf("status: %s", s.Reason)
					}
					if err := r.Delete(t.Context(), Key{System: "gate", ScanID: "s"}); !errors.Is(err, ErrUnavailable) {
						t.Errorf("delete: %v", err)
					}
					<-time.After(time.Minute)
				}
				if err := heal(); err != nil {
					t.Fatal(err)
				}
				<-time.After(2 * openEvery)
				submitOK(t, r, "gate", "s", []byte("x"))
				awaitVerdict(r, "gate", "s")
				if s := r.Status(t.Context()); s.Degraded {
					t.Errorf("status after it healed: %+v", s)
				}
				stop()
			})
		})
	}
}

// fill leaves only so many bytes free.
func fill(t *testing.T, dir string, leave int) (free func()) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ballast")
	if err := os.WriteFile(path, make([]byte, max(0, int(st.Bavail)*int(st.Bsize)-leave)), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDiskRefusesAndHealsByItself fills a real file system under objects that
// wait, and frees it again, twice.
func TestFullDiskRefusesAndHealsByItself(t *testing.T) {
	disk := disktest.InMemory(t, "64m")
	synctest.Test(t, func(t *testing.T) { fullDisk(t, disk) })
}

func fullDisk(t *testing.T, disk string) {
	g := newTurnstile()
	r := open(t, Config{Dir: filepath.Join(disk, "scan"), Engines: []engine.Engine{g}, Limits: Limits{Workers: 1}})
	stop := run(t, r)
	taken := 0
	for round := range 2 {
		submitOK(t, r, "gate", fmt.Sprintf("before-%d", round), make([]byte, 100_000))
		taken++
		free := fill(t, disk, 300_000)
		for _, size := range []int{20_000, 10_000, 1_000_000} {
			// Large and small ones, until neither file nor record has room.
			for n := 0; ; n++ {
				err := submit(r, "gate", fmt.Sprintf("full-%d-%d-%d", round, size, n), make([]byte, size))
				if err == nil {
					taken++
					continue
				}
				var s *StorageError
				if !errors.As(err, &s) || !s.Full {
					t.Fatalf("refused with %v", err)
				}
				break
			}
		}
		if s := r.Status(t.Context()); !s.Degraded || !strings.Contains(s.Reason, "no space left") || s.Uploading != 0 {
			t.Errorf("status while full: %+v", s)
		}
		if n := len(r.States("gate", "", true, nil)); n != taken {
			t.Errorf("%d objects are known, %d were taken", n, taken)
		}
		free()
		submitOK(t, r, "gate", fmt.Sprintf("after-%d", round), make([]byte, 1_000_000))
		taken++
		within(t, 2*probeEvery, "well again", func() bool { return !r.Status(t.Context()).Degraded })
	}
	close(g.let)
	within(t, 20*time.Second, "verdicts of all that were taken", func() bool {
		return len(r.States("gate", "", true, []State{NotDetected})) == taken
	})
	if left := files(t, r); len(left) > 0 || r.quota.Used() != 0 {
		t.Errorf("in the spool: %v, %d bytes counted", left, r.quota.Used())
	}
	stop()
}
