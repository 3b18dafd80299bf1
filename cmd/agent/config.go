package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vedette/agent"
	"vedette/agent/policy"
	"vedette/cmd/internal/cli"
	"vedette/internal/settings"
)

const defaultConfig = agent.DefaultConfigPath

// read puts flags over file over defaults without judging the values.
func read(file string, flags *pflag.FlagSet) (agent.Config, *settings.Origins, error) {
	c, path := agent.DefaultConfig(), file
	if path == "" {
		path = defaultConfig
	}
	origins, err := settings.Load(path, &c)
	switch {
	case errors.Is(err, fs.ErrNotExist) && file == "":
		c, origins = agent.DefaultConfig(), &settings.Origins{}
	case err != nil:
		return c, nil, spread(err)
	}
	for name, target := range map[string]*string{"state-dir": &c.StateDir, "policy": &c.PolicyFile} {
		flag := flags.Lookup(name)
		if flag == nil || !flag.Changed {
			continue
		}
		if *target, err = filepath.Abs(flag.Value.String()); err != nil {
			return c, nil, fmt.Errorf("--%s: %w", name, err)
		}
		origins.Set(map[string]string{"state-dir": "state_dir", "policy": "policy_file"}[name], "flag --"+name)
	}
	return c, origins, nil
}

func load(file string, flags *pflag.FlagSet) (agent.Config, error) {
	c, _, err := read(file, flags)
	if err != nil {
		return c, err
	}
	return c, spread(c.Validate())
}

// spread gives each fault a line of its own.
func spread(err error) error {
	var faults *settings.Error
	if errors.As(err, &faults) {
		texts := make([]string, len(faults.Faults))
		for i, f := range faults.Faults {
			texts[i] = f.String()
		}
		return &cli.Faults{Texts: texts}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var texts []string
		for _, e := range joined.Unwrap() {
			texts = append(texts, strings.ReplaceAll(e.Error(), "\n", "; "))
		}
		return &cli.Faults{Texts: texts}
	}
	return err
}

func newConfigCheckCmd(file *string) *cobra.Command {
	return &cobra.Command{
		Use:     "check",
		Short:   "Report every fault of the configuration, the policy file and the local settings",
		Example: "  agent config check\n  agent config check --config ./agent.toml --policy ./agent-policy.toml",
		Args:    cli.Args(0, 0),
		RunE: cli.Act(func(cmd *cobra.Command, _ []string) error {
			c, err := load(*file, cmd.Flags())
			if err != nil {
				return err
			}
			if _, err := policy.Load(c.Files()); err != nil {
				return spread(err)
			}
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), "the configuration and the settings have no fault")
			return err
		}),
	}
}

func newConfigShowCmd(file *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show every effective value and where it comes from",
		Example: "  agent config show\n  agent config show --output json",
		Args:    cli.Args(0, 0),
	}
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		c, origins, err := read(*file, cmd.Flags())
		if err != nil {
			return err
		}
		var rows []policy.Value
		for _, v := range settings.Flatten(c) {
			rows = append(rows, policy.Value{Key: v.Key, Value: v.Text, Origin: origins.Of(v.Key)})
		}
		p, err := policy.Load(c.Files())
		if err != nil {
			return spread(err)
		}
		for _, v := range p.Values {
			rows = append(rows, policy.Value{Key: "policy." + v.Key, Value: v.Value, Origin: v.Origin})
		}
		return showValues(cmd, *format, rows)
	})
	return cmd
}

func showValues(cmd *cobra.Command, format cli.Format, rows []policy.Value) error {
	if format == cli.FormatJSON {
		return cli.WriteJSON(cmd.OutOrStdout(), rows)
	}
	t := cli.NewTable(cmd.OutOrStdout(), "KEY", "VALUE", "FROM")
	for _, r := range rows {
		t.Row(r.Key, r.Value, r.Origin)
	}
	return t.Flush()
}
