package sshd_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/sessions"
	"vedette/internal/sshd"
	"vedette/internal/sshd/sshkey"
)

// directory is a list of accounts whose checks cost nothing. Like the acts on
// accounts it ends the sessions of those from whom it takes something away.
type directory struct {
	table *sessions.Table

	mu        sync.Mutex // guards what follows
	accounts  map[string]accounts.Account
	passwords map[string]string
	codes     map[string]string // of second factors, each taken once
	slowed    bool              // too many wrong attempts were made
	checked   func()            // called after a password or key was found right
	get       func()            // called before an account is read again
}

const ownersPassword = "Correct-horse-1"

// newDirectory has the accounts "admin" and "eve", both with ownersPassword.
func newDirectory() *directory {
	d := &directory{
		table: sessions.NewTable(), accounts: map[string]accounts.Account{}, passwords: map[string]string{}, codes: map[string]string{},
		checked: func() {}, get: func() {},
	}
	d.create("admin", ownersPassword)
	d.create("eve", ownersPassword)
	return d
}

func (d *directory) create(name, password string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accounts[name] = accounts.Account{Name: name, Role: "administrator", Changed: time.Now()}
	d.passwords[name] = password
}

func (d *directory) Verify(ctx context.Context, name, password string, _ netip.Addr) (accounts.Account, error) {
	return d.check(name, func(a accounts.Account) error {
		if d.slowed {
			return &accounts.BackoffError{Wait: 6100 * time.Millisecond}
		}
		if d.passwords[a.Name] != password {
			return accounts.ErrRefused
		}
		return ctx.Err()
	})
}

func (d *directory) VerifyCode(ctx context.Context, name, code string, _ netip.Addr) (accounts.Account, error) {
	return d.check(name, func(a accounts.Account) error {
		if d.slowed {
			return &accounts.BackoffError{Wait: 6100 * time.Millisecond}
		}
		if !a.SecondFactor || code == "" || d.codes[a.Name] != code {
			return accounts.ErrRefused
		}
		delete(d.codes, a.Name)
		return ctx.Err()
	})
}

func (d *directory) VerifyKey(_ context.Context, name string, key sshkey.Key) (accounts.Account, error) {
	return d.check(name, func(a accounts.Account) error {
		if !slices.ContainsFunc(a.Keys, func(k accounts.Key) bool { return string(k.Blob) == string(key.Blob) }) {
			return accounts.ErrRefused
		}
		return nil
	})
}

// check returns an account if it is right, which it asks also of none.
func (d *directory) check(name string, right func(accounts.Account) error) (accounts.Account, error) {
	d.mu.Lock()
	a, ok := d.accounts[strings.ToLower(name)]
	err, checked := right(a), d.checked
	d.mu.Unlock()
	if err == nil && (!ok || a.Disabled) {
		err = accounts.ErrRefused
	}
	if err != nil {
		return accounts.Account{}, err
	}
	checked()
	return a, nil
}

// backOff has every password refused for too many wrong attempts.
func (d *directory) backOff() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slowed = true
}

func (d *directory) Get(_ context.Context, name string) (accounts.Account, error) {
	d.mu.Lock()
	get := d.get
	d.mu.Unlock()
	get()
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.accounts[name]
	if !ok {
		return accounts.Account{}, accounts.ErrNotFound
	}
	return a, nil
}

// change changes an account and ends what was signed in with what is gone.
func (d *directory) change(name, key string, do func(*accounts.Account)) {
	d.mu.Lock()
	a := d.accounts[name]
	do(&a)
	d.accounts[name] = a
	d.mu.Unlock()
	d.table.End(name, key, 0)
}

func (d *directory) setPassword(name, password string) {
	d.change(name, "", func(a *accounts.Account) { a.Changed = a.Changed.Add(time.Hour); d.passwords[name] = password })
}

// secondFactor asks somebody for a code beside the password.
func (d *directory) secondFactor(name, code string) {
	d.change(name, "none", func(a *accounts.Account) { a.SecondFactor = true; d.codes[name] = code })
}

