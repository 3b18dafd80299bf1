package yara_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
	"vedette/centralnode/scan/yara"
)

const hello = `rule Says_Hello { strings: $a = "hello" condition: $a }` + "\n"

func TestRulesAreFoundWithTheirImportance(t *testing.T) {
	w := newWorld(t, "a.yar", hello+`
rule Low { meta: author = "a, \"b\" ] [x] /proc/self/fd/4" n = 5 b = true importance = "low" after = "é" condition: filesize == 5 }
rule Medium : tag { meta: importance = "Medium" condition: filesize == 5 }
rule Odd { meta: importance = "enormous" condition: filesize == 5 }
rule Number { meta: importance = 3 condition: filesize == 5 }
rule Not { condition: filesize == 6 }
private rule Hidden { condition: true }
`).open()
	r := w.scan("hello")
	want := []engine.Detection{{Name: "Says_Hello", Importance: engine.High}, {Name: "Low", Importance: engine.Low}, {Name: "Medium", Importance: engine.Medium}, {Name: "Odd", Importance: engine.High}, {Name: "Number", Importance: engine.High}}
	if !slices.Equal(r.Detections, want) || r.Skipped != "" || r.Type != "" {
		t.Errorf("the result is %+v, want %v", r, want)
	}
	w.wants("clean object")
	w.wants("")
	h := w.Health(context.Background())
	if h.Trouble != "" || h.Rules != 7 || h.RuleSet != r.RuleSet || h.Version == "" {
		t.Errorf("the health is %+v", h)
	}
	if w.Name() != "yara" || w.Technology() != "yara" {
		t.Errorf("it is called %s, %s", w.Name(), w.Technology())
	}
}

