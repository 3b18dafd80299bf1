package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// Program is the local binary of a daemon: what it adds to the commands that the
// daemon itself performs. C is the daemon's configuration, which embeds Basics.
type Program[C any] struct {
	Word string // that it is called by: "centralnode"
	Name string // of the daemon: "Central Node"
	// ConfigFile is read when --config is not given; it need not exist.
	ConfigFile string
	Defaults   func() C
	Basics     func(*C) *Basics
	// Validate reports every fault of a configuration, each after its key.
	Validate func(C) []string
	// Redact takes secrets out of a configuration that is shown; nil: it has none.
	Redact func(*C)
	// Run runs the daemon until ctx ends. Console is where a first start prints
	// what a person must note.
	Run func(ctx context.Context, c C, logger *slog.Logger, console io.Writer) error
	// ResetPassword sets the password of an account while the daemon is down, and
	// returns the one that it made when none was given.
	ResetPassword func(ctx context.Context, c C, in acts.ResetPassword) (made string, err error)
}

// Main runs one command line of the process and ends it. The tree is made anew,
// see Local.
func Main(newTree func() *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default is back: a second one ends at once.
	context.AfterFunc(ctx, stop)
	exit := Execute(ctx, newTree(), os.Args[1:], sshd.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(exit)
}

// Local makes a tree of the daemon's commands the tree of the local binary: it
// adds the binary's own commands, and the daemon's travel to the daemon.
func (p Program[C]) Local(root *cobra.Command) *cobra.Command {
	s := &source[C]{Program: p}
	flags := root.PersistentFlags()
	var socket string
	flags.StringVar(&s.file, "config", "", "configuration `FILE` (default "+p.ConfigFile+")")
	flags.StringVar(&socket, flagSocket, "", "`PATH` of the daemon's socket (over socket in the file)")
	LocalFlag(flags, "config")
	LocalFlag(flags, flagSocket)
	root.AddCommand(s.newRunCmd(), s.newConfigCmd(), s.newResetPasswordCmd(), NewCompletionCmd(p.Word))
	forwarder := &Forwarder{
		Program:       p.Word,
		Terminal:      NewTerminal(os.Stdin, os.Stderr),
		Screen:        NewScreen(os.Stdin, os.Stdout),
		OutIsTerminal: IsTerminal(os.Stdout),
		Socket: func() (string, error) {
			if socket != "" {
				return socket, nil
			}
			c, _, err := s.read(flags)
			return p.Basics(&c).Socket, err
		},
	}
	forwarder.Attach(root)
	return root
}
