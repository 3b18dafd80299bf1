package sshd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/sshd"
)

func TestEverythingButSessionsIsRefused(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	for door, client := range map[string]*ssh.Client{
		"network": n.as(t, password(ownersPassword)),
		"socket":  dialSSH(t, start(t, sshd.Config{Command: echo}).path),
	} {
		for _, kind := range []string{"direct-tcpip", "direct-streamlocal@openssh.com", "x11", "auth-agent@openssh.com", "tun@openssh.com", "forwarded-tcpip", ""} {
			_, _, err := client.OpenChannel(kind, ssh.Marshal(struct {
				Host       string
				Port       uint32
				Origin     string
				OriginPort uint32
			}{"127.0.0.1", 22, "127.0.0.1", 1}))
			var refused *ssh.OpenChannelError
			if !errors.As(err, &refused) || refused.Reason != ssh.Prohibited {
				t.Errorf("%s: channel %q: %v, want a refusal", door, kind, err)
			}
		}
		for _, request := range []string{"tcpip-forward", "streamlocal-forward@openssh.com", "no-more-sessions@openssh.com", "keepalive@openssh.com"} {
			ok, _, err := client.SendRequest(request, true, nil)
			if err != nil || ok {
				t.Errorf("%s: global request %s: %v, %v; want a refusal", door, request, ok, err)
			}
		}
		channel, requests, err := client.OpenChannel("session", nil)
		if err != nil {
			t.Fatal(err)
		}
		go ssh.DiscardRequests(requests)
		text := func(s string) []byte { return ssh.Marshal(struct{ Text string }{s}) }
		for _, request := range []struct {
			kind    string
			payload []byte
		}{
			{"x11-req", nil}, {"auth-agent-req@openssh.com", nil}, {"xon-xoff", nil}, {"", nil},
			{"subsystem", text("sftp")}, {"subsystem", text("netconf")}, {"subsystem", nil}, // there is no home folder here
			{"pty-req", text("xterm")}, {"window-change", nil}, {"exec", nil}, {"env", nil},
			{"signal", text("INT")}, {"break", nil}, {"exit-status", nil}, // nothing runs yet
		} {
			ok, err := channel.SendRequest(request.kind, true, request.payload)
			if err != nil || ok {
				t.Errorf("%s: session request %s %q: %v, %v; want a refusal", door, request.kind, request.payload, ok, err)
			}
		}
		// None of it has ended the session.
		if ok, err := channel.SendRequest("exec", true, text("status")); err != nil || !ok {
			t.Errorf("%s: exec: %v, %v", door, ok, err)
		}
	}
}

func TestTenThousandRefusedChannelsLeaveNothing(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	client := n.as(t, password(ownersPassword))
	open := func(times int) {
		for range times {
			if _, _, err := client.OpenChannel("direct-tcpip", nil); err == nil {
				t.Fatal("a channel was opened")
			}
		}
	}
	open(100)
	before := heap()
	open(10_000)
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if got := output(t, client, "x"); !strings.HasPrefix(got, "admin ") {
		t.Errorf("afterwards a command says %q", got)
	}
}

// environment prints what a command sees of the client's terminal.
func environment(_ context.Context, _ acts.Actor, args []string, s sshd.Streams) int {
	if s.Terminal == nil {
		fmt.Fprintf(s.Out, "%q no terminal", args)
		return 0
	}
	columns, rows := s.Terminal.Size()
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.Terminal.Env)) {
		env = append(env, name+"="+s.Terminal.Env[name])
	}
	fmt.Fprintf(s.Out, "%q %q %dx%d %q", args, s.Terminal.Name, columns, rows, env)
	return 0
}