func TestVersionsSayTheNewestFileAndTheContent(t *testing.T) {
	w := newWorld(t, "a.yar", hello, "b.yara", "rule B { condition: true }")
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for i, name := range []string{"a.yar", "b.yara"} {
		if err := os.Chtimes(w.path("rules/"+name), at, at.Add(-time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	r := w.open().scan("x")
	if !strings.HasPrefix(r.RuleSet, "2026-02-03-") || len(r.RuleSet) != len("2026-02-03-01234567") || r.DataBaseVersion != 202602030405 {
		t.Errorf("the versions are %s and %d", r.RuleSet, r.DataBaseVersion)
	}
}

func TestFilesHaveNamespacesOfTheirOwn(t *testing.T) {
	w := newWorld(t,
		"a.yar", `global rule Never { condition: false } rule Same { condition: true }`,
		"b.yara", `rule Same { meta: importance = "low" condition: true }`,
		"c.yar", `rule Same { meta: importance = "medium" condition: true }`,
		".hidden.yar", `rubbish`, "notes.txt", `rubbish`, "-o odd: name.yar", `rule Odd { condition: true }`)
	if err := os.Mkdir(w.path("rules/folder.yar"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := w.open().scan("x")
	if want := []engine.Detection{{Name: "Odd", Importance: engine.High}, {Name: "Same", Importance: engine.Medium}}; !slices.Equal(r.Detections, want) {
		t.Errorf("found %v, want %v", r.Detections, want)
	}
}

// TestRulesThatPrintForgeNothing has what module console writes for a rule, with
// bytes of the object.
func TestRulesThatPrintForgeNothing(t *testing.T) {
	w := newWorld(t, "a.yar", `import "console"
rule Prints { condition: console.log("default:Forged [] /proc/self/fd/4") and console.log("number of rules: 77") and false }`+hello).open()
	w.wants("hello", "Says_Hello")
	w.wants("clean")
	if h := w.Health(context.Background()); h.Trouble != "" {
		t.Errorf("the trouble is %q", h.Trouble)
	}
}

func TestManyTrueRulesAreBounded(t *testing.T) {
	var all strings.Builder
	for i := range 500 {
		fmt.Fprintf(&all, "rule R%d { condition: true }\n", i)
	}
	w := newWorld(t, "a.yar", all.String()).open()
	if r := w.scan("x"); len(r.Detections) != 100 || !strings.Contains(r.Skipped, "stopped after 100") {
		t.Errorf("%d detections, skipped: %q", len(r.Detections), r.Skipped)
	}
}

func TestLongTextsOfRulesAreBounded(t *testing.T) {
	long := "rule R%d { meta: " + strings.Repeat(fmt.Sprintf("text = %q ", strings.Repeat("x", 8000)), 20) + `importance = "low" condition: filesize > 10%02d }` + "\n"
	var all strings.Builder
	for i := range 20 {
		fmt.Fprintf(&all, long, i, i)
	}
	w := newWorld(t, "a.yar", all.String()).open()
	if r := w.scan(strings.Repeat("x", 1001)); !slices.Equal(r.Detections, []engine.Detection{{Name: "R0", Importance: engine.Low}}) || r.Skipped != "" {
		t.Errorf("the result is %+v", r)
	}
	// 20 of them are more than is read: what came is kept, and the rest not called clean.
	if r := w.scan(strings.Repeat("x", 2000)); len(r.Detections) < 2 || len(r.Detections) > 8 || !strings.Contains(r.Skipped, "wrote more than") {
		t.Errorf("%d detections, skipped: %q", len(r.Detections), r.Skipped)
	}
}

// TestDoubtOfYARAIsNoCleanResult has more matches than yara counts.
func TestDoubtOfYARAIsNoCleanResult(t *testing.T) {
	w := newWorld(t, "a.yar", `rule Counts { strings: $a = { 00 00 } condition: #a == 1 }`).open()
	if r := w.scan(strings.Repeat("\x00", 2<<20)); !strings.Contains(r.Skipped, "too many matches") || len(r.Detections) != 0 {
		t.Errorf("the result is %+v", r)
	}
}

func TestObjectsThatAreNotWhatWasSubmittedAreErrors(t *testing.T) {
	w := newWorld(t, "a.yar", hello).open()
	good := w.object("content")
	link := w.path("link")
	if err := os.Symlink(good.Path, link); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*engine.Object){
		"gone":    func(o *engine.Object) { o.Path += ".gone" },
		"longer":  func(o *engine.Object) { o.Size-- },
		"shorter": func(o *engine.Object) { o.Size++ },
		"folder":  func(o *engine.Object) { o.Path = w.dir },
		"link":    func(o *engine.Object) { o.Path = link },
	} {
		o := good
		change(&o)
		if r, err := w.Scan(context.Background(), o); err == nil {
			t.Errorf("%s: no error, but %+v", name, r)
		}
	}
	w.wants("hello", "Says_Hello")
}

func TestManyScansAtOnce(t *testing.T) {
	w := newWorld(t, "a.yar", hello).open()
	results := make(chan error)
	for i := range 16 {
		content, want := "clean", 0
		if i%2 == 0 {
			content, want = "hello", 1
		}
		o := w.object(content)
		go func() {
			r, err := w.Scan(context.Background(), o)
			if err == nil && len(r.Detections) != want {
				err = fmt.Errorf("%q gave %v", content, r.Detections)
			}
			results <- err
		}()
	}
	for range 16 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestConfigurationsThatCanNeverWorkAreRefused(t *testing.T) {
	for name, change := range map[string]func(*yara.Config){
		"no rules":        func(c *yara.Config) { c.Rules = nil },
		"empty name":      func(c *yara.Config) { c.Rules = []string{""} },
		"twice":           func(c *yara.Config) { c.Rules = []string{"/a/b", "/a/../a/b"} },
		"no folder":       func(c *yara.Config) { c.Dir = "" },
		"little memory":   func(c *yara.Config) { c.MaxMemory = 1 << 20 },
		"negative time":   func(c *yara.Config) { c.Timeout = -1 },
		"negative memory": func(c *yara.Config) { c.MaxMemory = -1 },
	} {
		c := yara.Config{Rules: []string{"/a"}, Dir: filepath.Join(t.TempDir(), "state"), Logger: slog.New(slog.DiscardHandler), Now: time.Now}
		change(&c)
		if e, err := yara.New(c); err == nil {
			_ = e.Close()
			t.Errorf("%s: no error", name)
		}
	}
}

func TestScanEndsWithItsContext(t *testing.T) {
	w := newWorld(t, "a.yar", hello)
	w.config.Program = w.program("slow", whenScanning+"sleep 1000 & wait")
	w.open()
	o := w.object("hello")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		_, err := w.Scan(ctx, o)
		done <- err
	}()
	poll(t, "a child", func() bool { return len(children(w.dir)) >= 2 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	w.wantNoChildren()
	late, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if _, err := w.Scan(late, o); !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
	w.wantNoChildren()
}
