package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"vedette/cmd/internal/cli"
	"vedette/internal/acts"
	"vedette/internal/sshd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// thing is what the commands of these tests act upon.
type thing struct {
	mu       sync.Mutex // guards what follows
	revision uint64
	deeds    []string
	lines    [][]string // command lines that arrived
	looked   func()     // called after a preview was made
}

func (x *thing) do(what string, revision uint64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if revision != 0 && revision != x.revision {
		return &acts.Error{Code: acts.Stale, Text: "the thing has changed"}
	}
	x.revision++
	x.deeds = append(x.deeds, what)
	return nil
}

func (x *thing) tree() *cobra.Command {
	root := cli.NewRoot("d", "a daemon")
	change := &cobra.Command{Use: "change [FILE]", Args: cli.Args(0, 1)}
	names := change.Flags().StringArray("name", nil, "")
	format := cli.OutputFlag(change, cli.FormatTable, cli.FormatJSON)
	confirm := cli.ConfirmFlags(change, format)
	change.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		what := fmt.Sprintf("%q", *names)
		if len(args) == 1 {
			data, err := cli.ReadFile(cmd, args[0])
			if err != nil {
				return err
			}
			what += " " + string(data)
		}
		_, done, err := cli.Perform(cmd, confirm,
			func() (acts.Preview, error) {
				if x.looked != nil {
					defer x.looked()
				}
				x.mu.Lock()
				defer x.mu.Unlock()
				return acts.Preview{Act: "change", Lines: []string{"It will change."}, Revision: x.revision, Asks: !slices.Contains(*names, "harmless")}, nil
			},
			func(revision uint64) (struct{}, error) { return struct{}{}, x.do(what, revision) })
		if done {
			fmt.Fprintln(cmd.OutOrStdout(), "changed")
		}
		return err
	})
	fetch := &cobra.Command{Use: "fetch", Args: cli.Args(0, 0)}
	fetchFormat := cli.OutputFlag(fetch, cli.FormatTable, cli.FormatJSON)
	password := fetch.Flags().String("password-file", "", "")
	fail := fetch.Flags().Bool("fail", false, "")
	fetch.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		secret := ""
		if *password != "" {
			var err error
			if secret, err = cli.ReadPassword(cmd, *password); err != nil {
				return err
			}
		}
		data := append([]byte{0, 1, 0xff}, secret...)
		if *fetchFormat == cli.FormatJSON {
			return cli.WriteJSON(cmd.OutOrStdout(), map[string]any{"about": "it", "data": data})
		}
		if _, err := cmd.OutOrStdout().Write(data); err != nil {
			return err
		}
		if *fail {
			return &acts.Error{Code: acts.NotAllowed, Text: "not you"}
		}
		return nil
	})
	take := &cobra.Command{Use: "take FILE...", Args: cli.Args(1, -1)}
	take.RunE = cli.Act(func(cmd *cobra.Command, args []string) error {
		files, err := cli.ReadFiles(cmd, args)
		for _, f := range files {
			fmt.Fprintf(cmd.OutOrStdout(), "%s=%s\n", f.Name, f.Data)
		}
		return err
	})
	wait := &cobra.Command{Use: "wait", Args: cli.Args(0, 0)}
	wait.RunE = cli.Act(func(cmd *cobra.Command, _ []string) error {
		fmt.Fprintln(cmd.OutOrStdout(), "waiting")
		<-cmd.Context().Done()
		return cmd.Context().Err()
	})
	root.AddCommand(cli.Group("thing", "", cli.Remote(change, cli.OneFile)),
		cli.Remote(fetch, cli.FileFlag("password-file"), cli.OutFile("data:base64"), cli.Binary), cli.Remote(take, cli.ManyFiles), cli.Remote(wait))
	return root
}

// serve runs a daemon with the thing's commands and returns its socket.
func (x *thing) serve(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "cli")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(folder, "s")
	server, err := sshd.ListenUnix(socket, sshd.Config{
		Logger: slog.New(slog.DiscardHandler),
		Command: func(ctx context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
			x.mu.Lock()
			x.lines = append(x.lines, args)
			x.mu.Unlock()
			return cli.Execute(ctx, x.tree(), args, s)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		os.RemoveAll(folder)
	})
	return socket
}

// caller calls the local binary's tree.
type caller struct {
	socket      string
	in          io.Reader
	terminal    *cli.Terminal
	outTerminal bool
	out, errs   bytes.Buffer
}

