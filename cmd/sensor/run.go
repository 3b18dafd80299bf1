package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"vedette/cmd/internal/cli"
	"vedette/internal/footprint"
	"vedette/sensor"
	"vedette/sensor/proxy"
)

// run runs the daemon with its faces until ctx ends.
func run(ctx context.Context, c config, version string, logger *slog.Logger, console io.Writer) error {
	s, err := sensor.New(sensorConfig(c, version, logger, console))
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var keeping sync.WaitGroup
	keeping.Go(func() { footprint.Keep(watching) })
	defer keeping.Wait()
	defer stop()
	return cli.Serve(ctx, s, cli.Faces{
		Name: name, Version: version, Socket: c.Socket, SSHListen: c.SSHListen, Logger: logger,
		Command: newCommand(s.Admin(), version, logger.With("room", "adminmenu"), time.Now),
		Home:    cli.HomeFolder(s.Admin()),
	})
}

func sensorConfig(c config, version string, logger *slog.Logger, console io.Writer) sensor.Config {
	return sensor.Config{
		StateDir:         c.StateDir,
		Address:          c.Listen,
		SSHAddress:       c.SSHListen,
		LocalAddress:     c.LocalListen,
		Names:            c.Names,
		Name:             c.Name,
		IngressLimitMbit: c.IngressLimitMbit,
		UnsafeSameServer: c.UnsafeSameServer,
		Limits: proxy.Limits{
			Connections:         c.Limits.Connections,
			Strangers:           c.Limits.Strangers,
			StrangersPerAddress: c.Limits.StrangersPerAddress,
		},
		Quality: sensor.Quality{
			SpanInterfaces:      c.Quality.SpanInterfaces,
			ChannelCapacityMbit: c.Quality.ChannelCapacityMbit,
			Reflector:           c.Quality.Reflector,
		},
		AdminPasswordFile: c.AdminPasswordFile,
		Console:           console,
		Logger:            logger,
		Version:           version,
		Now:               time.Now,
	}
}
