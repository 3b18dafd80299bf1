package clitest

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// CheckTree checks the rules of the local binary's tree: each command is
// described, has examples that parse, and takes no secret on its command line.
func CheckTree(t *testing.T, newTree func() *cobra.Command) {
	t.Helper()
	each(newTree(), func(cmd *cobra.Command) {
		checkSecrets(t, cmd)
		if cmd.Short == "" {
			t.Errorf("%s has no description", cmd.CommandPath())
		}
		if cmd.HasSubCommands() || cmd.Name() == "help" {
			return
		}
		if cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			checkExample(t, newTree(), cmd, strings.TrimSpace(line))
		}
	})
}

func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		each(sub, do)
	}
}

// checkExample parses an example that calls the program alone.
func checkExample(t *testing.T, root, cmd *cobra.Command, line string) {
	t.Helper()
	args, err := sshd.Split(line)
	if err != nil || len(args) == 0 || args[0] != root.Name() { // an example for a shell
		return
	}
	found, rest, err := root.Find(args[1:])
	if err != nil || found.CommandPath() != cmd.CommandPath() {
		t.Errorf("the example %q is not for %s", line, cmd.CommandPath())
		return
	}
	if err := found.ParseFlags(rest); err != nil {
		t.Errorf("the example %q: %v", line, err)
	} else if err := found.ValidateArgs(found.Flags().Args()); err != nil {
		t.Errorf("the example %q: %v", line, err)
	}
}

func checkSecrets(t *testing.T, cmd *cobra.Command) {
	t.Helper()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		for _, word := range []string{"password", "secret", "token"} {
			if strings.Contains(f.Name, word) && !strings.HasSuffix(f.Name, "-file") {
				t.Errorf("%s --%s: others see it in the list of processes", cmd.CommandPath(), f.Name)
			}
		}
	})
}

// CheckDaemonsTree checks that the tree inside the daemon has nothing of the
// local binary: what reads local files or runs processes.
func CheckDaemonsTree(t *testing.T, command sshd.Command) {
	t.Helper()
	for _, args := range [][]string{{"run"}, {"config", "show"}, {"reset-password"}, {"completion", "bash"}, {"--config", "/etc/shadow", "status"}} {
		var errs bytes.Buffer
		if exit := command(t.Context(), acts.Actor{}, args, sshd.Streams{In: strings.NewReader(""), Out: io.Discard, Err: &errs}); exit != cli.ExitUsage {
			t.Errorf("%q: exit %d, messages %q", args, exit, errs.String())
		}
	}
}
