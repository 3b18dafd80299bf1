package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"vedette/centralnode"
	"vedette/centralnode/gateway"
	"vedette/cmd/internal/cli"
	"vedette/internal/kv"
	"vedette/internal/sshd"
)

func newRunCmd(file *string, version string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the Central Node until it is told to stop",
		Long: "Run the Central Node. SIGINT and SIGTERM let current work end before it stops; a second signal ends it at once.\n" +
			"A first start makes keys, the server certificate and the account admin.",
		Example: "  centralnode run\n" +
			"  centralnode run --config ./centralnode.toml --listen 127.0.0.2:8443 --log-level debug",
		Args: cli.Args(0, 0),
	}
	addOverrides(cmd.Flags())
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		c, _, err := (source{*file, cmd.Flags()}).load()
		if err != nil {
			return err
		}
		if err := harden(); err != nil {
			return err
		}
		logger, err := newLogger(cmd.ErrOrStderr(), c.LogLevel)
		if err != nil {
			return err
		}
		return explainStart(run(cmd.Context(), c, version, logger, console(os.Stdout)))
	})
	return cmd
}

// run runs the daemon with its faces until ctx ends. Faces end first, so that a
// command that is under way still finds the state open.
func run(ctx context.Context, c config, version string, logger *slog.Logger, console io.Writer) error {
	node, err := centralnode.New(nodeConfig(c, version, logger, console))
	if err != nil {
		return err
	}
	nodeCtx, stopNode := context.WithCancel(context.WithoutCancel(ctx))
	defer stopNode()
	face, err := sshd.ListenUnix(c.Socket, sshd.Config{
		Command: newCommand(node.Admin(), version, time.Now),
		Logger:  logger.With("room", "sshd"),
	})
	if err != nil {
		stopNode() // Run of a stopped node releases what New took
		return errors.Join(err, node.Run(nodeCtx))
	}
	logger.Info("started", "version", version, "address", node.Address().String(), "socket", c.Socket)
	if err := notify("READY=1"); err != nil {
		logger.Warn("cannot tell the service manager that the start is done", "err", err)
	}

	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer stopNode()
		return face.Run(groupCtx)
	})
	group.Go(func() error {
		err := node.Run(nodeCtx)
		if err == nil && nodeCtx.Err() == nil {
			err = errors.New("the Central Node ended by itself")
		}
		return err
	})
	group.Go(func() error {
		<-groupCtx.Done()
		logger.Info("stopping")
		if err := notify("STOPPING=1"); err != nil {
			logger.Debug("cannot tell the service manager about the stop", "err", err)
		}
		return nil
	})
	err = group.Wait()
	logger.Info("stopped")
	return err
}

func nodeConfig(c config, version string, logger *slog.Logger, console io.Writer) centralnode.Config {
	return centralnode.Config{
		StateDir:     c.StateDir,
		Address:      c.Listen,
		LocalAddress: c.LocalListen,
		Names:        c.Names,
		Events: centralnode.Events{
			NATSURL:  c.Events.NATSURL,
			MaxAge:   time.Duration(c.Events.MaxAge),
			MaxBytes: int64(c.Events.MaxBytes),
		},
		Limits: gateway.Limits{
			Connections:         c.Limits.Connections,
			Strangers:           c.Limits.Strangers,
			StrangersPerAddress: c.Limits.StrangersPerAddress,
		},
		AdminPasswordFile: c.AdminPasswordFile,
		Console:           console,
		Logger:            logger,
		Version:           version,
		Now:               time.Now,
	}
}

// newLogger writes lines for people to a terminal and JSON to everything else.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: l}
	if f, ok := w.(*os.File); ok && cli.IsTerminal(f) {
		return slog.New(slog.NewTextHandler(w, options)), nil
	}
	return slog.New(slog.NewJSONHandler(w, options)), nil
}

// console is where a first start prints the password it made: a terminal, but
// never a journal, which keeps it.
func console(out *os.File) io.Writer {
	if cli.IsTerminal(out) {
		return out
	}
	return io.Discard
}

// explainStart adds the next step to errors of starting.
func explainStart(err error) error {
	for _, known := range []struct {
		err  error
		hint string
	}{
		{os.ErrPermission, "run it as the user who owns its folders; ports below 1024 need CAP_NET_BIND_SERVICE or root"},
		{errAddressInUse, "another program listens there; see: ss -ltnp, or choose another address with --listen"},
		{sshd.ErrInUse, "a Central Node runs already; see: centralnode status"},
		{kv.ErrInUse, "a Central Node runs already with this state folder; see: centralnode status"},
		{kv.ErrNewer, "install the version that wrote it, or a newer one"},
		{kv.ErrExposed, "run: chmod 600 on the file, and ask who could have read it"},
	} {
		if errors.Is(err, known.err) {
			return &cli.Error{Exit: cli.ExitFailed, Text: oneLine(err), Hint: known.hint, Err: err}
		}
	}
	return err
}
