package clitest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vedette/internal/sshd"
)

// Scripts runs the scripts of testdata/script. They find a path for a socket in
// $SOCKET. update writes what the commands say into their golden files.
//
// Beside the usual ones a script has these commands:
//
//	exits CODE PROGRAM ARGS...   runs a program and wants an exit code
//	daemon ARGS...               serves command(ARGS) on $SOCKET
//	await PATH                   waits until something listens on a socket
//	mode OCTAL PATH...           wants the mode of files
//
// and cmds.
func Scripts(t *testing.T, update bool, command func(args []string) sshd.Command, cmds map[string]func(*testscript.TestScript, bool, []string)) {
	t.Helper()
	all := map[string]func(*testscript.TestScript, bool, []string){
		"exits": exits,
		"daemon": func(ts *testscript.TestScript, _ bool, args []string) {
			serve(ts, command(args))
		},
		"await": await,
		"mode":  mode,
	}
	for name, cmd := range cmds {
		all[name] = cmd
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// A socket's path must be short, and $WORK is long.
			folder, err := os.MkdirTemp("", "v")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(folder) })
			env.Setenv("SOCKET", filepath.Join(folder, "s"))
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each program under the race detector waits a second at its end
			return nil
		},
		Cmds: all,
	})
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var status *exec.ExitError
		if !errors.As(err, &status) {
			ts.Fatalf("%v", err)
		}
		got = status.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func serve(ts *testscript.TestScript, command sshd.Command) {
	server, err := sshd.ListenUnix(ts.Getenv("SOCKET"), sshd.Config{Command: command, Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	ts.Defer(func() {
		cancel()
		ts.Check(<-ended)
	})
}

func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(Patience)
	for {
		conn, err := net.Dial("unix", args[0])
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nobody listens on %s: %v", args[0], err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func mode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := info.Mode().Perm(); got != os.FileMode(want) {
			ts.Fatalf("%s has mode %o, want %o", name, got, want)
		}
	}
}
