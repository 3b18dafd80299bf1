// The sensor program is the Sensor: the daemon (run), and the
// commands and the menu that administer it over its unix socket and over SSH.
package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/sensor"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() { cli.Main(newLocalTree) }

// newLocalTree makes the tree of the local binary: its own commands, and those
// of the daemon, which travel to it.
func newLocalTree() *cobra.Command {
	c := commands{version: cli.Version(version), now: time.Now}
	return cli.Program[config]{
		Word: program, Name: name, ConfigFile: "/etc/vedette/sensor.toml",
		Defaults: defaults, Basics: func(c *config) *cli.Basics { return &c.Basics }, Validate: config.Validate,
		Run: func(ctx context.Context, cfg config, logger *slog.Logger, console io.Writer) error {
			return run(ctx, cfg, c.version, logger, console)
		},
		ResetPassword: func(ctx context.Context, c config, in acts.ResetPassword) (string, error) {
			return sensor.ResetPassword(ctx, sensorConfig(c, "", slog.New(slog.DiscardHandler), nil), in)
		},
	}.Local(c.tree())
}
