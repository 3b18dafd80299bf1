package adminmenu

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vedette/internal/acts"
)

var update = flag.Bool("update", false, "write golden files anew")

// driver is a person at a terminal, in a synctest bubble: everything waits for
// everything, and time passes only by wait. Use it as
//
//	synctest.Test(t, func(t *testing.T) {
//		d := drive(t, sensor(newBackend(t)))
//		d.press("2", "enter")
//		d.expect("Manage server certificate")
//	})
type driver struct {
	t        testing.TB
	screen   *emulator
	keys     *io.PipeWriter
	resized  chan struct{}
	draining chan struct{}
	cancel   context.CancelFunc
	log      *safeBuffer
	done     chan struct{}
	err      error
	errorsOK bool // lines at level error in the log are expected
}

// setup is what a test may change before the menu begins.
type setup struct {
	terminal Terminal
	config   Config
	who      acts.Actor
	columns  int
	rows     int
	nameless bool      // the terminal has no name
	out      io.Writer // instead of the emulator
	run      func(context.Context, acts.Actor, Config, Terminal) error
}

// sensor sets up a Sensor's menu over a backend.
func sensor(b Sensor) setup {
	return setup{run: func(ctx context.Context, who acts.Actor, c Config, t Terminal) error {
		return RunSensor(ctx, b, who, c, t)
	}}
}

// central sets up a Central Node's menu over a backend.
func central(b CentralNode) setup {
	return setup{config: Config{Product: "Vedette Central Node", Host: "central-1.example"}, run: func(ctx context.Context, who acts.Actor, c Config, t Terminal) error {
		return RunCentralNode(ctx, b, who, c, t)
	}}
}

// alone sets up a menu of one window, for tests of a building block.
func alone(build func(*menuSession) *window) setup {
	return setup{run: func(ctx context.Context, who acts.Actor, c Config, t Terminal) error {
		return runMenu(ctx, who, c, t, build)
	}}
}

// testActor is who works in the tests.
func testActor() acts.Actor {
	return acts.Actor{Account: "admin", Role: acts.LocalAdministrator, Face: acts.FaceMenu, From: "192.0.2.7", Session: 1}
}

// drive begins a menu at 80x24. The test ends it, and fails when the menu sent
// anything but what a terminal is to obey, or logged an error.
func drive(t testing.TB, s setup) *driver {
	t.Helper()
	if s.columns == 0 {
		s.columns, s.rows = 80, 24
	}
	d := &driver{t: t, screen: newEmulator(s.columns, s.rows), resized: make(chan struct{}, 1), draining: make(chan struct{}), done: make(chan struct{}), log: &safeBuffer{}}
	in, keys := io.Pipe()
	d.keys = keys
	tm := s.terminal
	if tm.Name == "" && !s.nameless {
		tm.Name = "xterm-256color"
	}
	tm.Size, tm.Resized, tm.In, tm.Out = d.screen.size, d.resized, in, d.screen
	if s.out != nil {
		tm.Out = s.out
	}
	c := s.config
	if c.Host == "" {
		c.Host = "sensor-1.example"
	}
	if c.Product == "" {
		c.Product = "Vedette Sensor"
	}
	c.Version, c.Logger, c.Draining = "0.4.0", slog.New(slog.NewTextHandler(d.log, nil)), d.draining
	if s.who.Account == "" {
		s.who = testActor()
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.cancel = cancel
	go func() {
		defer close(d.done)
		d.err = s.run(ctx, s.who, c, tm)
		_ = in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		_ = keys.Close()
		<-d.done
		if f := d.screen.trouble(); len(f) > 0 {
			t.Errorf("the terminal was sent what it does not know: %q", f[:min(len(f), 5)])
		}
		if logged := d.log.String(); !d.errorsOK && strings.Contains(logged, "level=ERROR") {
			t.Errorf("logged:\n%s", logged)
		}
	})
	synctest.Wait()
	return d
}

// names of keys and what terminals send for them.
var sequences = map[string]string{
	"enter": "\r", "esc": "\x1b", "tab": "\t", "backtab": "\x1b[Z", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
	"home": "\x1b[H", "end": "\x1b[F", "pgup": "\x1b[5~", "pgdn": "\x1b[6~", "delete": "\x1b[3~", "backspace": "\x7f", "ctrl-h": "\x08",
	"ctrl-c": "\x03", "ctrl-l": "\x0c", "ctrl-u": "\x15", "space": " ",
}

