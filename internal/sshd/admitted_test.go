package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/sshd"
)

// signedIn signs an account in several times.
func (n *network) signedIn(t *testing.T, name string, times int) []*ssh.Client {
	t.Helper()
	clients := make([]*ssh.Client, times)
	for i := range clients {
		client, err := n.signIn(t, "127.0.4.1", name, password(ownersPassword))
		if err != nil {
			t.Fatalf("connection %d of %s: %v", i+1, name, err)
		}
		t.Cleanup(func() { client.Close() })
		clients[i] = client
	}
	return clients
}

// alive says which connections still answer.
func alive(clients []*ssh.Client) string {
	var text strings.Builder
	for _, c := range clients {
		if _, _, err := c.SendRequest("x", true, nil); err == nil {
			text.WriteByte('+')
		} else {
			text.WriteByte('-')
		}
	}
	return text.String()
}

func TestAnAccountThatTakesEverythingKeepsNobodyOut(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	const most = 256 / 2
	eve := n.signedIn(t, "eve", most)
	var told string
	if _, err := n.signInOver(n.connect(t, "127.0.4.1"), "eve", func(text string) { told += text }, password(ownersPassword)); err == nil ||
		told != fmt.Sprintf("too many connections of the account eve (%d), close some of them\r\n", most) {
		t.Errorf("one more of eve: %v, told %q", err, told)
	}
	if got := output(t, n.as(t, password(ownersPassword)), "x"); got == "" {
		t.Error("the administrator has no answer")
	}
	if got := alive(eve); strings.Contains(got, "-") {
		t.Errorf("room was made while there was some: %s", got)
	}
}

// TestTheAccountWithMostPlacesMakesRoom: its oldest connection without a session
// first, then its oldest; and nobody for an account that would have as many.
func TestTheAccountWithMostPlacesMakesRoom(t *testing.T) {
	started, ended := make(chan struct{}, 2), make(chan error, 2)
	n := listen(t, sshd.Network{Limits: budget.Limits{Admitted: 8}}, sshd.Config{Command: waits(started, ended)})
	eve := n.signedIn(t, "eve", 4)
	for _, i := range []int{0, 2} { // those work
		session, err := eve[i].NewSession()
		if err == nil {
			err = session.Start("x")
		}
		if err != nil {
			t.Fatal(err)
		}
		receive(t, started, "a command of eve's")
	}
	n.create("mallory", ownersPassword)
	mallory := n.signedIn(t, "mallory", 4)
	for _, step := range []struct {
		newcomer, eve, mallory string
		refused                bool
	}{
		{newcomer: "admin", eve: "+-++", mallory: "++++"},
		{newcomer: "admin", eve: "+-++", mallory: "-+++"},
		{newcomer: "admin", eve: "+-++", mallory: "-+++", refused: true}, // three each
		{newcomer: "bob", eve: "+-+-", mallory: "-+++"},
		{newcomer: "carol", eve: "+-+-", mallory: "--++"},
		{newcomer: "dave", eve: "--+-", mallory: "--++"}, // all of eve's work
	} {
		if step.newcomer != "admin" {
			n.create(step.newcomer, ownersPassword)
		}
		client, err := n.signIn(t, "127.0.4.1", step.newcomer, password(ownersPassword))
		if (err != nil) != step.refused {
			t.Fatalf("%+v: %v", step, err)
		}
		if err == nil {
			t.Cleanup(func() { client.Close() })
		}
		eventually(t, fmt.Sprintf("%+v", step), func() bool { return alive(eve) == step.eve && alive(mallory) == step.mallory })
		if err == nil && alive([]*ssh.Client{client}) != "+" {
			t.Fatalf("%+v: the newcomer is gone", step)
		}
	}
	if err := receive(t, ended, "eve's command to end"); !errors.Is(err, context.Canceled) {
		t.Errorf("eve's command ended with %v", err)
	}
	if text := n.log.String(); !strings.Contains(text, "account=eve newcomer=admin") {
		t.Errorf("the log does not say who made room for whom: %s", text)
	}
}

// TestWhoMakesRoomAtATerminalHasItPutBack: it is no reason to leave a person
// with a broken screen.
func TestWhoMakesRoomAtATerminalHasItPutBack(t *testing.T) {
	started := make(chan struct{}, 1)
	n := listen(t, sshd.Network{Limits: budget.Limits{Admitted: 4}}, sshd.Config{Command: func(ctx context.Context, _ acts.Actor, _ []string, s sshd.Streams) int {
		_, out := s.Terminal.Raw()
		started <- struct{}{}
		<-ctx.Done()
		fmt.Fprint(out, "the screen is put back")
		return 0
	}})
	n.create("mallory", ownersPassword)
	n.create("bob", ownersPassword)
	eve := n.signedIn(t, "eve", 2)
	n.signedIn(t, "mallory", 1)
	n.signedIn(t, "bob", 1)
	var sessions [2]*ssh.Session
	var screens [2]*lockedBuffer
	for i, client := range eve {
		sessions[i], _, screens[i] = onTerminal(t, client, "menu")
		receive(t, started, "a menu to start")
	}
	n.signedIn(t, "admin", 1)
	var status *ssh.ExitError
	if err := sessions[0].Wait(); !errors.As(err, &status) || status.ExitStatus() == 0 {
		t.Errorf("the menu ended with %v", err)
	}
	if got := screens[0].String(); got != "the screen is put back" {
		t.Errorf("on the screen: %q", got)
	}
	if got := alive(eve[1:]); got != "+" || screens[1].String() != "" {
		t.Errorf("the other menu: %s, %q", got, screens[1])
	}
}

func TestAConnectionWithoutASessionIsClosed(t *testing.T) {
	const idle = time.Second // also on a busy machine more than a session takes to begin
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	n := listen(t, sshd.Network{}, sshd.Config{Idle: idle, Command: waits(started, ended)})
	local := dialSSH(t, start(t, sshd.Config{Idle: time.Millisecond, Command: echo}).path)
	working := n.as(t, password(ownersPassword))
	session, err := working.NewSession()
	if err == nil {
		err = session.Start("x")
	}
	if err != nil {
		t.Fatal(err)
	}
	receive(t, started, "the command")
	for range 2 {
		began := time.Now()
		connectionEnds(t, n.signedIn(t, "eve", 1)[0])
		if took := time.Since(began); took < idle {
			t.Errorf("it was closed after %v", took)
		}
	}
	if got := alive([]*ssh.Client{working, local}); got != "++" {
		t.Errorf("one that works, and one of this machine: %s", got)
	}
	if text := n.log.String(); strings.Count(text, "a connection without a session was closed") != 2 {
		t.Errorf("log: %s", text)
	}
	session.Close()
	connectionEnds(t, working)
}

func TestSixteenSignInsAtOnceAreAllLetIn(t *testing.T) {
	n := listen(t, sshd.Network{Accounts: realAccounts(t)}, sshd.Config{})
	results := make(chan error, 16)
	for range cap(results) {
		raw := n.connect(t, "127.0.0.1")
		go func() {
			client, err := n.signInOver(raw, "admin", nil, password(ownersPassword))
			if err == nil {
				err = client.Close()
			}
			results <- err
		}()
	}
	for range cap(results) {
		if err := receive(t, results, "a sign-in"); err != nil {
			t.Error(err)
		}
	}
}
