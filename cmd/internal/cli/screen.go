package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"vedette/internal/sshd"
)

// Screen is the terminal of this process for a command that draws on it.
type Screen struct {
	in, out *os.File
}

// NewScreen returns the screen of this process, nil when it has none.
func NewScreen(in, out *os.File) *Screen {
	if !IsTerminal(in) || !IsTerminal(out) {
		return nil
	}
	return &Screen{in: in, out: out}
}

// Size says how large the screen is.
func (s *Screen) Size() (columns, rows int) {
	size, err := unix.IoctlGetWinsize(int(s.out.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0 // the other end takes its default
	}
	return int(size.Col), int(size.Row)
}

// raw gives keys to this process as they are pressed, and shows what it writes
// as it is (cfmakeraw(3)). What it returns puts the terminal back, and may be
// called often.
func (s *Screen) raw() (restore func(), err error) {
	fd := int(s.in.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("look at the terminal: %w", err)
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag &^= unix.CSIZE | unix.PARENB
	raw.Cflag |= unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	return sync.OnceFunc(func() {
		// TCSETSF drops keys that nobody has read: they were meant for the menu.
		_ = unix.IoctlSetTermios(fd, unix.TCSETSF, before) // it fails when the terminal has gone
	}), nil
}

// plain takes back what a program that was cut off may have done to the screen:
// the other page, colours, a hidden cursor, reports of pastes and of the mouse.
const plain = "\x1b[?1049l\x1b[0m\x1b[?25h\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1l\x1b>"

// lend lends the screen to the other end of a connection until work returns,
// and puts it back however that happens. A signal that ends this process ends
// the context, and puts the screen back at once; a second one is deadly again.
func (s *Screen) lend(ctx context.Context, work func(context.Context, sshd.ClientTerminal) (exit int, err error)) (exit int, err error) {
	restore, err := s.raw()
	if err != nil {
		return 0, err
	}
	defer restore()
	whole := false // the other end has left the screen as it found it
	defer func() {
		if !whole {
			_, _ = s.out.WriteString(plain) // it fails when the terminal has gone
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()

	ending := make(chan os.Signal, 1)
	signal.Notify(ending, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(ending)
	resizing := make(chan os.Signal, 1)
	signal.Notify(resizing, syscall.SIGWINCH)
	defer signal.Stop(resizing)
	resized := make(chan struct{}, 1)
	watching.Go(func() {
		for {
			select {
			case <-ending:
				cancel()
			case <-ctx.Done():
				signal.Stop(ending)
				restore() // at once: the other end may take a moment
				return
			case <-resizing:
				select {
				case resized <- struct{}{}:
				default: // one waits already
				}
			}
		}
	})
	exit, err = work(ctx, sshd.ClientTerminal{
		Name: os.Getenv("TERM"), Env: menuEnvironment(), Size: s.Size, Resized: resized, In: s.in, Out: s.out,
	})
	whole = err == nil
	if err != nil && ctx.Err() != nil {
		err = context.Canceled
	}
	return exit, err
}

// menuEnvironment is what of this process's environment travels.
func menuEnvironment() map[string]string {
	env := map[string]string{}
	for _, name := range []string{envNoColor, envASCII, "LANG", "LC_ALL", "LC_CTYPE"} {
		if value := os.Getenv(name); value != "" {
			env[name] = value
		}
	}
	return env
}

// draw runs a command that draws on the terminal of this process.
func (j *journey) draw(ctx context.Context) error {
	if j.f.Screen == nil {
		return needsTerminal(fmt.Sprintf("for single commands see: %s help", j.f.Program))
	}
	socket, err := j.f.Socket()
	if err != nil {
		return err
	}
	if j.client, err = sshd.Dial(ctx, socket); err != nil {
		return connectError(j.f.Program, socket, err)
	}
	defer j.client.Close()
	exit, err := j.f.Screen.lend(ctx, func(ctx context.Context, t sshd.ClientTerminal) (int, error) {
		return j.client.RunTerminal(ctx, j.argv, t)
	})
	if errors.Is(err, sshd.ErrLost) {
		return &Error{Exit: ExitCannotConnect, Text: "the connection to the daemon was lost", Hint: "is it running? see: " + j.f.Program + " status", Err: err}
	}
	return ended(exit, err)
}