func (c *caller) call(ctx context.Context, args ...string) int {
	c.out.Reset()
	c.errs.Reset()
	root := (&thing{}).tree()
	forwarder := &cli.Forwarder{Program: "d", Socket: func() (string, error) { return c.socket, nil }, Terminal: c.terminal, OutIsTerminal: c.outTerminal}
	forwarder.Attach(root)
	return cli.Execute(ctx, root, args, sshd.Streams{In: c.in, Out: &c.out, Err: &c.errs})
}

func TestAnActThatAsksIsRefusedWhereNobodyCanAnswer(t *testing.T) {
	x := &thing{revision: 7}
	c := &caller{socket: x.serve(t)}
	if exit := c.call(t.Context(), "thing", "change"); exit != cli.ExitRefused {
		t.Errorf("exit %d", exit)
	}
	want := "It will change.\nd: error: this asks for confirmation: nothing was changed\nd: hint: add --yes to do it\n"
	if c.errs.String() != want || c.out.Len() > 0 || len(x.deeds) > 0 {
		t.Errorf("messages %q, output %q, deeds %q", c.errs.String(), c.out.String(), x.deeds)
	}
	for _, args := range [][]string{{"--yes"}, {"--name=harmless"}, {"--yes", "--revision", "9"}} {
		if exit := c.call(t.Context(), append([]string{"thing", "change"}, args...)...); exit != 0 || c.out.String() != "changed\n" {
			t.Errorf("%q: exit %d, output %q, messages %q", args, exit, c.out.String(), c.errs.String())
		}
	}
	if exit := c.call(t.Context(), "thing", "change", "--yes", "--revision=1"); exit != cli.ExitRefused || !strings.Contains(c.errs.String(), "--dry-run") {
		t.Errorf("stale: exit %d, messages %q", exit, c.errs.String())
	}
	if exit := c.call(t.Context(), "thing", "change", "--dry-run", "-o", "json"); exit != 0 || !strings.Contains(c.out.String(), `"revision": 10`) {
		t.Errorf("dry run: exit %d, output %q", exit, c.out.String())
	}
	if len(x.deeds) != 3 {
		t.Errorf("deeds %q", x.deeds)
	}
}

func TestATerminalIsAskedAndItsAnswerBoundToWhatItSaw(t *testing.T) {
	x := &thing{revision: 7}
	c := &caller{socket: x.serve(t)}
	for answer, exit := range map[string]int{"y\n": 0, "YES\n": 0, "n\n": 4, "\n": 4, "": 4, "yo\n": 4} {
		before := len(x.deeds)
		var screen bytes.Buffer
		c.terminal = &cli.Terminal{In: strings.NewReader(answer), Out: &screen}
		if got := c.call(t.Context(), "thing", "change", "--name", "a"); got != exit {
			t.Errorf("answer %q: exit %d, want %d: %s", answer, got, exit, c.errs.String())
		}
		if screen.String() != "It will change.\nContinue? [y/N] " {
			t.Errorf("the screen shows %q", screen.String())
		}
		if done := len(x.deeds) > before; done != (exit == 0) {
			t.Errorf("answer %q: done %v", answer, done)
		}
	}

	// Somebody else changes the thing while the question stands.
	c.terminal = &cli.Terminal{In: onRead(func() { x.do("meanwhile", 0) }, "y\n"), Out: io.Discard}
	if exit := c.call(t.Context(), "thing", "change"); exit != cli.ExitRefused || !strings.Contains(c.errs.String(), "has changed") {
		t.Errorf("exit %d, messages %q", exit, c.errs.String())
	}
}

// onRead does something before the first byte is read.
func onRead(do func(), text string) io.Reader {
	return io.MultiReader(doReader(do), strings.NewReader(text))
}

type doReader func()

func (d doReader) Read([]byte) (int, error) { d(); return 0, io.EOF }

