package main

import (
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// The program's word, the daemon's name, and the product's.
const (
	program = "sensor"
	name    = "Sensor"
	product = "Vedette " + name
)

// commands is what the commands of the daemon act upon. The local binary has
// only the shape of the tree and leaves all fields but now and version empty.
type commands struct {
	admin    Admin
	who      acts.Actor
	terminal *sshd.Terminal
	draining <-chan struct{}
	version  string
	logger   *slog.Logger
	now      func() time.Time
}

// tree makes a tree with the commands that the daemon performs.
func (c commands) tree() *cobra.Command {
	root := cli.NewRoot(program, "The Sensor of Vedette: carries agents of a branch to the Central Node")
	root.AddCommand(
		c.newStatusCmd(),
		cli.Menu{Program: program, Who: c.who, Terminal: c.terminal, Open: c.openMenu}.NewCmd(),
		cli.Certificate{Program: program, ServerName: "sensor.example.org", Admin: c.admin, Who: c.who}.NewCmd(),
		cli.Group("central-node", "The Central Node that this Sensor works for", c.newCentralNodeShowCmd(), c.newCentralNodeSetCmd()),
		cli.Group("link", "The link to the Central Node", c.newLinkStatusCmd(), c.newLinkWatchCmd(), c.newLinkTestCmd(), c.newLinkHistoryCmd()),
		cli.Account{Program: program, Admin: c.admin, Who: c.who}.NewCmd(),
		cli.Audit{Program: program, Admin: c.admin, Who: c.who, Now: c.now}.NewCmd(),
		cli.NewVersionCmd(program, c.version),
	)
	return root
}

// newCommand makes the daemon's command hook.
func newCommand(admin Admin, version string, logger *slog.Logger, now func() time.Time) sshd.Command {
	return cli.Inside(program, func(who acts.Actor, s sshd.Streams) *cobra.Command {
		return commands{admin: admin, who: who, terminal: s.Terminal, draining: s.Draining, version: version, logger: logger, now: now}.tree()
	})
}
