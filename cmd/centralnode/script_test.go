package main

import (
	"context"
	"errors"
	"flag"
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

var update = flag.Bool("update", false, "write what the commands say into the scripts' golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"centralnode": main})
}

const patience = 20 * time.Second

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// A socket's path must be short, and $WORK is long.
			folder, err := os.MkdirTemp("", "cn")
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(folder) })
			env.Setenv("SOCKET", filepath.Join(folder, "s"))
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each program under the race detector waits a second at its end
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"daemon": daemon,
			"await":  await,
			"mode":   mode,
		},
	})
}

// exits runs a program and wants an exit code: exits CODE PROGRAM ARGS...
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

// daemon serves a fake Central Node's commands on $SOCKET: daemon [not-allowed]
func daemon(ts *testscript.TestScript, _ bool, args []string) {
	admin := newFakeAdmin()
	admin.allowed = len(args) == 0
	server, err := sshd.ListenUnix(ts.Getenv("SOCKET"), sshd.Config{
		Command: newCommand(admin, "1.2.3", func() time.Time { return epoch }),
		Logger:  slog.New(slog.DiscardHandler),
	})
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	ts.Defer(func() {
		cancel()
		ts.Check(<-ended)
	})
}

// await waits until something listens on a socket: await PATH
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(patience)
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

// mode wants the mode of files: mode OCTAL PATH...
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