func TestAnInterruptAtTheQuestionChangesNothing(t *testing.T) {
	x := &thing{revision: 7}
	c := &caller{socket: x.serve(t)}
	ctx, cancel := context.WithCancel(t.Context())
	in, typist := io.Pipe()
	defer typist.Close()
	c.terminal = &cli.Terminal{In: in, Out: writerFunc(func(p []byte) {
		if strings.Contains(string(p), "Continue?") {
			cancel()
		}
	})}
	if exit := c.call(ctx, "thing", "change"); exit != cli.ExitInterrupted || len(x.deeds) > 0 {
		t.Errorf("exit %d, deeds %q", exit, x.deeds)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestFlagsArgumentsAndFilesArriveAsTyped(t *testing.T) {
	x := &thing{}
	c := &caller{socket: x.serve(t)}
	file := filepath.Join(t.TempDir(), "a b.pem")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if exit := c.call(t.Context(), "thing", "change", file, "--yes", "--name", "it's", "--name=a,b", "--name", ""); exit != 0 {
		t.Fatalf("exit %d: %s", exit, c.errs.String())
	}
	if want := `["it's" "a,b" ""] content`; x.deeds[0] != want {
		t.Errorf("done %s, want %s", x.deeds[0], want)
	}
	if line := x.lines[0]; slices.Contains(line, file) {
		t.Errorf("the local path travelled: %q", line)
	}
	if exit := c.call(t.Context(), "thing", "change", file+".missing", "--yes"); exit != cli.ExitNotFound {
		t.Errorf("a missing file: exit %d: %s", exit, c.errs.String())
	}
	if exit := c.call(t.Context(), "thing", "change", filepath.Dir(file), "--yes"); exit != cli.ExitUsage {
		t.Errorf("a folder: exit %d: %s", exit, c.errs.String())
	}
	// A pipe that nobody writes to is empty; waiting for a writer would hang.
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if exit := c.call(t.Context(), "thing", "change", pipe, "--yes"); exit != 0 || x.deeds[len(x.deeds)-1] != `[] ` {
		t.Errorf("a pipe without a writer: exit %d: %s, done %q", exit, c.errs.String(), x.deeds)
	}
}

func TestManyFilesKeepTheirNamesAndStandardInputStaysOne(t *testing.T) {
	c := &caller{socket: (&thing{}).serve(t)}
	folder := t.TempDir()
	a, b := filepath.Join(folder, "a.pem"), filepath.Join(folder, "b.pem")
	for name, text := range map[string]string{a: "A", b: "B"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []struct {
		args []string
		in   string
		want string
		exit int
	}{
		{[]string{a, b}, "", "a.pem=A\nb.pem=B\n", 0},
		{[]string{b}, "", "b.pem=B\n", 0},
		{[]string{"-"}, "piped", "standard input=piped\n", 0},
		{[]string{"-", a}, "piped", "", 2},
	} {
		c.in = strings.NewReader(k.in)
		if exit := c.call(t.Context(), append([]string{"take"}, k.args...)...); exit != k.exit || c.out.String() != k.want {
			t.Errorf("%q: exit %d, output %q, messages %q", k.args, exit, c.out.String(), c.errs.String())
		}
	}
}

func TestOutIsANewPrivateFileOrNone(t *testing.T) {
	x := &thing{}
	c := &caller{socket: x.serve(t), outTerminal: true}
	folder := t.TempDir()
	out, secret := filepath.Join(folder, "out"), filepath.Join(folder, "secret")
	if err := os.WriteFile(secret, []byte("pass\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "\x00\x01\xffpass"
	check := func(step string, exit, wantExit int, content string, files ...string) {
		t.Helper()
		if exit != wantExit {
			t.Errorf("%s: exit %d, want %d: %s", step, exit, wantExit, c.errs.String())
		}
		if data, err := os.ReadFile(out); err != nil && content != "" || string(data) != content {
			t.Errorf("%s: the file holds %q, want %q", step, data, content)
		}
		if info, err := os.Stat(out); err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the file is %v", step, info.Mode().Perm())
		}
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if !slices.Equal(names, files) {
			t.Errorf("%s: the folder holds %q, want %q", step, names, files)
		}
	}

	check("a terminal", c.call(t.Context(), "fetch"), 2, "", "secret")
	check("a failing command", c.call(t.Context(), "fetch", "--out", out, "--fail"), 6, "", "secret")
	check("success", c.call(t.Context(), "fetch", "--out", out, "--password-file", secret), 0, want, "out", "secret")
	check("an existing file", c.call(t.Context(), "fetch", "--out", out), 4, want, "out", "secret")
	check("--force that fails", c.call(t.Context(), "fetch", "--out", out, "--force", "--fail"), 6, want, "out", "secret")
	check("--force", c.call(t.Context(), "fetch", "--out", out, "--force"), 0, want[:3], "out", "secret")
	lines := len(x.lines)
	check("no such folder", c.call(t.Context(), "fetch", "--out", filepath.Join(folder, "no", "out")), 1, want[:3], "out", "secret")
	if len(x.lines) != lines {
		t.Error("the command was sent although its data had no place")
	}
	check("JSON", c.call(t.Context(), "fetch", "--out", out, "--force", "-o", "json", "--password-file", secret), 0, want, "out", "secret")
	if c.out.String() != "{\n  \"about\": \"it\"\n}\n" {
		t.Errorf("standard output has %q", c.out.String())
	}
	check("standard output by name", c.call(t.Context(), "fetch", "--out", "-"), 0, want, "out", "secret")
	if c.out.String() != want[:3] {
		t.Errorf("standard output has %q", c.out.String())
	}
}

func TestAnInterruptEndsTheCommandInTheDaemon(t *testing.T) {
	socket := (&thing{}).serve(t)
	ctx, interrupt := context.WithCancel(t.Context())
	root := (&thing{}).tree()
	(&cli.Forwarder{Program: "d", Socket: func() (string, error) { return socket, nil }}).Attach(root)
	out := writerFunc(func([]byte) { interrupt() }) // once the command runs
	if exit := cli.Execute(ctx, root, []string{"wait"}, sshd.Streams{Out: out, Err: io.Discard}); exit != cli.ExitInterrupted {
		t.Errorf("exit %d", exit)
	}
}

func TestNoDaemonIsSaidWithTheNextStep(t *testing.T) {
	c := &caller{socket: filepath.Join(t.TempDir(), "none")}
	if exit := c.call(t.Context(), "take", "-"); exit != cli.ExitCannotConnect {
		t.Errorf("exit %d", exit)
	}
	if got := c.errs.String(); !strings.Contains(got, "d: hint: is the daemon running? start it with") {
		t.Errorf("messages %q", got)
	}
}

func TestUsageErrorsNeedNoDaemon(t *testing.T) {
	c := &caller{socket: "/nonexistent/socket"}
	for want, args := range map[string][]string{
		`unknown command "thin" for "d"`:             {"thin"},
		`did you mean "thing"?`:                      {"thin", "change"},
		`unknown command "chagne" for "d thing"`:     {"thing", "chagne", "--yes"},
		`did you mean "change"?`:                     {"thing", "chagne"},
		"a command is missing":                       {"thing"},
		"unknown flag: --bogus":                      {"fetch", "--bogus"},
		`unexpected argument "x"`:                    {"fetch", "x"},
		"an argument is missing":                     {"take"},
		"usage: d take FILE...":                      {"take"},
		"use one of table, json":                     {"fetch", "-o", "yaml"},
		`none of the others can be`:                  {"thing", "change", "--yes", "--dry-run"},
		`invalid argument "x" for "--revision" flag`: {"thing", "change", "--revision", "x"},
		`unknown command "bogus"`:                    {"help", "bogus"},
	} {
		if exit := c.call(t.Context(), args...); exit != cli.ExitUsage || !strings.Contains(c.errs.String(), want) || c.out.Len() > 0 {
			t.Errorf("%q: exit %d, messages %q, output %q; want %q", args, exit, c.errs.String(), c.out.String(), want)
		}
	}
}

func TestAnActWithoutQuestionIsBoundToItsPreviewToo(t *testing.T) {
	x := &thing{revision: 7}
	x.looked = func() { x.do("meanwhile", 0) }
	c := &caller{socket: x.serve(t)}
	if exit := c.call(t.Context(), "thing", "change", "--name=harmless"); exit != cli.ExitRefused {
		t.Errorf("exit %d, deeds %q", exit, x.deeds)
	}
}

func TestNoArgumentsAreNotTheProcesssOwn(t *testing.T) {
	own := os.Args
	defer func() { os.Args = own }()
	os.Args = []string{"/usr/bin/d", "help"}
	var out, errs bytes.Buffer
	exit := cli.Execute(t.Context(), (&thing{}).tree(), nil, sshd.Streams{Out: &out, Err: &errs})
	if exit != cli.ExitUsage || !strings.Contains(errs.String(), "a command is missing") {
		t.Errorf("exit %d, messages %q", exit, errs.String())
	}
}

func TestACanceledContextIsAnInterrupt(t *testing.T) {
	if exit := cli.Report(io.Discard, "d", fmt.Errorf("x: %w", context.Canceled)); exit != cli.ExitInterrupted {
		t.Errorf("exit %d", exit)
	}
	if errors.Is(cli.Usagef("x"), context.Canceled) {
		t.Error("a usage error is no interrupt")
	}
}
