package sshd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/sshd"
)

// answering answers keyboard-interactive by the words of the prompts, and
// remembers them.
type answering struct {
	answers map[string]string

	mu    sync.Mutex // guards asked
	asked []string
}

func (a *answering) method() ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
		var out []string
		a.mu.Lock()
		defer a.mu.Unlock()
		for i, q := range questions {
			a.asked = append(a.asked, fmt.Sprint(q, echos[i]))
			out = append(out, a.answers[q])
		}
		return out, nil
	})
}

func (a *answering) prompts() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := a.asked
	a.asked = nil
	return asked
}

func answers(password, code string) *answering {
	return &answering{answers: map[string]string{"Password: ": password, "Verification code: ": code}}
}

const (
	askedPassword = "Password: false"
	askedCode     = "Verification code: true"
)

func TestASecondFactorIsAskedForAfterTheRightPassword(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	n.secondFactor("admin", "")
	key := n.giveKey(t, "admin")
	for _, c := range []struct {
		name           string
		password, code string
		byPassword     bool // the method password is tried first
		asked          []string
		in             bool
	}{
		{"admin", ownersPassword, "123456", false, []string{askedPassword, askedCode}, true},
		{"admin", ownersPassword, "123456", true, []string{askedCode}, true},
		{"admin", ownersPassword, "654321", false, []string{askedPassword, askedCode}, false},
		{"admin", ownersPassword, "", true, []string{askedCode}, false},
		{"admin", "Wrong-horse-1", "123456", false, []string{askedPassword}, false},
		{"admin", "Wrong-horse-1", "123456", true, []string{askedPassword}, false},
		{"nobody", ownersPassword, "123456", false, []string{askedPassword}, false},
		{"nobody", ownersPassword, "123456", true, []string{askedPassword}, false},
		{"eve", ownersPassword, "123456", false, []string{askedPassword}, true}, // she has none
		{"eve", ownersPassword, "123456", true, nil, true},
	} {
		n.secondFactor("admin", "123456")
		a := answers(c.password, c.code)
		methods := []ssh.AuthMethod{a.method()}
		if c.byPassword {
			methods = append([]ssh.AuthMethod{password(c.password)}, methods...)
		}
		client, err := n.signIn(t, "127.0.0.1", c.name, methods...)
		if (err == nil) != c.in || !slices.Equal(a.prompts(), c.asked) {
			t.Errorf("%+v: %v; asked for %q", c, err, a.asked)
		}
		if err == nil {
			if got := output(t, client, "x"); !strings.HasPrefix(got, c.name+" ") {
				t.Errorf("%+v: %q", c, got)
			}
			client.Close()
		}
	}
	// A key is something that one has.
	client, err := n.signIn(t, "127.0.0.1", "admin", ssh.PublicKeys(key))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if client, err := n.signIn(t, "127.0.0.1", "admin", password(ownersPassword)); err == nil {
		t.Error("the password alone signs in")
		client.Close()
	}
	log := n.log.String()
	if !strings.Contains(log, "the password was right, the code was not") || strings.Contains(log, "123456") || strings.Contains(log, "654321") {
		t.Errorf("log:\n%s", log)
	}
}

// TestBeforeTheRightPasswordNothingTellsWhoHasASecondFactor compares all that a
// stranger is told.
func TestBeforeTheRightPasswordNothingTellsWhoHasASecondFactor(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	n.secondFactor("admin", "123456")
	told := func(name string) string {
		a := answers("Wrong-horse-1", "123456")
		_, err := n.signIn(t, "127.0.0.1", name, password("Wrong-horse-1"), a.method())
		return fmt.Sprint(err, a.prompts())
	}
	for _, name := range []string{"eve", "nobody"} {
		if a, b := told("admin"), told(name); a != b {
			t.Errorf("admin is told %q, %s %q", a, name, b)
		}
	}
}

func TestTooManyCodesAreToldByABanner(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	n.secondFactor("admin", "123456")
	n.when(n.backOff, func() {}) // once the password was found right
	var told []string
	a := answers(ownersPassword, "000000")
	if _, err := n.signInOver(n.connect(t, "127.0.0.1"), "admin", func(text string) { told = append(told, text) }, a.method()); err == nil {
		t.Fatal("signed in")
	}
	if len(told) != 1 || told[0] != "too many attempts, try again in 7 s\r\n" {
		t.Errorf("told %q", told)
	}
}

// TestWhatChangesWhileACodeIsTypedSignsInNobody changes the account between the
// password and the code.
func TestWhatChangesWhileACodeIsTypedSignsInNobody(t *testing.T) {
	for name, change := range map[string]func(*accounts.Account){
		"password": func(a *accounts.Account) { a.Changed = a.Changed.Add(1) },
		"role":     func(a *accounts.Account) { a.Role = "other" },
		"disabled": func(a *accounts.Account) { a.Disabled = true },
	} {
		for _, byPassword := range []bool{true, false} {
			n := listen(t, sshd.Network{}, sshd.Config{})
			n.secondFactor("admin", "123456")
			n.when(sync.OnceFunc(func() { n.change("admin", "", change) }), func() {})
			methods := []ssh.AuthMethod{answers(ownersPassword, "123456").method()}
			if byPassword {
				methods = append([]ssh.AuthMethod{password(ownersPassword)}, methods...)
			}
			if client, err := n.signIn(t, "127.0.0.1", "admin", methods...); err == nil {
				t.Errorf("%s: signed in", name)
				client.Close()
			}
		}
	}
}

// TestOpenSSHAsksForTheCode has the usual client sign in, by either method.
func TestOpenSSHAsksForTheCode(t *testing.T) {
	d := newDesk(t, echo)
	asked := filepath.Join(d.dir, "asked")
	d.file(t, "askpass", fmt.Sprintf(`#!/bin/sh
echo "$1" >> %s
case "$1" in
*"Verification code: ") echo 123456 ;;
*) echo '%s' ;;
esac
`, asked, ownersPassword), 0o700)
	for _, methods := range []string{"keyboard-interactive", "password,keyboard-interactive"} {
		d.secondFactor("admin", "123456")
		args := append(slices.Clone(d.ssh), "-p", d.port(), "-o", "PreferredAuthentications="+methods, "admin@127.0.0.1", "x")
		if got := d.tool(t, 1, "ssh", args...); !strings.HasPrefix(got.out, "admin ") {
			t.Errorf("%s: %+v", methods, got)
		}
		text, err := os.ReadFile(asked)
		if err != nil {
			t.Fatal(err)
		}
		prompts := strings.Split(strings.TrimSpace(string(text)), "\n")
		if len(prompts) != 2 || !strings.Contains(strings.ToLower(prompts[0]), "password:") || !strings.Contains(prompts[1], "Verification code:") {
			t.Errorf("%s: asked for %q", methods, prompts)
		}
		if err := os.Remove(asked); err != nil {
			t.Fatal(err)
		}
	}
	d.secondFactor("admin", "999999")
	args := append(slices.Clone(d.ssh), "-p", d.port(), "-o", "PreferredAuthentications=keyboard-interactive,password", "admin@127.0.0.1", "x")
	if got := d.tool(t, 255, "ssh", args...); !strings.Contains(got.errs, "Permission denied") {
		t.Errorf("a wrong code: %+v", got)
	}
	d.tool(t, 1, "ssh", append(slices.Clone(d.ssh), "-i", d.mine, "-p", d.port(), "-o", "PreferredAuthentications=publickey", "admin@127.0.0.1", "x")...)
}
