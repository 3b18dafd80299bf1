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
	program = "centralnode"
	name    = "Central Node"
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
	root := cli.NewRoot(program, "The Central Node of Vedette: trust, agents and their events")
	root.AddCommand(
		c.newStatusCmd(),
		cli.Menu{Program: program, Who: c.who, Terminal: c.terminal, Open: c.openMenu}.NewCmd(),
		cli.Certificate{Program: program, ServerName: "cn.example.org", Admin: c.admin, Who: c.who}.NewCmd(),
		cli.Group("agent-certificate", "The certificates of Endpoint Agents",
			c.newAgentCertificateListCmd(), c.newAgentCertificateGenerateCmd(), c.newAgentCertificateUploadCmd(),
			c.newAgentCertificateDeleteCmd(), c.newAgentCertificateValidationCmd()),
		cli.Group("sensor", "Sensor servers and their requests",
			c.newSensorListCmd(), c.newSensorShowCmd(), c.newSensorHistoryCmd(),
			c.newSensorAcceptCmd(), c.newSensorRejectCmd(), c.newSensorDeleteCmd()),
		cli.Group("external-system", "External systems, their requests and the priority of mail",
			c.newExternalSystemListCmd(), c.newExternalSystemShowCmd(), c.newExternalSystemAcceptCmd(), c.newExternalSystemRejectCmd(),
			c.newExternalSystemDeleteCmd(), c.newExternalSystemPriorityCmd()),
		cli.Group("scan", "Scanning of objects that external systems submit", c.newScanShowCmd()),
		cli.Group("alert", "What was detected in objects", c.newAlertListCmd(), c.newAlertShowCmd(), c.newAlertStateCmd()),
		cli.Group("host", "Hosts with an Endpoint Agent", c.newHostListCmd(), c.newHostShowCmd(), c.newHostActivityCmd()),
		cli.Group("event", "Events of hosts", c.newEventListCmd(), c.newEventWatchCmd()),
		cli.Account{Program: program, Admin: c.admin, Who: c.who, SecondFactor: true}.NewCmd(),
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
