package sshd

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Bounds of what a client says of its terminal.
const (
	maxName       = 64  // bytes of TERM
	maxEnv        = 128 // bytes of a value
	maxColumns    = 1000
	maxRows       = 500
	defaultWidth  = 80
	defaultHeight = 24
)

// Terminal is a client's terminal. What it says of itself is foreign, but
// bounded.
type Terminal struct {
	// Name is TERM as the client says, printable ASCII of at most 64 bytes;
	// empty when it says something else.
	Name string
	// Env has what the client says of NO_COLOR, LANG, LC_ALL, LC_CTYPE and
	// VEDETTE_ASCII: printable ASCII of at most 128 bytes. It is for choosing
	// colours and characters, and never for the environment of the process.
	Env map[string]string
	// Size is the present size: 1 to 1000 columns, 1 to 500 rows; 80 and 24
	// where the client knows none.
	Size func() (columns, rows int)
	// Resized says that Size has changed; one signal at most waits.
	Resized <-chan struct{}

	raw func() (io.Reader, io.Writer)
}

// Raw gives the terminal over to a program that draws: its reader gives what is
// typed as it comes, ^C too, its writer changes nothing. From then on the
// command's standard input gives nothing any more.
func (t *Terminal) Raw() (io.Reader, io.Writer) { return t.raw() }

// screen is the size of a terminal and its changes.
type screen struct {
	resized chan struct{}

	mu            sync.Mutex // guards what follows
	columns, rows int
}

func (s *screen) size() (columns, rows int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.columns, s.rows
}

// resize takes what a client says.
func (s *screen) resize(columns, rows uint32) {
	s.mu.Lock()
	s.columns, s.rows = clamp(columns, defaultWidth, maxColumns), clamp(rows, defaultHeight, maxRows)
	s.mu.Unlock()
	select {
	case s.resized <- struct{}{}:
	default:
	}
}

// clamp bounds a size; 0 is unknown.
func clamp(n, unknown, most uint32) int {
	if n == 0 {
		return int(unknown)
	}
	return int(min(n, most))
}

// pty is what a client asked for with "pty-req".
type pty struct {
	name   string
	screen *screen
}

// ptyRequest is the payload of "pty-req" (RFC 4254, section 6.2). The modes are
// those of a terminal driver, which we have none of.
type ptyRequest struct {
	Term                         string
	Columns, Rows, Width, Height uint32
	Modes                        string
}

// sizeRequest is the payload of "window-change" (RFC 4254, section 6.7).
type sizeRequest struct{ Columns, Rows, Width, Height uint32 }

func parsePty(payload []byte) (*pty, error) {
	var p ptyRequest
	if err := ssh.Unmarshal(payload, &p); err != nil {
		return nil, err
	}
	if !printable(p.Term, maxName) {
		p.Term = ""
	}
	s := &screen{resized: make(chan struct{}, 1)}
	s.resize(p.Columns, p.Rows)
	<-s.resized // the first size is no change
	return &pty{name: p.Term, screen: s}, nil
}

// parseEnv reads an "env" request; false: it is none of those that are taken.
func parseEnv(payload []byte) (name, value string, ok bool) {
	var p struct{ Name, Value string }
	if err := ssh.Unmarshal(payload, &p); err != nil {
		return "", "", false
	}
	switch p.Name {
	case "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "VEDETTE_ASCII":
		return p.Name, p.Value, printable(p.Value, maxEnv)
	}
	return "", "", false
}

// printable says that a text is at most so many characters of ASCII that show.
func printable(s string, most int) bool {
	return len(s) <= most && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// cooked ends lines as terminals want it.
type cooked struct{ w io.Writer }

func (c cooked) Write(p []byte) (int, error) {
	if _, err := c.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
