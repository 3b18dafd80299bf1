package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// IsTerminal says whether f is a terminal.
func IsTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Terminal is where a person can be asked.
type Terminal struct {
	In  io.Reader
	Out io.Writer
}

// NewTerminal returns the terminal of this process, nil when questions would
// not be seen or answered.
func NewTerminal(in, out *os.File) *Terminal {
	if !IsTerminal(in) || !IsTerminal(out) {
		return nil
	}
	return &Terminal{In: in, Out: out}
}

// confirm asks a question whose answer is no unless it is yes.
func (t *Terminal) confirm(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(t.Out, "%s [y/N] ", question)
	line, err := t.readLine(ctx)
	if err != nil {
		fmt.Fprintln(t.Out)
		return false, err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// readLine reads a line, or less at the end of input. A signal ends it: the
// goroutine that still reads then ends with the process.
func (t *Terminal) readLine(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(t.In).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		answered <- answer{strings.TrimRight(line, "\r\n"), err}
	}()
	select {
	case a := <-answered:
		return a.line, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
