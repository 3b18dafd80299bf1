// The agent program is Vedette's Endpoint Agent: the daemon (run), the commands
// that show how it stands, a simulator of many agents, and the documented
// command line that writes this host's own settings.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/sshd"
)

const program = "agent"

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default is back: a second one ends at once.
	context.AfterFunc(ctx, stop)
	exit := cli.Execute(ctx, newTree(), os.Args[1:], sshd.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(exit)
}

func newTree() *cobra.Command {
	v := cli.Version(version)
	root := cli.NewRoot(program, "Endpoint Agent: reports process starts and ends of this host to a Central Node")
	var file string
	root.PersistentFlags().StringVar(&file, "config", "", "configuration `FILE` (default "+defaultConfig+")")
	root.PersistentFlags().String("state-dir", "", "state `FOLDER` (over state_dir in the file)")
	root.PersistentFlags().String("policy", "", "policy `FILE` (over policy_file in the file)")
	addMessageBroker(root, &file)
	root.AddCommand(
		newRunCmd(&file, v),
		newStatusCmd(&file),
		newDoctorCmd(&file),
		newSimulateCmd(),
		cli.Group("config", "Configuration and settings", newConfigCheckCmd(&file), newConfigShowCmd(&file)),
		cli.NewVersionCmd(program, v),
		cli.NewCompletionCmd(program),
	)
	return root
}