// press presses keys by name; what is no name is typed as it is. Each key is
// handled before the next one.
func (d *driver) press(keys ...string) {
	d.t.Helper()
	for _, k := range keys {
		if s, ok := sequences[k]; ok {
			d.send(s)
			if k == "esc" {
				<-time.After(100 * time.Millisecond) // alone, and not the beginning of a sequence
				synctest.Wait()
			}
			continue
		}
		d.send(k)
	}
}

// send sends bytes as they are.
func (d *driver) send(s string) {
	d.t.Helper()
	if _, err := io.WriteString(d.keys, s); err != nil && !d.over() {
		d.t.Fatalf("press %q: %v", s, err)
	}
	synctest.Wait()
}

// wait lets time pass.
func (d *driver) wait(howLong time.Duration) {
	<-time.After(howLong)
	synctest.Wait()
}

func (d *driver) resize(columns, rows int) {
	d.screen.resize(columns, rows)
	d.resized <- struct{}{}
	synctest.Wait()
	d.wait(200 * time.Millisecond)
}

// expect fails unless every text stands on the screen. A text may go over
// several lines.
func (d *driver) expect(texts ...string) {
	d.t.Helper()
	screen := d.screen.text()
	for _, want := range texts {
		if !strings.Contains(flat(screen), flat(want)) {
			d.t.Fatalf("the screen does not show %q:\n%s", want, screen)
		}
	}
}

// refuse fails when a text stands on the screen.
func (d *driver) refuse(texts ...string) {
	d.t.Helper()
	screen := d.screen.text()
	for _, bad := range texts {
		if strings.Contains(flat(screen), flat(bad)) {
			d.t.Fatalf("the screen shows %q:\n%s", bad, screen)
		}
	}
}

// title is the title of the window.
func (d *driver) title() string {
	line, _, _ := strings.Cut(d.screen.text(), "\n")
	line = strings.Trim(line, "┌─+- ")
	if i := strings.IndexAny(line, "─"); i >= 0 {
		line = line[:i]
	} else if i := strings.Index(line, "--"); i >= 0 {
		line = line[:i]
	}
	return strings.TrimSpace(line)
}

// at fails unless the window has this title.
func (d *driver) at(title string) {
	d.t.Helper()
	if got := d.title(); got != title {
		d.t.Fatalf("the window is %q, want %q:\n%s", got, title, d.screen.text())
	}
}

// button moves to a button by Tab and presses it.
func (d *driver) button(word string) {
	d.t.Helper()
	for range 12 {
		if strings.Contains(d.screen.text(), ">["+word+"]<") {
			d.press("enter")
			return
		}
		d.press("tab")
	}
	d.t.Fatalf("there is no way to the button [%s]:\n%s", word, d.screen.text())
}

// choose selects an entry of a list by its word and opens it.
func (d *driver) choose(word string) {
	d.t.Helper()
	d.press("home")
	for range 20 {
		for _, l := range strings.Split(d.screen.text(), "\n") {
			rest, selected := strings.CutPrefix(strings.TrimLeft(l, "│| "), "> ")
			if selected && strings.HasPrefix(strings.TrimLeft(rest, "0123456789 "), word) {
				d.press("enter")
				return
			}
		}
		d.press("down")
	}
	d.t.Fatalf("there is no entry %q:\n%s", word, d.screen.text())
}

// over reports whether the menu has ended.
func (d *driver) over() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// ended fails unless the menu has ended, and returns its error.
func (d *driver) ended() error {
	d.t.Helper()
	synctest.Wait()
	if !d.over() {
		d.t.Fatalf("the menu has not ended:\n%s", d.screen.text())
	}
	return d.err
}

// golden compares the screen with a file of testdata. -update writes it, but
// never in CI.
func (d *driver) golden(name string) {
	d.t.Helper()
	path := filepath.Join("testdata", name+".txt")
	got := d.screen.text()
	if *update && os.Getenv("CI") != "true" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			d.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			d.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	if got != string(want) {
		d.t.Errorf("the screen is not %s:\n%s\nwant:\n%s", path, got, want)
	}
}

// flat takes borders, blanks and line ends out of a screen, so that a text that
// was wrapped is found.
func flat(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("│| \n", r) {
			return -1
		}
		return r
	}, s)
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
