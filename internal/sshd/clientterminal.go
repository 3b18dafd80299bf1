package sshd

import (
	"context"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/ssh"
)

// ClientTerminal is the terminal of whoever runs the local binary. Its caller
// has made it raw: keys arrive as they are typed, ^C too.
type ClientTerminal struct {
	Name string // TERM
	// Env is what of the environment the server may know; it takes the names of
	// Terminal.Env and ignores others.
	Env     map[string]string
	Size    func() (columns, rows int)
	Resized <-chan struct{} // says that Size has changed; nil: it never does
	In      io.Reader
	Out     io.Writer
}

// RunTerminal runs one command on a terminal and returns its exit status.
// Errors are those of Run; it does not wait for a Read of t.In that never
// returns.
func (c *Client) RunTerminal(ctx context.Context, args []string, t ClientTerminal) (exit int, err error) {
	prepare := func(session *ssh.Session) error {
		columns, rows := t.Size()
		if err := session.RequestPty(t.Name, rows, columns, ssh.TerminalModes{}); err != nil {
			return fmt.Errorf("%w: ask for a terminal: %w", ErrLost, err)
		}
		names := make([]string, 0, len(t.Env))
		for name := range t.Env {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			// A refusal is no error: the server takes what it knows.
			_, _ = session.SendRequest("env", true, ssh.Marshal(struct{ Name, Value string }{name, t.Env[name]}))
		}
		return nil
	}
	accompany := func(ctx context.Context, session *ssh.Session) {
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.Resized:
				columns, rows := t.Size()
				if session.WindowChange(rows, columns) != nil {
					return // the session has ended
				}
			}
		}
	}
	return c.run(ctx, args, Streams{In: t.In, Out: t.Out, Err: t.Out}, prepare, accompany)
}
