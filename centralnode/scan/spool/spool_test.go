package spool

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func open(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some tests close it before
	return s
}

func keep(t *testing.T, s *Spool, n uint64, content string) {
	t.Helper()
	f, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{f.Settle, func() error { return f.Keep(n) }, s.Sync, f.Discard} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestObjectsOutliveTheSpoolAndTheRestDoesNot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "scan", "spool")
	s := open(t, dir)
	keep(t, s, 1, "one")
	keep(t, s, 0xfedc, "large number")
	half, err := s.Create()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if path, err := s.Lay([]byte("copy")); err != nil {
		t.Fatal(err)
	} else if got, err := os.ReadFile(path); err != nil || string(got) != "copy" {
		t.Fatalf("laid out: %q, %v", got, err)
	}
	for _, name := range []string{"readme", "0000000000000g00", "01"} {
		if err := os.WriteFile(filepath.Join(dir, "objects", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	sizes, strange, err := s.Objects()
	if err != nil || !maps.Equal(sizes, map[uint64]int64{1: 3, 0xfedc: 12}) || !slices.Equal(strange, []string{"0000000000000g00", "01", "readme"}) {
		t.Errorf("objects %v, strange %v, %v", sizes, strange, err)
	}
	for _, folder := range []string{"incoming", "scratch"} {
		if left, err := os.ReadDir(filepath.Join(dir, folder)); err != nil || len(left) > 0 {
			t.Errorf("%s: %v, %v", folder, left, err)
		}
	}
	if got, err := os.ReadFile(s.Path(1)); err != nil || string(got) != "one" {
		t.Errorf("object 1: %q, %v", got, err)
	}
	for range 2 {
		if err := s.Remove(1); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(s.Path(1)); !os.IsNotExist(err) {
		t.Errorf("removed: %v", err)
	}
}

func TestDiscardedFileLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	for _, settle := range []bool{true, false} {
		f, err := s.Create()
		if err != nil {
			t.Fatal(err)
		}
		if settle {
			if err := f.Settle(); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := f.Discard(); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Lstat(f.path); !os.IsNotExist(err) {
			t.Errorf("discarded: %v", err)
		}
	}
	if err := s.Probe(); err != nil {
		t.Error(err)
	}
}

func TestFolderOthersCanReadIsClosedToThem(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	if err := os.MkdirAll(filepath.Join(dir, "objects"), 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	for _, name := range []string{"", "incoming", "objects", "scratch", "aside"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestQuota(t *testing.T) {
	q := NewQuota(100, 60)
	for i, c := range []struct {
		owner    string
		n        int64
		favoured bool
		want     bool
		used     int64
	}{
		{"a", 60, false, true, 60}, {"a", 1, false, false, 60}, {"a", 1, true, false, 60}, {"a", 0, false, true, 60},
		{"b", 28, false, true, 88}, {"b", 1, false, false, 88}, // the rest is for those who have little
		{"c", 5, false, false, 88}, {"c", 4, false, true, 92}, {"c", 1, false, false, 92},
		{"d", 3, false, true, 95}, {"b", 6, true, false, 95}, {"b", 5, true, true, 100}, {"e", 1, true, false, 100},
	} {
		if got := q.Take(c.owner, c.n, c.favoured); got != c.want || q.Used() != c.used {
			t.Errorf("%d: %v, used %d", i, got, q.Used())
		}
	}
	q.Hold("c", 46) // there already, room or not
	q.Give("a", 60)
	q.Give("b", 33)
	q.Give("d", 3)
	if got := fmt.Sprint(q.Used(), q.by); got != "50 map[c:50]" {
		t.Error(got)
	}
	if q.Take("c", 11, false) || !q.Take("c", 10, false) {
		t.Error("what was held does not count for its owner")
	}
}

func TestWhatIsKeptAsideStaysAndHidesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for range 3 {
		keep(t, s, 7, "seven")
		if err := s.PutAside(7); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SyncAside(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if n, err := s.Aside(); n != 3 || err != nil {
		t.Errorf("%d are kept aside, %v", n, err)
	}
	for _, name := range []string{"0000000000000007", "0000000000000007.2", "0000000000000007.3"} {
		if got, err := os.ReadFile(filepath.Join(s.AsideDir(), name)); err != nil || string(got) != "seven" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if sizes, strange, err := s.Objects(); len(sizes)+len(strange) > 0 || err != nil {
		t.Errorf("in the spool: %v, %v, %v", sizes, strange, err)
	}
}
