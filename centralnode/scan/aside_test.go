package scan

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asideFiles lists what is kept aside.
func asideFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "spool/aside"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, r *Room) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestObjectsWithoutTheirStateFileAreKeptAside(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	config := Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	db, saved := filepath.Join(dir, stateName), filepath.Join(dir, "backup")
	r := open(t, config)
	for i := range 3 {
		submitOK(t, r, "gate", fmt.Sprint(i), bytes.Repeat([]byte{byte(i)}, 100_000))
	}
	closed(t, r)
	move(t, db, saved)

	r = open(t, config)
	if got := asideFiles(t, dir); len(got) != 3 {
		t.Fatalf("kept aside: %v", got)
	}
	s := r.Status(t.Context())
	if s.Degraded || !strings.Contains(s.Aside, "3 objects") || !strings.Contains(s.Aside, "spool/aside") || !strings.Contains(s.Aside, "spool/objects") {
		t.Errorf("status: %+v", s)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "objects=3") {
		t.Errorf("log: %s", log.String())
	}
	// The room goes on, with numbers that the others have already.
	submitOK(t, r, "gate", "new", bytes.Repeat([]byte{9}, 100_000))
	closed(t, r)
	r = open(t, config)
	if got := asideFiles(t, dir); len(got) != 3 || len(files(t, r)) != 1 {
		t.Errorf("after another start: %v", got)
	}
	closed(t, r)

	// The backup comes back, and what was kept aside with it. The new object has
	// the number of one of them and the size, and is another.
	move(t, saved, db)
	for _, name := range asideFiles(t, dir)[1:] {
		move(t, filepath.Join(dir, "spool/aside", name), filepath.Join(dir, "spool/objects", name))
	}
	r = open(t, config)
	run(t, r)
	within(t, 10*time.Second, "verdicts", func() bool { return r.Waiting("gate") == 0 })
	for id, want := range map[string]State{"0": Failed, "1": NotDetected, "2": NotDetected} {
		if got := stateOf(r, "gate", id); got != want {
			t.Errorf("%s: %q, expected %q", id, got, want)
		}
	}
	// The first object is still there, and so is the new one.
	if got := asideFiles(t, dir); len(got) != 2 {
		t.Errorf("kept aside at the end: %v", got)
	}
}

func TestObjectsTakenAfterABackupAreKeptAside(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, stateName)
	r := open(t, Config{Dir: dir})
	submitOK(t, r, "gate", "old", bytes.Repeat([]byte{1}, 100_000))
	closed(t, r)
	backup, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	r = open(t, Config{Dir: dir})
	submitOK(t, r, "gate", "new", bytes.Repeat([]byte{2}, 100_000))
	closed(t, r)
	if err := os.WriteFile(db, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	r = open(t, Config{Dir: dir})
	if got := asideFiles(t, dir); len(got) != 1 || stateOf(r, "gate", "old") != Processing || len(files(t, r)) != 1 {
		t.Errorf("kept aside: %v; in the spool %v", got, files(t, r))
	}
}

func TestLeftoversOfACrashAreNotKeptAside(t *testing.T) {
	dir := t.TempDir()
	r := open(t, Config{Dir: dir})
	submitOK(t, r, "gate", "s", make([]byte, 100_000))
	if err := os.WriteFile(r.disk.spool.Path(77), []byte("no record"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed(t, r)
	if err := os.WriteFile(filepath.Join(dir, ownerName), nil, 0o600); err != nil { // cut short
		t.Fatal(err)
	}
	r = open(t, Config{Dir: dir})
	if got := asideFiles(t, dir); len(got) != 0 || len(files(t, r)) != 1 {
		t.Errorf("kept aside: %v; in the spool %v", got, files(t, r))
	}
}