func (d *directory) delete(name string) {
	d.mu.Lock()
	delete(d.accounts, name)
	d.mu.Unlock()
	d.table.End(name, "", 0)
}

// when has something done after a proof, or before an account is read again.
func (d *directory) when(checked, get func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checked, d.get = checked, get
}

// giveKey makes a key and lets it sign in as somebody; "": as nobody.
func (d *directory) giveKey(t testing.TB, name string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		key := wire(t, signer)
		d.change(name, "none", func(a *accounts.Account) { a.Keys = append(a.Keys, accounts.Key{Key: key}) })
	}
	return signer
}

// addKey lets a key sign in as somebody that is given as ssh-keygen writes it.
func (d *directory) addKey(t testing.TB, name, text string) {
	t.Helper()
	key, err := sshkey.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	d.change(name, "none", func(a *accounts.Account) { a.Keys = append(a.Keys, accounts.Key{Key: key}) })
}

func (d *directory) takeKey(t testing.TB, name string, signer ssh.Signer) {
	t.Helper()
	key := wire(t, signer)
	d.change(name, key.Fingerprint, func(a *accounts.Account) {
		a.Keys = slices.DeleteFunc(slices.Clone(a.Keys), func(k accounts.Key) bool { return k.Fingerprint == key.Fingerprint })
	})
}

func wire(t testing.TB, signer ssh.Signer) sshkey.Key {
	t.Helper()
	key, err := sshkey.FromWire(signer.PublicKey().Marshal())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// network is a server on the network, on every address of this machine's own.
type network struct {
	*running
	*directory
	key ssh.PublicKey // the host's
}

func listen(t testing.TB, n sshd.Network, cfg sshd.Config) *network {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	d := newDirectory()
	n.HostKey = private
	if n.Address == "" {
		n.Address = "0.0.0.0:0"
	}
	if n.Accounts == nil {
		n.Accounts = d
	}
	if cfg.Sessions == nil {
		cfg.Sessions = d.table
	}
	if cfg.Command == nil {
		cfg.Command = echo
	}
	r := run(t, cfg, func(cfg sshd.Config) (*sshd.Server, error) { return sshd.Listen(n, cfg) })
	return &network{r, d, host}
}

func (n *network) port() string {
	_, port, _ := net.SplitHostPort(n.Addr().String())
	return port
}

// connect makes a TCP connection from an address of this machine.
func (n *network) connect(t testing.TB, from string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	raw, err := dialer.Dial("tcp", net.JoinHostPort("127.0.0.1", n.port()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return raw
}

// signIn signs in with the SSH library.
func (n *network) signIn(t testing.TB, from, name string, methods ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	return n.signInOver(n.connect(t, from), name, nil, methods...)
}

// signInOver signs in over a connection that is there; banner may be nil.
func (n *network) signInOver(raw net.Conn, name string, banner func(string), methods ...ssh.AuthMethod) (*ssh.Client, error) {
	conn, channels, requests, err := ssh.NewClientConn(raw, "", &ssh.ClientConfig{
		User: name, Auth: methods, HostKeyCallback: ssh.FixedHostKey(n.key),
		BannerCallback: func(text string) error {
			if banner != nil {
				banner(text)
			}
			return nil
		},
	})
	if err != nil {
		raw.Close()
		return nil, err
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// as signs in as admin, from 127.0.0.1.
func (n *network) as(t testing.TB, methods ...ssh.AuthMethod) *ssh.Client {
	t.Helper()
	client, err := n.signIn(t, "127.0.0.1", "admin", methods...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func password(p string) ssh.AuthMethod { return ssh.Password(p) }

func asked(p string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if !slices.Equal(questions, []string{"Password: "}) || !slices.Equal(echos, []bool{false}) {
			return nil, errors.New("other questions than for a password")
		}
		return []string{p}, nil
	})
}

// output runs a command and returns what it printed.
func output(t testing.TB, client *ssh.Client, line string) string {
	t.Helper()
	session, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.Output(line)
	var status *ssh.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return string(out)
}

// eventually polls until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
