package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/sshd"
)

func TestWhoMaySignIn(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	admins, eves, nobodys := n.giveKey(t, "admin"), n.giveKey(t, "eve"), n.giveKey(t, "")
	for _, c := range []struct {
		name   string
		method ssh.AuthMethod
		want   string // the account; empty: nobody is let in
	}{
		{"admin", password(ownersPassword), "admin"},
		{"ADMIN", password(ownersPassword), "admin"},
		{"admin", asked(ownersPassword), "admin"},
		{"admin", ssh.PublicKeys(admins), "admin"},
		{"eve", ssh.PublicKeys(eves), "eve"},
		{"eve", ssh.PublicKeys(admins, eves), "eve"}, // one that is not hers first
		{"admin", password("Wrong-horse-1"), ""},
		{"admin", asked("Wrong-horse-1"), ""},
		{"admin", password(""), ""},
		{"nobody", password(ownersPassword), ""},
		{"nobody", asked(ownersPassword), ""},
		{"", password(ownersPassword), ""},
		{"local", password(ownersPassword), ""},
		{"admin\x00", password(ownersPassword), ""},
		{strings.Repeat("a", 100_000), password(strings.Repeat("b", 100_000)), ""},
		{"admin", ssh.PublicKeys(eves), ""},
		{"admin", ssh.PublicKeys(nobodys), ""},
		{"nobody", ssh.PublicKeys(admins), ""},
	} {
		client, err := n.signIn(t, "127.0.0.1", c.name, c.method)
		if (err == nil) != (c.want != "") {
			t.Errorf("%.20q with %T: %v, want %q", c.name, c.method, err, c.want)
		}
		if err != nil {
			continue
		}
		if got, want := output(t, client, "x"), c.want+" administrator command 127.0.0.1\n"; got != want {
			t.Errorf("%q with %T: the command ran for %q, want %q", c.name, c.method, got, want)
		}
		client.Close()
	}
	eventually(t, "the sessions to end", func() bool { return len(n.table.List()) == 0 })
	if log := n.log.String(); strings.Contains(log, ownersPassword) || strings.Contains(log, "Wrong-horse-1") {
		t.Errorf("a password is in the log:\n%s", log)
	}
}

// claiming offers another's key and signs with its own.
type claiming struct {
	ssh.Signer
	claim ssh.PublicKey
}

func (c claiming) PublicKey() ssh.PublicKey { return c.claim }

// offering is a key that is offered and cannot sign.
type offering struct{ key ssh.PublicKey }

func (o offering) PublicKey() ssh.PublicKey { return o.key }

func (o offering) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	return nil, errors.New("no private half")
}

func TestAnOfferedKeyProvesNothing(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	// Eve knows the administrator's public key and may sign in by her own.
	own, admins := n.giveKey(t, "eve"), n.giveKey(t, "admin")
	claim, offer := claiming{own, admins.PublicKey()}, offering{admins.PublicKey()}
	for _, keys := range [][]ssh.Signer{{claim}, {claim, own}, {own, claim}, {offer, own}, {own, offer}} {
		if client, err := n.signIn(t, "127.0.0.1", "admin", ssh.PublicKeys(keys...)); err == nil {
			t.Errorf("she was let in as the administrator by %T", keys)
			client.Close()
		}
		if len(keys) == 1 {
			continue
		}
		client, err := n.signIn(t, "127.0.0.1", "eve", ssh.PublicKeys(keys...))
		if err != nil {
			t.Errorf("her own key beside another: %v", err)
			continue
		}
		if got := output(t, client, "x"); !strings.HasPrefix(got, "eve ") {
			t.Errorf("the command ran for %q", got)
		}
		if list := n.table.List(); len(list) != 1 || list[0].Account != "eve" || list[0].Key != wire(t, own).Fingerprint {
			t.Errorf("signed in are %+v", list)
		}
		client.Close()
		eventually(t, "the session to end", func() bool { return len(n.table.List()) == 0 })
	}
}

