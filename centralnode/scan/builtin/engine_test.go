package builtin_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vedette/centralnode/scan/builtin"
	"vedette/centralnode/scan/engine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eicar is put together here, so that no file of this tree is the test file.
var eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + "EICAR-STANDARD-ANTIVIRUS-" + `TEST-FILE!$H+H*`

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is an engine with its files.
type world struct {
	*builtin.Engine
	t     testing.TB
	clock *clock
	dir   string
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// open makes an engine of the files of w.dir: *.hashes and *.rules.
func (w *world) open() {
	w.t.Helper()
	hashes, _ := filepath.Glob(w.path("*.hashes"))
	rules, _ := filepath.Glob(w.path("*.rules"))
	w.openWith(hashes, rules)
}

func (w *world) openWith(hashes, rules []string) {
	w.t.Helper()
	e, err := builtin.New(builtin.Config{Hashes: hashes, Rules: rules, Logger: slog.New(slog.DiscardHandler), Now: w.clock.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Engine = e
	w.t.Cleanup(func() { _ = e.Close() })
}

// write replaces a file.
func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name+".new"), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(w.path(name+".new"), w.path(name)); err != nil {
		w.t.Fatal(err)
	}
}

func newWorld(t testing.TB, files ...string) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}, dir: t.TempDir()}
	for i := 0; i < len(files); i += 2 {
		w.write(files[i], files[i+1])
	}
	w.open()
	return w
}

func (w *world) object(content []byte) engine.Object {
	w.t.Helper()
	f, err := os.CreateTemp(w.dir, "object")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
	m, s := md5.Sum(content), sha256.Sum256(content)
	return engine.Object{Path: f.Name(), Size: int64(len(content)), MD5: hex.EncodeToString(m[:]), SHA256: hex.EncodeToString(s[:])}
}

func (w *world) scan(content []byte) engine.Result {
	w.t.Helper()
	r, err := w.Scan(context.Background(), w.object(content))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func names(r engine.Result) []string {
	var all []string
	for _, d := range r.Detections {
		all = append(all, d.Name)
	}
	return all
}

func (w *world) wants(content []byte, want ...string) {
	w.t.Helper()
	if got := names(w.scan(content)); !slices.Equal(got, want) {
		w.t.Errorf("found %q, want %q", got, want)
	}
}

// until asks for the health until it is as wanted: files are read again beside
// what asks.
func (w *world) until(what string, ok func(engine.Health) bool) engine.Health {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		h := w.Health(context.Background())
		if ok(h) {
			return h
		}
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("waited for %s; the health is %+v", what, h)
		}
	}
}

func TestEICARIsWhatItsPublisherSays(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name    string
		content string
		found   bool
	}{
		{"alone", eicar, true},
		{"with every allowed trailer", eicar + " \t\r\n\x1a", true},
		{"at its longest", eicar + strings.Repeat(" ", 60), true},
		{"a byte too long", eicar + strings.Repeat(" ", 61), false},
		{"another trailer", eicar + "x", false},
		{"a zero as trailer", eicar + "\x00", false},
		{"form feed as trailer", eicar + "\f", false},
		{"behind a prefix", " " + eicar, false},
		{"behind a byte order mark", "\xef\xbb\xbf" + eicar, false},
		{"cut short", eicar[:67], false},
		{"in other case", strings.ToLower(eicar), false},
		{"in a message", "From: a@example\r\n\r\n" + eicar + "\r\n", false},
		{"nothing", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.scan([]byte(c.content))
			if found := len(r.Detections) > 0; found != c.found {
				t.Errorf("found %v, want %v", r.Detections, c.found)
			}
			if c.found && r.Detections[0] != (engine.Detection{Name: "EICAR-Test-File", Importance: engine.High}) {
				t.Errorf("it is called %v", r.Detections[0])
			}
			if r.Skipped != "" || r.RuleSet != "eicar" {
				t.Errorf("the result is %+v", r)
			}
		})
	}
}