func TestATerminalIsWhatTheClientSaysWithinBounds(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{Command: environment})
	client := n.as(t, password(ownersPassword))
	for _, c := range []struct {
		term          string
		columns, rows int
		env           [][2]string
		want          string
	}{
		{"xterm-256color", 132, 50, nil, `"xterm-256color" 132x50 []`},
		{"vt100", 0, 0, nil, `"vt100" 80x24 []`},
		{"vt100", 65535, 65535, nil, `"vt100" 1000x500 []`},
		{"", 1, 1<<32 - 1, nil, `"" 1x500 []`},
		{"x\x1b[2J", 80, 24, nil, `"" 80x24 []`},
		{strings.Repeat("x", 64), 80, 24, nil, `"` + strings.Repeat("x", 64) + `" 80x24 []`},
		{strings.Repeat("x", 65), 80, 24, nil, `"" 80x24 []`},
		{strings.Repeat("x", 200_000), 80, 24, nil, `"" 80x24 []`},
		{"-A../../etc", 80, 24, nil, `"-A../../etc" 80x24 []`},
		{"vt100", 80, 24, [][2]string{{"LANG", "C"}, {"NO_COLOR", "1"}, {"VEDETTE_ASCII", ""}, {"LC_CTYPE", "x"}, {"LC_ALL", "y"}},
			`"vt100" 80x24 ["LANG=C" "LC_ALL=y" "LC_CTYPE=x" "NO_COLOR=1" "VEDETTE_ASCII="]`},
		{"vt100", 80, 24, [][2]string{{"LD_PRELOAD", "/x.so"}, {"TERM", "y"}, {"LANG", "a\nb"}, {"LC_ALL", strings.Repeat("z", 129)}, {"", ""}, {"lang", "C"}},
			`"vt100" 80x24 []`},
	} {
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.RequestPty(c.term, c.rows, c.columns, ssh.TerminalModes{ssh.ECHO: 1}); err != nil {
			t.Fatal(err)
		}
		for _, e := range c.env {
			if err := session.Setenv(e[0], e[1]); (err == nil) != strings.Contains(c.want, `"`+e[0]+"=") {
				t.Errorf("env %s: %v", e[0], err)
			}
		}
		if err := session.RequestPty("second", 1, 1, nil); err == nil {
			t.Error("a second terminal was granted")
		}
		var out bytes.Buffer
		session.Stdout = &out
		if err := session.Shell(); err != nil {
			t.Fatal(err)
		}
		if err := session.Wait(); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), `["menu"] `+c.want; got != want {
			t.Errorf("%.20q: %.200s\nwant %s", c.term, got, want)
		}
	}
	if got := output(t, client, "a b"); got != `["a" "b"] no terminal` {
		t.Errorf("without a terminal: %s", got)
	}
}

func TestATerminalsNameOfAMegabyteEndsTheConnection(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	session, err := n.as(t, password(ownersPassword)).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.RequestPty(strings.Repeat("x", 1<<20), 24, 80, nil); err == nil {
		t.Error("it was granted")
	}
	eventually(t, "the session to end", func() bool { return len(n.table.List()) == 0 })
	if got := output(t, n.as(t, password(ownersPassword)), "x"); got == "" {
		t.Error("the server does not serve any more")
	}
}

func TestWhatIsRefusedLeavesTheCommandRunning(t *testing.T) {
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	n := listen(t, sshd.Network{}, sshd.Config{Command: waits(started, ended)})
	channel, requests, err := n.as(t, password(ownersPassword)).OpenChannel("session", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	ask := func(kind string, payload any) bool {
		t.Helper()
		ok, err := channel.SendRequest(kind, true, ssh.Marshal(payload))
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return ok
	}
	type text struct{ Text string }
	if !ask("exec", text{"wait"}) {
		t.Fatal("exec was refused")
	}
	receive(t, started, "the command to start")
	for _, kind := range []string{"exec", "shell", "subsystem", "pty-req", "env", "window-change"} {
		if ask(kind, text{"sftp"}) {
			t.Errorf("%s was granted beside a command", kind)
		}
	}
	for _, name := range []string{"USR1", "WINCH", "", "INT\x00"} {
		if ask("signal", text{name}) {
			t.Errorf("signal %q was taken", name)
		}
	}
	if len(ended) != 0 {
		t.Fatal("the command has ended")
	}
	if !ask("break", struct{ Milliseconds uint32 }{500}) {
		t.Error("a break was refused")
	}
	receive(t, ended, "the command to end")
}