// withdrawals are the ways to take a person's right to sign in away, each with
// what the person signs in with.
func withdrawals(t *testing.T, n *network) map[string]struct {
	method   ssh.AuthMethod
	withdraw func()
} {
	key := n.giveKey(t, "admin")
	return map[string]struct {
		method   ssh.AuthMethod
		withdraw func()
	}{
		"key":                  {ssh.PublicKeys(key), func() { n.takeKey(t, "admin", key) }},
		"password":             {password(ownersPassword), func() { n.setPassword("admin", "Another-horse-2") }},
		"account":              {password(ownersPassword), func() { n.delete("admin") }},
		"account, made again":  {password(ownersPassword), func() { n.delete("admin"); n.create("admin", "Another-horse-2") }},
		"account, disabled":    {password(ownersPassword), func() { n.change("admin", "", func(a *accounts.Account) { a.Disabled = true }) }},
		"key of a disabled":    {ssh.PublicKeys(key), func() { n.change("admin", "", func(a *accounts.Account) { a.Disabled = true }) }},
		"account that has key": {ssh.PublicKeys(key), func() { n.delete("admin") }},
	}
}

func TestWhatIsWithdrawnDuringASignInSignsInNobody(t *testing.T) {
	for what := range withdrawals(t, listen(t, sshd.Network{}, sshd.Config{})) {
		for _, early := range []bool{true, false} { // before the session is on the table, and after
			n := listen(t, sshd.Network{}, sshd.Config{})
			c := withdrawals(t, n)[what]
			withdraw, nothing := sync.OnceFunc(c.withdraw), func() {}
			if early {
				n.when(withdraw, nothing)
			} else {
				n.when(nothing, withdraw)
			}
			client, err := n.signIn(t, "127.0.0.1", "admin", c.method)
			if err == nil { // the handshake was done; nothing is served
				connectionEnds(t, client)
			}
			if client, err := n.signIn(t, "127.0.0.1", "admin", c.method); err == nil {
				t.Errorf("%s: it signs in afterwards", what)
				client.Close()
			}
			eventually(t, "the table to be empty", func() bool { return len(n.table.List()) == 0 })
			if log := n.log.String(); strings.Contains(log, "msg=\"signed in\"") {
				t.Errorf("%s: somebody was signed in:\n%s", what, log)
			}
		}
	}
}

// connectionEnds waits for the server to end a connection.
func connectionEnds(t *testing.T, client *ssh.Client) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	receive(t, ended, "the connection to end")
}

func TestAWithdrawalEndsTheSessionAtOnceAndNothingRunsAfterIt(t *testing.T) {
	for what := range withdrawals(t, listen(t, sshd.Network{}, sshd.Config{})) {
		started, ended := make(chan struct{}, 1), make(chan error, 1)
		n := listen(t, sshd.Network{}, sshd.Config{Command: waits(started, ended)})
		c := withdrawals(t, n)[what]
		client := n.as(t, c.method)
		session, err := client.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := session.Start("wait"); err != nil {
			t.Fatal(err)
		}
		receive(t, started, "the command to start")
		c.withdraw()
		if err := receive(t, ended, "the command to end"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the command ended with %v", what, err)
		}
		connectionEnds(t, client)
		if err := n.end(t); err != nil {
			t.Error(err)
		}
		if len(started) != 0 {
			t.Errorf("%s: a command ran afterwards", what)
		}
	}
}

func TestBackOffIsToldByABannerAndTheLogIsNotFilled(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	n.backOff()
	for _, name := range []string{"admin", "nobody"} {
		for _, method := range []ssh.AuthMethod{password("x"), asked("x")} {
			var told []string
			_, err := n.signInOver(n.connect(t, "127.0.0.1"), name, func(text string) { told = append(told, text) }, method)
			if err == nil {
				t.Fatal("signed in in spite of the back-off")
			}
			if len(told) != 1 || told[0] != "too many attempts, try again in 7 s\r\n" {
				t.Errorf("%s was told %q", name, told)
			}
		}
	}
	for i := range 50 {
		n.signIn(t, "127.0.0.1", fmt.Sprintf("admin\x1b[2J\n%d", i), password("x"))
	}
	log := n.log.String()
	if lines := strings.Count(log, "sign-in refused"); lines < 1 || lines > 10 {
		t.Errorf("%d lines about 54 attempts:\n%s", lines, log)
	}
	if strings.Contains(log, "\x1b") {
		t.Errorf("foreign text reached the log:\n%s", log)
	}
}
