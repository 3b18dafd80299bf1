// The centralnode program is the Central Node: the daemon (run) and the
// commands that administer it over its unix socket.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/sshd"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default is back: a second one ends at once.
	context.AfterFunc(ctx, stop)
	exit := cli.Execute(ctx, newLocalTree(), os.Args[1:], sshd.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(exit)
}

// newLocalTree makes the tree of the local binary: its own commands, and those
// of the daemon, which travel to it.
func newLocalTree() *cobra.Command {
	c := commands{version: cli.Version(version), now: time.Now}
	root := c.tree()
	var file, socket string
	root.PersistentFlags().StringVar(&file, "config", "", "configuration `FILE` (default "+defaultConfig+")")
	root.PersistentFlags().StringVar(&socket, "socket", "", "`PATH` of the daemon's socket (over socket in the file)")
	cli.LocalFlag(root.PersistentFlags(), "config")
	cli.LocalFlag(root.PersistentFlags(), "socket")
	root.AddCommand(
		newRunCmd(&file, c.version),
		newConfigCmd(&file),
		newResetPasswordCmd(&file),
		cli.NewCompletionCmd(program),
	)
	forwarder := &cli.Forwarder{
		Program:       program,
		Terminal:      cli.NewTerminal(os.Stdin, os.Stderr),
		OutIsTerminal: cli.IsTerminal(os.Stdout),
		Socket: func() (string, error) {
			if socket != "" {
				return socket, nil
			}
			c, _, err := (source{file, root.PersistentFlags()}).read()
			return c.Socket, err
		},
	}
	forwarder.Attach(root)
	return root
}
