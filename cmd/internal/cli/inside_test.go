package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

// inside gives a command line to the thing's commands where the daemon is.
func inside(t *testing.T, terminal *sshd.Terminal, line string) (exit int, out, errs string) {
	t.Helper()
	args, err := sshd.Split(line)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	command := cli.Inside("d", func(acts.Actor, sshd.Streams) *cobra.Command { return (&thing{}).tree() })
	exit = command(t.Context(), acts.Actor{}, args, sshd.Streams{In: strings.NewReader("secret\n"), Out: &stdout, Err: &stderr, Terminal: terminal})
	return exit, stdout.String(), stderr.String()
}

func TestWhatOnlyTheLocalBinaryDoesIsRefusedWithTheReason(t *testing.T) {
	for line, says := range map[string]string{
		"run":                    `error: "run" is done by the program d itself`,
		"run --listen :1":        "hint: on the server, give the command: d run",
		"config show":            "hint: on the server, give the command: d config",
		"reset-password":         "hint: on the server, give the command: d reset-password",
		"completion bash":        "hint: on the server, give the command: d completion",
		"fetch --out f":          "error: the daemon writes no file: --out",
		"fetch --force":          "hint: leave it out, and redirect the output: > FILE",
		"thing change /etc/motd": `hint: write - for its name and send it as standard input: ssh ACCOUNT@SERVER thing change ... - < FILE`,
	} {
		if exit, out, errs := inside(t, nil, line); exit != cli.ExitUsage || !strings.Contains(errs, says) || out != "" {
			t.Errorf("%s: exit %d, output %q, messages %q", line, exit, out, errs)
		}
	}
	if exit, out, _ := inside(t, nil, "help"); exit != 0 || strings.Contains(out, "reset-password") || !strings.Contains(out, "fetch") {
		t.Errorf("help: exit %d, output %q", exit, out)
	}
}

func TestTheProgramsWordMayStandBeforeACommand(t *testing.T) {
	for line, exit := range map[string]int{"fetch": 0, "d fetch": 0, "d d fetch": 2, "d": 2, "": 2} {
		if got, _, errs := inside(t, nil, line); got != exit {
			t.Errorf("%q: exit %d, want %d, messages %q", line, got, exit, errs)
		}
	}
}

func TestATerminalDoesNotSpoilData(t *testing.T) {
	for line, want := range map[string]int{
		"fetch":                        cli.ExitUsage,
		"fetch -o json":                0,
		"thing change --name harmless": 0,
	} {
		exit, out, errs := inside(t, &sshd.Terminal{}, line)
		if exit != want {
			t.Errorf("%s: exit %d, want %d, messages %q", line, exit, want, errs)
		}
		if want != 0 && (out != "" || !strings.Contains(errs, "hint: give the command without a terminal (ssh without -t)")) {
			t.Errorf("%s: output %q, messages %q", line, out, errs)
		}
	}
	if exit, out, _ := inside(t, nil, "fetch --password-file -"); exit != 0 || out != "\x00\x01\xffsecret" {
		t.Errorf("without a terminal: exit %d, output %q", exit, out)
	}
}

func TestAPreviewNamesWhomAnActConcerns(t *testing.T) {
	var out bytes.Buffer
	cli.PrintPreview(&out, acts.Preview{Lines: []string{"It will change."}, Consequences: []acts.Consequence{
		{Text: "Agents are cut off.", InUse: true, Count: 5, Who: []string{"web1", "web2\x1b[2J"}},
		{Text: "Keys end.", InUse: true, Count: 1, Who: []string{"desk"}},
		{Text: "Mail sensors ask again."},
	}})
	want := "It will change.\nConsequences:\n" +
		"  - Agents are cut off. (today: 5)\n    web1, web2\\u{1b}[2J, and 3 more\n" +
		"  - Keys end. (today: 1)\n    desk\n" +
		"  - Mail sensors ask again. (not in use here)\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
