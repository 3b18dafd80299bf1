package cli_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/acts"
	"vedette/internal/sshd"
	"vedette/pki"
)

// trusting is a command that trusts a certificate which a person compares.
func trusting(shown pki.Fingerprint, trust func(pki.Fingerprint)) *cobra.Command {
	var f pki.Fingerprint
	cmd := &cobra.Command{Use: "trust", Args: cli.Args(0, 0)}
	cli.FingerprintFlag(cmd, &f, "`FINGERPRINT` that was compared")
	format := cli.OutputFlag(cmd, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(cmd, format)
	cmd.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		_, _, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) {
				return acts.Preview{Lines: []string{"It shows " + shown.String() + "."}, Fingerprint: shown, Asks: true}, nil
			},
			func(uint64) (struct{}, error) { trust(f); return struct{}{}, nil })
		return err
	})
	root := cli.NewRoot("d", "a daemon")
	root.AddCommand(cli.Remote(cmd))
	return root
}

func TestExactlyTheCertificateThatWasShownIsTrusted(t *testing.T) {
	shown, named := pki.Fingerprint{1}, pki.Fingerprint{2}
	var trusted []pki.Fingerprint
	tree := func() *cobra.Command {
		return trusting(shown, func(f pki.Fingerprint) { trusted = append(trusted, f) })
	}
	socket := clitest.Serve(t, func(ctx context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
		return cli.Execute(ctx, tree(), args, s)
	})
	for _, c := range []struct {
		name, answer string
		args         []string
		exit         int
		trusts       []pki.Fingerprint
		says         string
	}{
		{"a person confirms", "y\n", nil, cli.ExitOK, []pki.Fingerprint{shown}, ""},
		{"a person does not", "n\n", nil, cli.ExitRefused, nil, "nothing was changed"},
		{"a person names another", "y\n", []string{"--fingerprint", named.String()}, cli.ExitOK, []pki.Fingerprint{named}, ""},
		{"a script names it", "", []string{"--yes", "--fingerprint", strings.ReplaceAll(named.String(), ":", "")}, cli.ExitOK, []pki.Fingerprint{named}, ""},
		{"a script names none", "", []string{"--yes"}, cli.ExitUsage, nil, "hint: name the fingerprint that was compared: --fingerprint=AA:BB"},
		{"nobody is asked", "", nil, cli.ExitRefused, nil, "hint: compare the fingerprint, then add --fingerprint=01:00:"},
		{"it is no fingerprint", "", []string{"--fingerprint", "AA"}, cli.ExitUsage, nil, "--fingerprint"},
		{"it is nobody's", "", []string{"--yes", "--fingerprint", pki.Fingerprint{}.String()}, cli.ExitUsage, nil, "no certificate has this fingerprint"},
		{"a look", "", []string{"--dry-run"}, cli.ExitOK, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			trusted = nil
			root := tree()
			forwarder := &cli.Forwarder{Program: "d", Socket: func() (string, error) { return socket, nil }}
			if c.answer != "" {
				forwarder.Terminal = &cli.Terminal{In: strings.NewReader(c.answer), Out: &bytes.Buffer{}}
			}
			forwarder.Attach(root)
			var out, errs bytes.Buffer
			exit := cli.Execute(t.Context(), root, append([]string{"trust"}, c.args...), sshd.Streams{Out: &out, Err: &errs})
			if exit != c.exit || !strings.Contains(errs.String(), c.says) {
				t.Errorf("exit %d, messages %q", exit, errs.String())
			}
			if len(trusted) != len(c.trusts) || len(trusted) == 1 && trusted[0] != c.trusts[0] {
				t.Errorf("trusts %v, want %v", trusted, c.trusts)
			}
		})
	}
}
