package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vedette/agent"
	"vedette/cmd/internal/cli"
)

// memoryAim makes the collector of garbage work harder near the agent's aim of
// 30 MiB; it is no bound.
const memoryAim = 24 << 20

func newRunCmd(file *string, version string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent until it is told to stop",
		Long: "Run the agent. As root (CAP_NET_ADMIN) it hears of every process from the kernel; otherwise it looks at /proc.\n" +
			"Changed settings take effect within seconds.",
		Example: "  agent run\n  agent run --state-dir ./state --policy ./agent-policy.toml",
		Args:    cli.Args(0, 0),
	}
	level := cmd.Flags().String("log-level", "", "debug, info, warn or error (over log.level in the file)")
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		c, _, err := read(*file, cmd.Flags())
		if err != nil {
			return err
		}
		if *level != "" {
			c.Log.Level = *level
		}
		if err := c.Validate(); err != nil {
			return spread(err)
		}
		return run(cmd.Context(), c, version, cmd.ErrOrStderr())
	})
	cli.CompleteFlag(cmd, "log-level", "debug", "info", "warn", "error")
	return cmd
}

func run(ctx context.Context, c agent.Config, version string, stderr io.Writer) error {
	unix.Umask(0o077)
	// A core file would hold the client certificate's key.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("turn core files off: %w", err)
	}
	debug.SetMemoryLimit(memoryAim)
	logger, err := newLogger(stderr, c.Log)
	if err != nil {
		return err
	}
	a, err := agent.New(c, agent.Options{Log: logger, Version: version})
	if errors.Is(err, agent.ErrRunning) {
		return &cli.Error{Exit: cli.ExitRefused, Text: err.Error(), Hint: "see: agent status", Err: err}
	}
	if err != nil {
		return err
	}
	logger.Info("agent started", "version", version, "state_dir", c.StateDir, "policy_file", c.PolicyFile)
	defer logger.Info("agent stopped")
	return a.Run(ctx)
}

func newLogger(w io.Writer, c agent.LogConfig) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, cli.Usagef("log level %q is none of debug, info, warn, error", c.Level)
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return slog.New(slog.NewTextHandler(w, o)), nil
}
