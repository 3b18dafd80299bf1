package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"vedette/internal/acts"
	"vedette/internal/foreign"
	"vedette/internal/sshd"
)

// Exit codes of every command.
const (
	ExitOK            = 0
	ExitFailed        = 1
	ExitUsage         = 2 // the command line, or what it gives as input, is wrong
	ExitNotFound      = 3
	ExitRefused       = 4 // refused, changed meanwhile, or not confirmed
	ExitCannotConnect = 5
	ExitNotAllowed    = 6
	ExitInterrupted   = 130 // by a signal, as shells have it
)

// ExitOf maps the codes of acts to exit codes.
func ExitOf(code acts.Code) int {
	switch code {
	case "":
		return ExitOK
	case acts.Invalid:
		return ExitUsage
	case acts.NotFound:
		return ExitNotFound
	case acts.Refused, acts.Stale:
		return ExitRefused
	case acts.NotAllowed:
		return ExitNotAllowed
	}
	return ExitFailed
}

// Error is a failure of a command with its exit code and the next step.
type Error struct {
	Exit int
	Text string // empty: somebody has told already
	Hint string
	Err  error
}

// Error returns the text for a person.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Usagef is an error of the command line.
func Usagef(format string, args ...any) error {
	return &Error{Exit: ExitUsage, Text: fmt.Sprintf(format, args...)}
}

// Faults are several errors that are told one a line, such as those of a
// configuration.
type Faults struct {
	Texts []string
	Hint  string
}

// Error returns all texts.
func (f *Faults) Error() string { return strings.Join(f.Texts, "\n") }

// Report tells a person about err and returns the exit code.
func Report(w io.Writer, program string, err error) int {
	if err == nil {
		return ExitOK
	}
	texts, hint, exit := describe(err)
	for _, text := range texts {
		fmt.Fprintf(w, "%s: error: %s\n", program, foreign.Line(text))
	}
	if hint != "" {
		fmt.Fprintf(w, "%s: hint: %s\n", program, foreign.Line(hint))
	}
	return exit
}

func describe(err error) (texts []string, hint string, exit int) {
	var ours *Error
	if errors.As(err, &ours) {
		if ours.Text == "" {
			return nil, "", ours.Exit
		}
		return []string{ours.Text}, ours.Hint, ours.Exit
	}
	var faults *Faults
	if errors.As(err, &faults) {
		return faults.Texts, faults.Hint, ExitFailed
	}
	var act *acts.Error
	if errors.As(err, &act) {
		if act.Code == acts.Stale && act.Hint == "" {
			return []string{act.Text}, "look at it again with --dry-run, then repeat the command", ExitRefused
		}
		return []string{act.Text}, act.Hint, ExitOf(act.Code)
	}
	if errors.Is(err, context.Canceled) {
		return []string{"interrupted"}, "", ExitInterrupted
	}
	// An error of several lines (errors.Join) stays on one.
	return []string{strings.ReplaceAll(err.Error(), "\n", "; ")}, "", ExitFailed
}

// connectError explains why the daemon cannot be reached.
func connectError(program, socket string, err error) error {
	e := &Error{Exit: ExitCannotConnect, Text: err.Error(), Err: err}
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, sshd.ErrNotAllowed):
		e.Exit, e.Text = ExitNotAllowed, "this user may not use "+socket
		e.Hint = "run the command as root or as the user who runs the daemon"
	case errors.Is(err, sshd.ErrNoDaemon):
		e.Text = "cannot connect to the daemon at " + socket
		if errors.Is(err, fs.ErrNotExist) {
			e.Text += ": there is no socket"
		}
		e.Hint = fmt.Sprintf("is the daemon running? start it with: %s run", program)
	case errors.Is(err, sshd.ErrImpostor):
		e.Hint = "somebody else may have put a socket there; look at its folder before you go on"
	case errors.Is(err, sshd.ErrPathTooLong):
		e.Exit, e.Hint = ExitUsage, "choose a shorter path for the socket"
	}
	return e
}
