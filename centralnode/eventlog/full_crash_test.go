package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/internal/disktest"

	"golang.org/x/sys/unix"
)

// ballast takes room until it is removed.
func ballast(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
}

// within waits for a condition.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("after %v still not: %s", limit, what)
		case <-tick.C:
		}
	}
}

// TestFullDiskStopsAcknowledgementsAndHealsByItself fills a real file system
// under load and frees it again, twice.
func TestFullDiskStopsAcknowledgementsAndHealsByItself(t *testing.T) {
	disk := disktest.InMemory(t, "120m")
	l := open(t, Config{Dir: filepath.Join(disk, "events"), MaxBytes: 1 << 30})
	run(t, l)
	large := func(int, uint64) int { return 200_000 }
	h := &harness{t: t, size: large, spec: childSpec{Next: make([]uint64, appenders)}}
	for i := range h.spec.Next {
		h.spec.Next[i] = 1
	}
	for round := range 2 {
		ballast(t, filepath.Join(disk, "ballast"), 40<<20)
		st := l.State()
		room := freeIn(t, disk)
		if room > 18<<20 {
			ballast(t, filepath.Join(disk, "more"), room-18<<20)
		}
		var wg sync.WaitGroup
		for i := range h.spec.Next {
			wg.Go(func() {
				for {
					seq := h.spec.Next[i]
					_, err := l.Append(t.Context(), newPackage(i, seq, large(i, seq)))
					if errors.Is(err, ErrUnavailable) {
						return
					}
					if err != nil {
						t.Errorf("appender %d: %v", i, err)
						return
					}
					h.spec.Next[i]++
				}
			})
		}
		wg.Wait()
		began := time.Now()
		within(t, 20*time.Second, "degraded for want of space", func() bool {
			st = l.State()
			return st.Degraded && strings.Contains(st.Reason, "no space left")
		})
		t.Logf("round %d: %v later: %s", round, time.Since(began), st.Reason)
		if _, err := l.Append(t.Context(), newPackage(0, h.spec.Next[0], 100)); !errors.Is(err, ErrUnavailable) {
			t.Fatalf("append on a full disk: %v", err)
		}
		for _, name := range []string{"ballast", "more"} {
			if err := os.Remove(filepath.Join(disk, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		began = time.Now()
		within(t, 20*time.Second, "well again", func() bool { return !l.State().Degraded })
		t.Logf("round %d: well again after %v, acknowledged %v", round, time.Since(began), h.spec.Next)
		h.check(l)
	}
}

// freeIn says how many bytes are free in a file system.
func freeIn(t *testing.T, path string) int {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		t.Fatal(err)
	}
	return int(st.Bavail) * int(st.Bsize)
}
