package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"syscall"

	"golang.org/x/sync/errgroup"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/sessions"
	"vedette/internal/sshd"
	"vedette/internal/sshd/home"
	"vedette/internal/sshd/sshkey"
)

// Daemon is what Serve runs. Run serves until its context ends, and releases
// what the daemon took; it is called once, also for a daemon that never serves.
type Daemon interface {
	Run(context.Context) error
	Address() net.Addr // where agents connect

	HostKey() ed25519.PrivateKey  // of the SSH door
	Accounts() *accounts.Accounts // who may come through it
	Sessions() *sessions.Table    // who is there now
}

// Faces is how administrators reach a daemon.
type Faces struct {
	Name      string // of the daemon: "Central Node"
	Version   string
	Socket    string // for the commands of this machine
	SSHListen string // for administrators anywhere; empty: nowhere
	Command   sshd.Command
	Home      func(acts.Actor) home.Folder
	Logger    *slog.Logger
}

// Serve runs a daemon with its faces until ctx ends. Faces end first, so that a
// command that is under way still finds the state open.
func Serve(ctx context.Context, daemon Daemon, f Faces) error {
	daemonCtx, stopDaemon := context.WithCancel(context.WithoutCancel(ctx))
	defer stopDaemon()
	doors, err := f.listen(daemon)
	if err != nil {
		stopDaemon() // Run of a stopped daemon releases what it took
		return errors.Join(err, daemon.Run(daemonCtx))
	}
	f.started(daemon, doors)

	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer stopDaemon()
		return runDoors(groupCtx, doors)
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

// listen opens the doors, all or none: that of this machine, and that of the
// network if there is to be one.
func (f Faces) listen(daemon Daemon) (doors []*sshd.Server, err error) {
	config := sshd.Config{Command: f.Command, Home: f.Home, Sessions: daemon.Sessions(), Logger: f.Logger.With("room", "sshd")}
	local, err := sshd.ListenUnix(f.Socket, config)
	if err != nil {
		return nil, err
	}
	doors = append(doors, local)
	if f.SSHListen == "" {
		return doors, nil
	}
	network, err := sshd.Listen(sshd.Network{Address: f.SSHListen, HostKey: daemon.HostKey(), Accounts: daemon.Accounts()}, config)
	if err != nil {
		return nil, errors.Join(&sshDoorError{f.SSHListen, err}, local.Close())
	}
	return append(doors, network), nil
}

// started says where the daemon can be reached.
func (f Faces) started(daemon Daemon, doors []*sshd.Server) {
	about := []any{"version", f.Version, "address", daemon.Address().String(), "socket", f.Socket}
	if len(doors) > 1 {
		key := sshkey.Fingerprint(daemon.HostKey().Public().(ed25519.PublicKey))
		about = append(about, "ssh", doors[1].Addr().String(), "host_key", key)
	}
	f.Logger.Info("started", about...)
	if err := notify("READY=1"); err != nil {
		f.Logger.Warn("cannot tell the service manager that the start is done", "err", err)
	}
}

// runDoors serves until ctx ends, or one door breaks.
func runDoors(ctx context.Context, doors []*sshd.Server) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, door := range doors {
		group.Go(func() error { return door.Run(ctx) })
	}
	return group.Wait()
}

// sshDoorError says that administrators cannot be let in from the network.
type sshDoorError struct {
	address string
	err     error
}

// Error returns the text for a person.
func (e *sshDoorError) Error() string {
	return fmt.Sprintf("listen for administrators on %s (ssh_listen): %v", e.address, e.err)
}

// Unwrap returns the cause.
func (e *sshDoorError) Unwrap() error { return e.err }

// hint is the next step, if one is known.
func (e *sshDoorError) hint() string {
	_, port, err := SplitAddress(e.address)
	switch {
	case err != nil:
		return ""
	case errors.Is(e.err, syscall.EADDRINUSE) && port == 22:
		return `port 22 is usually held by the server's own sshd; set ssh_listen = ":2222", or "" to have the local socket only`
	case errors.Is(e.err, syscall.EADDRINUSE):
		return "another program listens there; see: ss -ltnp, or set ssh_listen to another address"
	case errors.Is(e.err, fs.ErrPermission):
		return `ports below 1024 need CAP_NET_BIND_SERVICE or root; or set ssh_listen = ":2222"`
	case errors.Is(e.err, syscall.EADDRNOTAVAIL):
		return "this server has no such address; see: ip address"
	}
	return ""
}
