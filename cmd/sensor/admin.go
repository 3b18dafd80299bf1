package main

import (
	"context"

	"vedette/adminmenu"
	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// Admin performs administrative acts; *admin.Admin of the Sensor is one. It has
// what the menu needs, and what only commands do.
type Admin interface {
	adminmenu.Sensor
	cli.AccountAdmin
	cli.CertificateAdmin
	cli.AuditAdmin

	WatchLink(ctx context.Context, who acts.Actor, yield func(acts.Link) bool) error
}
