package cli

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestADoorThatCannotBeOpenedSaysWhatToDo(t *testing.T) {
	s := &source[struct{}]{Program: Program[struct{}]{Word: "sensor", Name: "Sensor"}}
	for _, c := range []struct {
		address string
		err     error
		says    string
	}{
		{":22", syscall.EADDRINUSE, `set ssh_listen = ":2222"`},
		{":22", syscall.EADDRINUSE, "usually held by the server's own sshd"},
		{"192.0.2.1:2222", syscall.EADDRINUSE, "see: ss -ltnp"},
		{":22", syscall.EACCES, "CAP_NET_BIND_SERVICE"},
		{"192.0.2.1:22", syscall.EADDRNOTAVAIL, "ip address"},
	} {
		door := &sshDoorError{c.address, &os.SyscallError{Syscall: "bind", Err: c.err}}
		err := s.explainStart(fmt.Errorf("start: %w", door))
		var told strings.Builder
		if exit := Report(&told, "sensor", err); exit != ExitFailed || !strings.Contains(told.String(), "hint: ") ||
			!strings.Contains(told.String(), c.says) || !strings.Contains(told.String(), "on "+c.address+" (ssh_listen)") {
			t.Errorf("%s, %v: exit %d, %q", c.address, c.err, exit, told.String())
		}
	}
	if err := s.explainStart(&sshDoorError{":22", os.ErrDeadlineExceeded}); !strings.Contains(err.Error(), "ssh_listen") {
		t.Errorf("another cause: %v", err)
	}
}

func TestAPortInUseNamesTheSettingAndHowToSeeWhoHasIt(t *testing.T) {
	s := &source[struct{}]{Program: Program[struct{}]{Word: "central-node", Name: "Central Node"}}
	for network, hint := range map[string][]string{
		"tcp": {"ss -ltnp", "(listen, web_listen, local_listen)"},
		"udp": {"ss -lunp", "[stamp] listen"},
	} {
		err := &net.OpError{Op: "listen", Net: network, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
		var told strings.Builder
		Report(&told, "central-node", s.explainStart(fmt.Errorf("start: %w", err)))
		for _, says := range hint {
			if !strings.Contains(told.String(), says) {
				t.Errorf("%s: %q does not say %q", network, told.String(), says)
			}
		}
	}
}

func TestTheDaemonHasALocaleOfItsOwn(t *testing.T) {
	for _, name := range []string{"LANG", "LC_ALL", "LC_CTYPE", "COLORTERM", "TCELL_TRUECOLOR", "NO_COLOR"} {
		t.Setenv(name, "ru_RU.KOI8-R")
	}
	if err := neutralize(); err != nil {
		t.Fatal(err)
	}
	if got := os.Getenv("LANG"); got != "C.UTF-8" {
		t.Errorf("LANG is %q", got)
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "COLORTERM", "TCELL_TRUECOLOR", "NO_COLOR"} {
		if value, ok := os.LookupEnv(name); ok {
			t.Errorf("%s is %q", name, value)
		}
	}
}