func TestHashesAreFoundByEitherSum(t *testing.T) {
	a, b := []byte("first object"), []byte("second object")
	m, s := md5.Sum(a), sha256.Sum256(b)
	w := newWorld(t,
		"1.hashes", fmt.Sprintf("# MD5\n\n%X\tTrojan.A low\r\n%x Trojan.B\n", m, s),
		"2.hashes", fmt.Sprintf("\xef\xbb\xbf%x Other.Name medium\n%x Троян\n%x Trojan.B low", s, s, s))
	w.wants([]byte("third object"))
	w.wants(a, "Trojan.A")
	r := w.scan(b)
	want := []engine.Detection{{Name: "Trojan.B", Importance: engine.High}, {Name: "Other.Name", Importance: engine.Medium}, {Name: "Троян", Importance: engine.High}}
	if len(r.Detections) != 3 || r.Detections[0] != want[0] || !slices.Contains(r.Detections, want[1]) || !slices.Contains(r.Detections, want[2]) {
		t.Errorf("found %v, want %v", r.Detections, want)
	}
	if h := w.Health(context.Background()); h.Rules != 6 || h.Trouble != "" || h.RuleSet != r.RuleSet {
		t.Errorf("the health is %+v", h)
	}
}

func TestTypesOfFilesAreRecognised(t *testing.T) {
	w := newWorld(t)
	for typ, content := range map[string]string{
		"text/plain":               "hello\n",
		"application/pdf":          "%PDF-1.7\n",
		"application/zip":          "PK\x03\x04\x14\x00\x00\x00\x00\x00",
		"application/x-elf":        "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60),
		"application/octet-stream": "\x01\x02\x03\x00\xff",
	} {
		if got := w.scan([]byte(content)).Type; got != typ {
			t.Errorf("%q is %s, want %s", content, got, typ)
		}
	}
}

func TestObjectsThatAreNotWhatWasSubmittedAreErrors(t *testing.T) {
	w := newWorld(t)
	good := w.object([]byte("content"))
	link := w.path("link")
	if err := os.Symlink(good.Path, link); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*engine.Object){
		"gone":        func(o *engine.Object) { o.Path += ".gone" },
		"longer":      func(o *engine.Object) { o.Size-- },
		"shorter":     func(o *engine.Object) { o.Size++ },
		"folder":      func(o *engine.Object) { o.Path = w.dir },
		"link":        func(o *engine.Object) { o.Path = link },
		"MD5 cut":     func(o *engine.Object) { o.MD5 = o.MD5[1:] },
		"SHA-256 bad": func(o *engine.Object) { o.SHA256 = strings.Repeat("g", 64) },
		"no SHA-256":  func(o *engine.Object) { o.SHA256 = "" },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			change(&o)
			if r, err := w.Scan(context.Background(), o); err == nil {
				t.Errorf("no error, but %+v", r)
			}
		})
	}
}

func TestScanEndsWithItsContext(t *testing.T) {
	w := newWorld(t, "a.rules", `Some.Rule low text "never there" anywhere`)
	o := w.object(bytes.Repeat([]byte("x"), 1<<20))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Scan(gone, o); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := w.Scan(late, o); !errors.Is(err, engine.ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
}

func TestConfigurationsThatCanNeverWorkAreRefused(t *testing.T) {
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint("/f", i)
	}
	for name, c := range map[string]builtin.Config{
		"empty name": {Hashes: []string{""}},
		"twice":      {Rules: []string{"/a/b", "/a/./b"}},
		"both kinds": {Rules: []string{"/a/b"}, Hashes: []string{"/a/b"}},
		"too many":   {Rules: many},
	} {
		c.Logger, c.Now = slog.New(slog.DiscardHandler), time.Now
		if e, err := builtin.New(c); err == nil {
			_ = e.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
