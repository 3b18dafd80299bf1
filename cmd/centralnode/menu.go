package main

import (
	"context"
	"os"

	"vedette/adminmenu"
	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// openMenu shows the administrator menu to a person until it is left.
func (c commands) openMenu(ctx context.Context, who acts.Actor, s cli.MenuScreen) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	status, err := c.admin.Status(ctx, who)
	if err != nil {
		return err
	}
	return adminmenu.RunCentralNode(ctx, c.admin, who,
		adminmenu.Config{
			Product: product, Version: c.version, Host: host, SSHPort: cli.SSHPort(status.SSH),
			Now: c.now, Logger: c.logger, Draining: c.draining,
		},
		adminmenu.Terminal(s))
}
