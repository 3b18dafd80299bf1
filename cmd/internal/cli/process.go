package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"vedette/internal/kv"
	"vedette/internal/sshd"
)

// harden keeps what the process holds to itself: files that it makes are for
// its user only, and its memory, which has keys in it, goes into no core dump
// and is not for other processes of the same user.
func harden() error {
	unix.Umask(0o077)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("close the process to others: %w", err)
	}
	return nil
}

// neutralize gives the process a locale of its own. A library that draws reads
// these variables for every peer, but a peer says by itself what it can show.
func neutralize() error {
	err := os.Setenv("LANG", "C.UTF-8")
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "COLORTERM", "TCELL_TRUECOLOR", "NO_COLOR"} {
		err = errors.Join(err, os.Unsetenv(name))
	}
	if err != nil {
		return fmt.Errorf("fix the locale: %w", err)
	}
	return nil
}

// notify tells the service manager about the daemon's state (sd_notify(3)); it
// does nothing without one.
func notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	// A leading @ stands for the abstract name space, to Go as well.
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

// newLogger writes lines for people to a terminal and JSON to everything else.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: l}
	if f, ok := w.(*os.File); ok && IsTerminal(f) {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}

// console is where a first start prints the password it made: a terminal, but
// never a journal, which keeps it.
func console(out *os.File) io.Writer {
	if IsTerminal(out) {
		return out
	}
	return io.Discard
}

// explainStart adds the next step to errors of starting.
func (s *source[C]) explainStart(err error) error {
	var door *sshDoorError
	if errors.As(err, &door) && door.hint() != "" {
		return &Error{Exit: ExitFailed, Text: door.Error(), Hint: door.hint(), Err: err}
	}
	inUse := "another program listens there; see: ss -ltnp, or choose another address in the configuration (listen, web_listen, local_listen)"
	if bound := (*net.OpError)(nil); errors.As(err, &bound) && strings.HasPrefix(bound.Net, "udp") {
		inUse = "another program uses this UDP port; see: ss -lunp, or set [stamp] listen in the configuration to another address"
	}
	for _, known := range []struct {
		err  error
		hint string
	}{
		{os.ErrPermission, "run it as the user who owns its folders; ports below 1024 need CAP_NET_BIND_SERVICE or root"},
		{syscall.EADDRINUSE, inUse},
		{sshd.ErrInUse, "a " + s.Name + " runs already; see: " + s.Word + " status"},
		{kv.ErrInUse, "a " + s.Name + " runs already with this state folder; see: " + s.Word + " status"},
		{kv.ErrNewer, "install the version that wrote it, or a newer one"},
		{kv.ErrExposed, "run: chmod 600 on the file, and ask who could have read it"},
	} {
		if errors.Is(err, known.err) {
			text := strings.ReplaceAll(err.Error(), "\n", "; ")
			return &Error{Exit: ExitFailed, Text: text, Hint: known.hint, Err: err}
		}
	}
	return err
}
