package scan

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/disktest"
	"vedette/internal/kv"
)

func openJournal(t *testing.T, names func() error) *journal {
	t.Helper()
	store, err := kv.Open(filepath.Join(t.TempDir(), "scan.db"), kv.Options{Program: program})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return newJournal(store, names)
}

// together makes changes at once, all of which wait until all are there.
func together(t *testing.T, j *journal, changes [][]kv.Op, names bool) (errs []error) {
	t.Helper()
	errs = make([]error, len(changes))
	j.turn <- struct{}{}
	var wg sync.WaitGroup
	total := 0
	for i, ops := range changes {
		total += len(ops)
		wg.Go(func() { errs[i] = j.write(ops, names) })
	}
	within(t, 10*time.Second, "all changes in line", func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		n := 0
		for _, b := range j.queue {
			n += len(b.ops)
		}
		return n == total
	})
	<-j.turn
	wg.Wait()
	return errs
}

func TestChangesAtOnceAreSyncedOnce(t *testing.T) {
	synced := 0
	j := openJournal(t, func() error { synced++; return nil })
	var changes [][]kv.Op
	for i := range 50 {
		changes = append(changes, []kv.Op{{Key: fmt.Sprint("a", i)}, {Key: fmt.Sprint("b", i)}})
	}
	for i, err := range together(t, j, changes, true) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if n := j.store.Revision(); n != 1 || synced != 1 {
		t.Errorf("50 changes were written in %d, with %d syncs of names", n, synced)
	}
	if e, _, err := j.store.List(t.Context(), "a"); err != nil || len(e) != 50 {
		t.Errorf("%d of 50 are there, %v", len(e), err)
	}
}

func TestBatchesAreBounded(t *testing.T) {
	j := openJournal(t, nil)
	large := []byte(strings.Repeat("x", kv.MaxValue))
	var changes [][]kv.Op
	for i := range 20 {
		changes = append(changes, []kv.Op{{Key: fmt.Sprint(i), Value: large}})
	}
	for i, err := range together(t, j, changes, false) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if n := j.store.Revision(); n != 3 {
		t.Errorf("20 MiB were written in %d batches", n)
	}
}

func TestNoRecordWithoutTheNameOfItsFile(t *testing.T) {
	j := openJournal(t, func() error { return errBroken })
	if err := j.write([]kv.Op{{Key: "a"}}, true); !errors.Is(err, errBroken) {
		t.Errorf("written: %v", err)
	}
	if n := j.store.Revision(); n != 0 {
		t.Error("the record is there")
	}
	if err := j.write([]kv.Op{{Key: "a"}}, false); err != nil {
		t.Error(err)
	}
}

// TestDyingDiskTakesNothing lets every write and sync fail while the room runs.
func TestDyingDiskTakesNothing(t *testing.T) {
	for name, size := range map[string]int{"inside the state file": 1000, "a file": 100_000} {
		t.Run(name, func(t *testing.T) {
			d := disktest.New(t, filepath.Join(t.TempDir(), "mount"), "64M")
			r := open(t, Config{Dir: filepath.Join(d.Mount, "scan")})
			run(t, r)
			submitOK(t, r, "gate", "before", make([]byte, size))
			within(t, 10*time.Second, "verdict", func() bool { return r.Waiting("gate") == 0 })
			if err := d.Cut(); err != nil {
				t.Fatal(err)
			}
			var s *StorageError
			if err := submit(r, "gate", "after", make([]byte, size)); !errors.As(err, &s) || s.Full {
				t.Errorf("submitted on a dying disk: %v", err)
			}
			if s := r.Status(t.Context()); !s.Degraded || !strings.Contains(s.Reason, "check") || s.Uploading+s.Waiting != 0 {
				t.Errorf("status: %+v", s)
			}
			if got := stateOf(r, "gate", "after"); got != "" {
				t.Errorf("half taken: %q", got)
			}
			if err := r.Delete(t.Context(), Key{System: "gate", ScanID: "before"}); !errors.As(err, &s) && !errors.Is(err, ErrUnavailable) {
				t.Errorf("deleted on a dying disk: %v", err)
			}
			if got := stateOf(r, "gate", "before"); got != NotDetected {
				t.Errorf("after a deletion that failed: %q", got)
			}
		})
	}
}
