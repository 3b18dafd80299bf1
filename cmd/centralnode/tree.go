package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// The program's word and the daemon's name.
const (
	program = "centralnode"
	name    = "Central Node"
)

// commands is what the commands of the daemon act upon. The local binary has
// only the shape of the tree and leaves all fields but now and version empty.
type commands struct {
	admin    Admin
	who      acts.Actor
	draining <-chan struct{}
	version  string
	now      func() time.Time
}

// tree makes a tree with the commands that the daemon performs.
func (c commands) tree() *cobra.Command {
	root := cli.NewRoot(program, "The Central Node of Vedette: trust, agents and their events")
	root.AddCommand(
		c.newStatusCmd(),
		cli.Certificate{Program: program, ServerName: "cn.example.org", Admin: c.admin, Who: c.who}.NewCmd(),
		cli.Group("agent-certificate", "The certificates of Endpoint Agents",
			c.newAgentCertificateListCmd(), c.newAgentCertificateGenerateCmd(), c.newAgentCertificateUploadCmd(),
			c.newAgentCertificateDeleteCmd(), c.newAgentCertificateValidationCmd()),
		cli.Group("sensor", "Sensor servers and their requests",
			c.newSensorListCmd(), c.newSensorShowCmd(), c.newSensorAcceptCmd(), c.newSensorRejectCmd(), c.newSensorDeleteCmd()),
		cli.Group("host", "Hosts with an Endpoint Agent", c.newHostListCmd()),
		cli.Group("event", "Events of hosts", c.newEventListCmd(), c.newEventWatchCmd()),
		cli.Audit{Program: program, Admin: c.admin, Who: c.who, Now: c.now}.NewCmd(),
		cli.NewVersionCmd(program, c.version),
	)
	return root
}

// newCommand makes the daemon's command hook: a fresh tree for each command
// line.
func newCommand(admin Admin, version string, now func() time.Time) sshd.Command {
	return func(ctx context.Context, who acts.Actor, args []string, s sshd.Streams) int {
		c := commands{admin: admin, who: who, draining: s.Draining, version: version, now: now}
		return cli.Execute(ctx, c.tree(), args, s)
	}
}
