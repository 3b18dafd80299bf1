package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"vedette/centralnode"
	"vedette/centralnode/gateway"
	"vedette/cmd/internal/cli"
)

// run runs the daemon with its faces until ctx ends.
func run(ctx context.Context, c config, version string, logger *slog.Logger, console io.Writer) error {
	node, err := centralnode.New(nodeConfig(c, version, logger, console))
	if err != nil {
		return err
	}
	return cli.Serve(ctx, node, cli.Faces{
		Name: name, Version: version, Socket: c.Socket, SSHListen: c.SSHListen, Logger: logger,
		Command: newCommand(node.Admin(), version, logger.With("room", "adminmenu"), time.Now),
		Home:    cli.HomeFolder(node.Admin()),
	})
}

func nodeConfig(c config, version string, logger *slog.Logger, console io.Writer) centralnode.Config {
	return centralnode.Config{
		StateDir:     c.StateDir,
		Address:      c.Listen,
		SSHAddress:   c.SSHListen,
		LocalAddress: c.LocalListen,
		Names:        c.Names,
		Events: centralnode.Events{
			NATSURL:  c.Events.NATSURL,
			MaxAge:   time.Duration(c.Events.MaxAge),
			MaxBytes: int64(c.Events.MaxBytes),
		},
		Scan: c.Scan.node(),
		Web: centralnode.Web{
			Address: c.WebListen, Hosts: c.Web.Hosts,
			Idle: time.Duration(c.Web.Idle), Lifetime: time.Duration(c.Web.Lifetime),
		},
		Stamp: c.Stamp.node(),
		Limits: gateway.Limits{
			Connections:         c.Limits.Connections,
			Strangers:           c.Limits.Strangers,
			StrangersPerAddress: c.Limits.StrangersPerAddress,
		},
		UnsafeSameServer:  c.UnsafeSameServer,
		AdminPasswordFile: c.AdminPasswordFile,
		Console:           console,
		Logger:            logger,
		Version:           version,
		Now:               time.Now,
	}
}
