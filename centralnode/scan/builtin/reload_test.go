package builtin_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
)

const (
	goodRules  = "Old.Rule high text \"something\" anywhere\n"
	otherRules = "New.Rule high text \"something\" anywhere\n"
)

func healthy(h engine.Health) bool { return h.Trouble == "" }

func TestChangedFilesAreReadAgain(t *testing.T) {
	w := newWorld(t, "a.rules", goodRules)
	content := []byte("there is something")
	w.wants(content, "Old.Rule")
	before := w.Health(context.Background())

	w.write("a.rules", otherRules)
	w.clock.pass(9 * time.Second)
	if h := w.Health(context.Background()); h != before {
		t.Errorf("the files were looked at after 9 s: %+v", h)
	}
	w.wants(content, "Old.Rule")
	w.clock.pass(time.Second)
	after := w.until("the new rules", func(h engine.Health) bool { return h.RuleSet != before.RuleSet })
	if after.Trouble != "" || after.Rules != 2 {
		t.Errorf("the health is %+v", after)
	}
	r := w.scan(content)
	if got := names(r); len(got) != 1 || got[0] != "New.Rule" || r.RuleSet != after.RuleSet {
		t.Errorf("the result is %+v", r)
	}
}

// TestChangesThatKeepSizeAndTimeAreSeen has what a copy with kept times does.
func TestChangesThatKeepSizeAndTimeAreSeen(t *testing.T) {
	w := newWorld(t, "a.rules", goodRules)
	i, err := os.Stat(w.path("a.rules"))
	if err != nil {
		t.Fatal(err)
	}
	before := w.Health(context.Background())
	f, err := os.OpenFile(w.path("a.rules"), os.O_WRONLY, 0) // the same inode
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(otherRules); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(w.path("a.rules"), i.ModTime(), i.ModTime()); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(10 * time.Second)
	w.until("the new rules", func(h engine.Health) bool { return h.RuleSet != before.RuleSet })
	w.wants([]byte("something"), "New.Rule")
}

func TestBrokenFilesKeepTheirOldRules(t *testing.T) {
	sum := md5.Sum([]byte("listed"))
	w := newWorld(t, "a.rules", goodRules, "b.hashes", fmt.Sprintf("%x Listed.Object\n", sum))
	before := w.Health(context.Background())

	w.write("a.rules", "# comment\nBroken high regex x\n")
	w.clock.pass(10 * time.Second)
	h := w.until("trouble", func(h engine.Health) bool { return h.Trouble != "" })
	for _, part := range []string{w.path("a.rules"), "line 2", `"regex"`, "stays in use", "correct the line"} {
		if !strings.Contains(h.Trouble, part) {
			t.Errorf("the trouble %q does not say %q", h.Trouble, part)
		}
	}
	if h.RuleSet != before.RuleSet {
		t.Errorf("the rules are %s now, and were %s", h.RuleSet, before.RuleSet)
	}
	w.wants([]byte("something"), "Old.Rule")

	// The other file can change meanwhile.
	w.write("b.hashes", fmt.Sprintf("%x Renamed.Object\n", sum))
	w.clock.pass(10 * time.Second)
	h = w.until("the other file", func(h engine.Health) bool { return h.RuleSet != before.RuleSet })
	if h.Trouble == "" {
		t.Error("the trouble of the first file is forgotten")
	}
	w.wants([]byte("listed"), "Renamed.Object")
	w.wants([]byte("something"), "Old.Rule")

	w.write("a.rules", otherRules)
	w.clock.pass(10 * time.Second)
	w.until("no trouble", healthy)
	w.wants([]byte("something"), "New.Rule")
}

func TestFilesThatAreGoneKeepTheirRules(t *testing.T) {
	w := newWorld(t, "a.rules", goodRules)
	if err := os.Rename(w.path("a.rules"), w.path("elsewhere")); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(10 * time.Second)
	h := w.until("trouble", func(h engine.Health) bool { return h.Trouble != "" })
	if !strings.Contains(h.Trouble, w.path("a.rules")) || !strings.Contains(h.Trouble, "no such file") {
		t.Errorf("the trouble is %q", h.Trouble)
	}
	w.wants([]byte("something"), "Old.Rule")
	// It comes back as it was.
	if err := os.Rename(w.path("elsewhere"), w.path("a.rules")); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(10 * time.Second)
	w.until("no trouble", healthy)
}

func TestNothingIsCleanUntilEveryFileWasRead(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"missing": func(string) error { return nil },
		"broken":  func(path string) error { return os.WriteFile(path, []byte("rubbish"), 0o600) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := w.path("late.rules")
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			w.openWith(nil, []string{path})
			h := w.Health(context.Background())
			if !strings.Contains(h.Trouble, path) || !strings.Contains(h.Trouble, "nothing is called clean") {
				t.Errorf("the trouble is %q", h.Trouble)
			}
			if r, err := w.Scan(context.Background(), w.object([]byte("clean"))); err == nil || err.Error() != h.Trouble {
				t.Errorf("the result is %+v, the error %v", r, err)
			}
			// What is found is found.
			if r := w.scan([]byte(eicar)); len(r.Detections) != 1 || r.Skipped != h.Trouble {
				t.Errorf("the result is %+v", r)
			}
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			w.write("late.rules", goodRules)
			w.clock.pass(10 * time.Second)
			w.until("no trouble", healthy)
			w.wants([]byte("clean"))
		})
	}
}

func TestVersionsSayTheNewestFileAndTheContent(t *testing.T) {
	w := newWorld(t, "a.rules", goodRules, "b.rules", otherRules)
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("east", 3600))
	for i, name := range []string{"a.rules", "b.rules"} {
		if err := os.Chtimes(w.path(name), at, at.Add(-time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	w.open()
	r := w.scan([]byte("clean"))
	if !strings.HasPrefix(r.RuleSet, "2026-02-03-") || len(r.RuleSet) != len("2026-02-03-01234567") || r.DataBaseVersion != 202602030305 {
		t.Errorf("the versions are %s and %d", r.RuleSet, r.DataBaseVersion)
	}
	// The same content at the same time has the same version after a restart.
	w.open()
	if again := w.scan([]byte("clean")); again.RuleSet != r.RuleSet {
		t.Errorf("the version was %s and is %s", r.RuleSet, again.RuleSet)
	}
}
