package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vedette/internal/disktest"
)

// degraded checks that the log does not acknowledge and says why.
func degraded(t *testing.T, l *Log, words ...string) {
	t.Helper()
	s := l.State()
	if !s.Degraded {
		t.Fatal("not degraded")
	}
	for _, w := range words {
		if !strings.Contains(s.Reason, w) {
			t.Errorf("reason %q does not say %q", s.Reason, w)
		}
	}
	if _, err := l.Append(t.Context(), newPackage(50, 1, 100)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("append while degraded: %v", err)
	}
}

func TestOpenRefusesWhatCanNeverWork(t *testing.T) {
	for what, cfg := range map[string]Config{
		"no place":         {Checkpoints: new(memory)},
		"no checkpoints":   {Dir: t.TempDir()},
		"too short a life": {Dir: t.TempDir(), Checkpoints: new(memory), MaxAge: time.Second},
		"too small":        {Dir: t.TempDir(), Checkpoints: new(memory), MaxBytes: 1 << 20},
	} {
		if l, err := Open(t.Context(), cfg); err == nil {
			t.Errorf("%s: opened", what)
			_ = l.Close() // it should not exist
		}
	}
}

func TestFolderIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, Config{Dir: dir})
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", st.Mode(), err)
	}
}

func TestForeignFolderIsLeftAloneUntilItIsEmpty(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "letters.txt")
	if err := os.WriteFile(foreign, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := open(t, Config{Dir: dir})
	degraded(t, l, "letters.txt", "empty folder")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("folder has %v, %v", entries, err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	run(t, l)
	within(t, 10*time.Second, "well", func() bool { return !l.State().Degraded })
	appendOK(t, l, newPackage(1, 1, 100), Stored)
}

func TestForeignJetStreamStoreIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	l := open(t, Config{Dir: dir})
	appendOK(t, l, newPackage(1, 1, 100), Stored)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{markerName, lockName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	l = open(t, Config{Dir: dir})
	degraded(t, l, "JetStream")
}

func TestDamagedStoreIsNotMadeAnew(t *testing.T) {
	for what, damage := range map[string]func(stream string) error{
		"the stream is gone":            os.RemoveAll,
		"its description is unreadable": func(p string) error { return os.WriteFile(filepath.Join(p, "meta.inf"), []byte("{"), 0o600) },
	} {
		dir := t.TempDir()
		l := open(t, Config{Dir: dir})
		appendOK(t, l, newPackage(1, 1, 100), Stored)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		stream := filepath.Join(dir, jetstreamName, "$G", "streams", streamName)
		if err := damage(stream); err != nil {
			t.Fatal(err)
		}
		l = open(t, Config{Dir: dir})
		t.Log(what)
		degraded(t, l, "damaged", "move "+dir+" away")
	}
}

// TestNewStoreAfterTheOldOneWasMovedAway is the way out of a damaged store:
// events are gone, what was stored once stays known.
func TestNewStoreAfterTheOldOneWasMovedAway(t *testing.T) {
	dir, cp := filepath.Join(t.TempDir(), "events"), new(memory)
	l := open(t, Config{Dir: dir, Checkpoints: cp})
	appendOK(t, l, newPackage(1, 1, 100), Stored)
	appendOK(t, l, newPackage(1, 2, 100), Stored)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	l = open(t, Config{Dir: dir, Checkpoints: cp})
	if w := strings.Join(l.State().Warnings, "\n"); !strings.Contains(w, "another one than before") {
		t.Errorf("warnings: %q", w)
	}
	appendOK(t, l, newPackage(1, 2, 100), Duplicate)
	appendOK(t, l, newPackage(1, 3, 100), Stored)
}

func TestDamagedTailIsSaid(t *testing.T) {
	dir, cp := t.TempDir(), new(memory)
	l := open(t, Config{Dir: dir, Checkpoints: cp})
	for seq := uint64(1); seq <= 5; seq++ {
		appendOK(t, l, newPackage(1, seq, 5000), Stored)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(dir, jetstreamName, "$G", "streams", streamName, "msgs", "1.blk")
	st, err := os.Stat(block)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(block, st.Size()-8000); err != nil {
		t.Fatal(err)
	}
	l = open(t, Config{Dir: dir, Checkpoints: cp})
	if s := l.State(); s.Degraded || len(s.Warnings) == 0 || s.Messages != 3 {
		t.Errorf("after losing its tail: %+v", s)
	}
	appendOK(t, l, newPackage(1, 5, 5000), Duplicate) // it was acknowledged: the agent has forgotten it
	appendOK(t, l, newPackage(1, 6, 5000), Stored)
}

func TestFolderOfARunningLogIsRefused(t *testing.T) {
	dir := t.TempDir()
	first := open(t, Config{Dir: dir})
	second := open(t, Config{Dir: dir})
	degraded(t, second, "another process")
	run(t, second)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "well", func() bool { return !second.State().Degraded })
	appendOK(t, second, newPackage(1, 1, 100), Stored)
}

func TestFullDiskAtStartHealsByItself(t *testing.T) {
	disk := disktest.InMemory(t, "32m")
	ballast(t, filepath.Join(disk, "ballast"), 30<<20)
	l := open(t, Config{Dir: filepath.Join(disk, "events")})
	degraded(t, l, "no space left", "free at least 16 MiB", "by itself")
	run(t, l)
	if err := os.Remove(filepath.Join(disk, "ballast")); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "well", func() bool { return !l.State().Degraded })
	appendOK(t, l, newPackage(1, 1, 100), Stored)
}

func TestClosedLogSaysSo(t *testing.T) {
	l := open(t, Config{Dir: t.TempDir()})
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), newPackage(1, 1, 100)); !errors.Is(err, ErrUnavailable) || !errors.Is(err, ErrClosed) {
		t.Errorf("append: %v", err)
	}
	if err := l.Run(t.Context()); err != nil {
		t.Errorf("run: %v", err)
	}
}
