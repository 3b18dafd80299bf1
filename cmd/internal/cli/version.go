package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Version is the version a binary was linked with, or else what the tool chain
// noted of the source it was built from.
func Version(linked string) string {
	if linked != "" {
		return linked
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = "+modified"
			}
		}
	}
	if revision == "" {
		return "devel"
	}
	return "devel-" + revision + modified
}

// NewVersionCmd makes `version`.
func NewVersionCmd(program, version string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the version of this program",
		Example: "  " + program + " version",
		Args:    Args(0, 0),
	}
	format := OutputFlag(cmd, FormatTable, FormatJSON)
	cmd.RunE = Act(func(cmd *cobra.Command, _ []string) error {
		if *format == FormatJSON {
			return WriteJSON(cmd.OutOrStdout(), map[string]string{"program": program, "version": version})
		}
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", program, version)
		return err
	})
	return cmd
}
