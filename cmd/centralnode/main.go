// The centralnode program is the Central Node: the daemon (run), and the
// commands and the menu that administer it over its unix socket and over SSH.
package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"vedette/centralnode"
	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
)

// version is set by the linker: -X main.version=1.2.3.
var version string

func main() { cli.Main(newLocalTree) }

// newLocalTree makes the tree of the local binary: its own commands, and those
// of the daemon, which travel to it.
func newLocalTree() *cobra.Command {
	c := commands{version: cli.Version(version), now: time.Now}
	return cli.Program[config]{
		Word: program, Name: name, ConfigFile: "/etc/vedette/centralnode.toml",
		Defaults: defaults, Basics: func(c *config) *cli.Basics { return &c.Basics }, Validate: config.Validate,
		Redact: func(c *config) { c.Events.NATSURL = redacted(c.Events.NATSURL) },
		Run: func(ctx context.Context, cfg config, logger *slog.Logger, console io.Writer) error {
			return run(ctx, cfg, c.version, logger, console)
		},
		ResetPassword: func(ctx context.Context, c config, in acts.ResetPassword) (string, error) {
			return centralnode.ResetPassword(ctx, nodeConfig(c, "", slog.New(slog.DiscardHandler), nil), in)
		},
	}.Local(c.tree())
}
