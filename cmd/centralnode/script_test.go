package main

import (
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/sshd"
)

var update = flag.Bool("update", false, "write what the commands say into the scripts' golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"centralnode": main})
}

// TestScripts serves a fake Central Node's commands as daemon [not-allowed].
func TestScripts(t *testing.T) {
	clitest.Scripts(t, *update, func(args []string) sshd.Command {
		admin := newFakeAdmin()
		admin.allowed = len(args) == 0
		return newCommand(admin, "1.2.3", slog.New(slog.DiscardHandler), func() time.Time { return epoch })
	}, nil)
}
