package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The size that every screen has to be usable at.
const (
	columns = 80
	rows    = 24
)

// terminal is a person's terminal, a tmux of its own, with one program in it.
type terminal struct {
	t      testing.TB
	socket string
	status string // file with the exit code of the program, once it has ended
}

// newTerminal runs a command line in a terminal of 80 columns and 24 rows, and
// ends it with the test. When the program has ended, the terminal stays.
func newTerminal(t testing.TB, line ...string) *terminal {
	t.Helper()
	// Not t.TempDir: its path may be too long for a socket.
	dir, err := os.MkdirTemp("", "tmux-")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "tmux.conf")
	text := "set -g status off\nset -g default-terminal tmux-256color\nset -sg escape-time 0\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &terminal{t: t, socket: filepath.Join(dir, "socket"), status: filepath.Join(dir, "status")}
	t.Cleanup(func() {
		w.hangUp()
		_ = os.RemoveAll(dir)
	})
	w.tmux(slices.Concat([]string{"-f", config, "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "--",
		"sh", "-c", `stty -a > "$0.before"; "$@"; code=$?; stty -a > "$0.after"; echo $code > "$0"; exec cat`, w.status}, line)...)
	return w
}

func (w *terminal) tmux(args ...string) string {
	w.t.Helper()
	o := command(w.t, "tmux", append([]string{"-u", "-S", w.socket}, args...)...)
	if o.code != 0 {
		w.t.Fatalf("tmux %s: exit %d: %s", strings.Join(args, " "), o.code, o.err)
	}
	return o.out
}

// shows is the values of some of tmux's variables.
func (w *terminal) shows(variables string) string {
	w.t.Helper()
	return strings.TrimSpace(w.tmux("display-message", "-p", "#{"+strings.ReplaceAll(variables, ",", "} #{")+"}"))
}

// press presses keys by their names in tmux: Enter, Escape, Up, C-c, n.
func (w *terminal) press(keys ...string) {
	w.t.Helper()
	w.tmux(append([]string{"send-keys"}, keys...)...)
}

// pressing presses a key without waiting until it is pressed, which the function
// does that it returns.
func (w *terminal) pressing(key string) (pressed func()) {
	w.t.Helper()
	cmd := exec.Command("tmux", "-S", w.socket, "send-keys", key)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := cmd.Wait(); err != nil {
			w.t.Errorf("press %s: %v", key, err)
		}
	}
}

// write types a text.
func (w *terminal) write(text string) {
	w.t.Helper()
	w.tmux("send-keys", "-l", "--", text)
}

// screen is what the person sees, without the blanks at the ends of lines.
func (w *terminal) screen() string {
	w.t.Helper()
	return trimmed(w.tmux("capture-pane", "-p"))
}

// styled is screen with the sequences that colour it.
func (w *terminal) styled() string {
	w.t.Helper()
	return trimmed(w.tmux("capture-pane", "-p", "-e"))
}

func trimmed(screen string) string {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// until waits until the screen is as wanted, and returns it.
func (w *terminal) until(what string, wanted func(screen string) bool) string {
	w.t.Helper()
	deadline := time.NewTimer(busy * 30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		seen := w.screen()
		if wanted(seen) {
			return seen
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("the screen never shows %s:\n%s", what, seen)
		}
	}
}

// settles is until for a screen that is drawn to its end: it is seen twice.
func (w *terminal) settles(what string, wanted func(screen string) bool) string {
	w.t.Helper()
	last := ""
	return w.until(what, func(seen string) bool {
		still := seen == last && wanted(seen)
		last = seen
		return still
	})
}

// expect waits until all words are on the screen, and returns it.
func (w *terminal) expect(words ...string) string {
	w.t.Helper()
	return w.until(strings.Join(words, ", "), func(seen string) bool { return hasAll(seen, words) })
}

func hasAll(seen string, words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(seen, word) })
}

// resize gives the terminal another size.
func (w *terminal) resize(columns, rows int) {
	w.t.Helper()
	w.tmux("resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
}

// ends waits until the program has ended, and returns its exit code.
func (w *terminal) ends() int {
	w.t.Helper()
	var status []byte
	w.until("the end of the program", func(string) bool {
		status, _ = os.ReadFile(w.status) // not there before
		return strings.HasSuffix(string(status), "\n")
	})
	code, err := strconv.Atoi(strings.TrimSpace(string(status)))
	if err != nil {
		w.t.Fatal(err)
	}
	return code
}

// restored checks that the program has left the terminal as it found it.
func (w *terminal) restored(what string) {
	w.t.Helper()
	w.ends()
	if left := w.shows("alternate_on,cursor_flag,mouse_any_flag,keypad_flag,keypad_cursor_flag"); left != "0 1 0 0 0" {
		w.t.Errorf("%s: alternate screen, cursor, mouse, keypad and cursor keys are %s, want 0 1 0 0 0", what, left)
	}
	var settings [2]string
	for i, when := range []string{".before", ".after"} {
		text, err := os.ReadFile(w.status + when)
		if err != nil {
			w.t.Fatal(err)
		}
		settings[i] = string(text)
	}
	if settings[0] != settings[1] {
		w.t.Errorf("%s: stty -a said %s, and says %s", what, settings[0], settings[1])
	}
}

// hangUp closes the terminal as a lost line does.
func (w *terminal) hangUp() { _ = exec.Command("tmux", "-S", w.socket, "kill-server").Run() }
