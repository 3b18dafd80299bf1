package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"golang.org/x/sync/errgroup"

	"vedette/internal/sshd"
)

// Daemon is what Serve runs. Run serves until its context ends, and releases
// what the daemon took; it is called once, also for a daemon that never serves.
type Daemon interface {
	Run(context.Context) error
	Address() net.Addr // where agents connect
}

// Faces is how administrators reach a daemon.
type Faces struct {
	Name    string // of the daemon: "Central Node"
	Version string
	Socket  string // for the commands of this machine
	Command sshd.Command
	Logger  *slog.Logger
}

// Serve runs a daemon with its faces until ctx ends. Faces end first, so that a
// command that is under way still finds the state open.
func Serve(ctx context.Context, daemon Daemon, f Faces) error {
	daemonCtx, stopDaemon := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDaemon()
	face, err := sshd.ListenUnix(f.Socket, sshd.Config{Command: f.Command, Logger: f.Logger.With("room", "sshd")})
	if err != nil {
		stopDaemon() // Run of a stopped daemon releases what it took
		return errors.Join(err, daemon.Run(daemonCtx))
	}
	f.Logger.Info("started", "version", f.Version, "address", daemon.Address().String(), "socket", f.Socket)
	if err := notify("READY=1"); err != nil {
		f.Logger.Warn("cannot tell the service manager that the start is done", "err", err)
	}

	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer stopDaemon()
		return face.Run(groupCtx)
	})
	group.Go(func() error {
		err := daemon.Run(daemonCtx)
		if err == nil && daemonCtx.Err() == nil {
			err = errors.New("the " + f.Name + " ended by itself")
		}
		return err
	})
	group.Go(func() error {
		<-groupCtx.Done()
		f.Logger.Info("stopping")
		if err := notify("STOPPING=1"); err != nil {
			f.Logger.Debug("cannot tell the service manager about the stop", "err", err)
		}
		return nil
	})
	err = group.Wait()
	f.Logger.Info("stopped")
	return err
}
