package agent

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"vedette/agent/policy"
	"vedette/internal/settings"
)

// DefaultConfigPath is where the agent's configuration is unless a flag says otherwise.
const DefaultConfigPath = "/etc/vedette/agent.toml"

// Config is agent.toml: how this installation runs. What it does is policy.
type Config struct {
	StateDir      string            `toml:"state_dir"`
	PolicyFile    string            `toml:"policy_file"`
	Log           LogConfig         `toml:"log"`
	Queue         QueueConfig       `toml:"queue"`
	PackagePeriod settings.Duration `toml:"package_period"`
	// LocalListen is where /livez, /readyz and /metrics are served, on loopback; empty: nowhere.
	LocalListen string `toml:"local_listen"`
}

// LogConfig says how to log to standard error.
type LogConfig struct {
	Level  string `toml:"level"`  // debug, info, warn, error
	Format string `toml:"format"` // text, json
}

// QueueConfig bounds what waits for the Central Node.
type QueueConfig struct {
	MaxSize   settings.Size `toml:"max_size"`   // on disk
	MaxMemory settings.Size `toml:"max_memory"` // of packages that the disk does not take
}

// DefaultConfig is what an empty file means.
func DefaultConfig() Config {
	return Config{
		StateDir:      "/var/lib/vedette/agent",
		PolicyFile:    "/etc/vedette/agent-policy.toml",
		Log:           LogConfig{Level: "info", Format: "text"},
		Queue:         QueueConfig{MaxSize: 64 << 20, MaxMemory: 4 << 20},
		PackagePeriod: settings.Duration(30 * time.Second),
	}
}

// Validate reports every fault.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf(format, a...)) }
	if c.StateDir == "" {
		fault("state_dir: must be set")
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		fault("log.level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	switch c.Log.Format {
	case "text", "json":
	default:
		fault("log.format: %q is neither text nor json", c.Log.Format)
	}
	if c.Queue.MaxSize < 1<<20 {
		fault("queue.max_size: %s is less than 1MiB", c.Queue.MaxSize)
	}
	if c.Queue.MaxMemory < 1<<20 || c.Queue.MaxMemory > 64<<20 {
		fault("queue.max_memory: %s is not between 1MiB and 64MiB", c.Queue.MaxMemory)
	}
	if d := time.Duration(c.PackagePeriod); d < 100*time.Millisecond || d > time.Hour {
		fault("package_period: %s is not between 100ms and 1h", c.PackagePeriod)
	}
	if c.LocalListen != "" {
		if err := checkLocal(c.LocalListen); err != nil {
			fault("local_listen: %w", err)
		}
	}
	return errors.Join(faults...)
}

// Files are where the agent's settings are.
func (c Config) Files() policy.Files {
	return policy.Files{Policy: c.PolicyFile, Dir: c.StateDir}
}

// QueueDir is the folder of the agent's queue.
func (c Config) QueueDir() string { return c.path("queue") }

func (c Config) path(name string) string { return filepath.Join(c.StateDir, name) }

// PinsPath is where the announced server certificate is kept.
func (c Config) PinsPath() string { return c.path(pinsName) }
