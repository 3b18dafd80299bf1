package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fault is one kind of failure, put at the first, second, ... call it fits.
type fault struct {
	name    string
	nr      int
	errno   unix.Errno
	passing bool // goes away by itself: the store may go on
}

func faultKinds() []fault {
	return []fault{
		{"no space for data", unix.SYS_PWRITE64, unix.ENOSPC, true},
		{"over quota", unix.SYS_PWRITE64, unix.EDQUOT, true},
		{"write error", unix.SYS_PWRITE64, unix.EIO, false},
		{"sync error", unix.SYS_FDATASYNC, unix.EIO, false},
		{"no space at sync", unix.SYS_FDATASYNC, unix.ENOSPC, false},
		{"full sync error", unix.SYS_FSYNC, unix.EIO, false},
		{"cannot grow", unix.SYS_FTRUNCATE, unix.EFBIG, false},
		{"rename error", unix.SYS_RENAMEAT, unix.EIO, false},
	}
}

// TestAWriteErrorAtAnyCallLosesNothingAndNeverLies runs one workload again and
// again with one failing system call further on each time.
func TestAWriteErrorAtAnyCallLosesNothingAndNeverLies(t *testing.T) {
	out := runChild(t, "faults", memoryDir(t))
	for _, kind := range faultKinds() {
		if !strings.Contains(out, kind.name+": ") {
			t.Errorf("kind %q was not run:\n%s", kind.name, out)
		}
	}
	t.Log("\n" + out)
}

func faultsChild(args []string) error {
	tap, err := newTap()
	if err != nil {
		return err
	}
	for _, kind := range faultKinds() {
		n := 1
		for ; ; n++ {
			dir := filepath.Join(args[0], fmt.Sprintf("%s %d", kind.name, n))
			fired, err := oneFault(tap, dir, kind, n)
			if err != nil {
				return fmt.Errorf("%s at call %d: %w", kind.name, n, err)
			}
			if !fired {
				break
			}
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
		if n == 1 {
			return fmt.Errorf("%s: no such call in the whole workload", kind.name)
		}
		fmt.Printf("%s: %d calls failed one by one\n", kind.name, n-1)
	}
	return nil
}

// oneFault runs the workload with the nth call of a kind failing.
func oneFault(tap *tap, dir string, kind fault, nth int) (bool, error) {
	var fired atomic.Bool
	tap.set(failAt(kind, nth, &fired))
	defer tap.off()
	err := workload(tap, dir, kind, &fired)
	return fired.Load(), err
}

// failAt has one call fail.
func failAt(kind fault, nth int, fired *atomic.Bool) func(call) unix.Errno {
	seen := 0
	return func(c call) unix.Errno {
		if c.nr == kind.nr {
			seen++
			if seen == nth {
				fired.Store(true)
				return kind.errno
			}
		}
		return 0
	}
}

func workload(tap *tap, dir string, kind fault, fired *atomic.Bool) error {
	ctx := context.Background()
	path := filepath.Join(dir, "state", "state.db")
	options := Options{Program: "test", LockTimeout: time.Second}
	s, err := Open(path, options)
	if err != nil {
		var refusal *OpenError
		if !errors.As(err, &refusal) || refusal.Next == "" || !strings.Contains(err.Error(), kind.errno.Error()) {
			return fmt.Errorf("making the file: %w, want an *OpenError with the cause", err)
		}
		if s, err = Open(path, options); err != nil {
			return fmt.Errorf("after the fault is gone: %w", err)
		}
	}
	model := map[string]string{}
	watched := s.Watch(s.Revision())
	var doubtful *Op
	for i := range 11 {
		op := Op{Key: fmt.Sprintf("key/%d", i%9), Value: bytes.Repeat([]byte{byte('a' + i)}, 1+i*3000)}
		if i%5 == 4 {
			op = Op{Key: op.Key, Delete: true}
		}
		_, err := s.Apply(ctx, []Op{op}, nil)
		if err == nil {
			play(model, op)
			if s.State().Degraded || s.State().Full {
				return fmt.Errorf("state after an accepted change: %+v", s.State())
			}
		} else {
			var refusal *StorageError
			if !errors.As(err, &refusal) || !errors.Is(err, ErrStorage) || refusal.Next == "" || !fired.Load() {
				return fmt.Errorf("change %d: %w", i, err)
			}
			state := s.State()
			if refusal.Uncertain {
				doubtful = &op
			}
			if kind.passing && (state.Degraded || !state.Full || refusal.Uncertain) || !kind.passing && (!state.Degraded || state.Full) {
				return fmt.Errorf("state %+v after %w", state, err)
			}
		}
		if err := equals(s, model); err != nil {
			return fmt.Errorf("reads after change %d: %w", i, err)
		}
	}
	if err := replay(watched, model); err != nil {
		return err
	}
	tap.off()
	if err := backupEquals(s, filepath.Join(dir, "backup.db"), model); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return reopened(path, model, doubtful)
}

// reopened checks what a restart finds: what was acknowledged, and of a change
// in doubt all or nothing.
func reopened(path string, model map[string]string, doubtful *Op) error {
	s, err := Open(path, Options{Program: "test", LockTimeout: time.Second})
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	defer s.Close() //nolint:errcheck // checked below where it matters
	if err := s.Check(); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	err = equals(s, model)
	if err != nil && doubtful != nil {
		other := maps.Clone(model)
		play(other, *doubtful)
		err = equals(s, other)
	}
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	if _, err := s.Apply(context.Background(), []Op{put("after", "restart")}, nil); err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	return nil
}

func play(model map[string]string, op Op) {
	if op.Delete {
		delete(model, op.Key)
	} else {
		model[op.Key] = string(op.Value)
	}
}

func equals(s *Store, model map[string]string) error {
	entries, _, err := s.List(context.Background(), "")
	if err != nil {
		return err
	}
	have := map[string]string{}
	for _, e := range entries {
		have[e.Key] = string(e.Value)
	}
	if !maps.Equal(have, model) {
		return fmt.Errorf("has %v, want %v", slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(model)))
	}
	return nil
}

// replay applies what a watcher sees to nothing and compares.
func replay(w *Watch, model map[string]string) error {
	defer w.Close()
	changes, _, _, err := w.pull()
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	seen := map[string]string{}
	for _, c := range changes {
		play(seen, Op{Key: c.Key, Value: c.Value, Delete: c.Deleted})
	}
	if !maps.Equal(seen, model) {
		return fmt.Errorf("watch: saw %v, want %v", slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(model)))
	}
	return nil
}

func backupEquals(s *Store, path string, model map[string]string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := s.Backup(f); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	b, err := Open(path, Options{Program: "test"})
	if err != nil {
		return fmt.Errorf("open backup: %w", err)
	}
	defer b.Close() //nolint:errcheck // only read
	if b.ID() != s.ID() {
		return fmt.Errorf("backup has the name %q, want %q", b.ID(), s.ID())
	}
	if err := equals(b, model); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return b.Check()
}
