package sshd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/budget"
	"vedette/internal/kv"
	"vedette/internal/sshd"
)

// counting counts the passwords that are really looked at.
type counting struct {
	*accounts.Accounts
	asked, evaluated atomic.Int64
}

func (c *counting) Verify(ctx context.Context, name, password string, from netip.Addr) (accounts.Account, error) {
	a, err := c.Accounts.Verify(ctx, name, password, from)
	c.asked.Add(1)
	var backoff *accounts.BackoffError
	if !errors.As(err, &backoff) {
		c.evaluated.Add(1)
	}
	return a, err
}

// realAccounts is a store with the account admin, in which time stands still.
func realAccounts(t *testing.T) *accounts.Accounts {
	t.Helper()
	store, err := kv.Open(filepath.Join(t.TempDir(), "state.db"), kv.Options{Program: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	a := accounts.New(store, func() time.Time { return now })
	if _, err := a.Create(t.Context(), "admin", string(acts.LocalAdministrator), ownersPassword, accounts.Own); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTenThousandGuessesDoNotKeepTheOwnerOut(t *testing.T) {
	const guesses, most = 10_000, 20
	checked := &counting{Accounts: realAccounts(t)}
	n := listen(t, sshd.Network{Accounts: checked}, sshd.Config{})

	var guessed atomic.Int64
	half := make(chan struct{})
	var attackers sync.WaitGroup
	for range 8 {
		attackers.Go(func() {
			for guessed.Load() < guesses {
				guess(t, n, func() string {
					i := guessed.Add(1)
					if i == guesses/2 {
						close(half)
					}
					return fmt.Sprintf("Guess-horse-%d", i)
				})
			}
		})
	}
	defer attackers.Wait()
	defer guessed.Store(guesses)
	select {
	case <-half:
	case <-time.After(5 * time.Minute): // each costs both sides a handshake
		t.Fatal("waited in vain for half of the guesses")
	}
	before := time.Now()
	client, err := n.signIn(t, "127.0.0.2", "admin", password(ownersPassword))
	if err != nil {
		t.Fatalf("the owner is kept out: %v", err)
	}
	t.Logf("the owner was let in after %v", time.Since(before).Round(time.Millisecond))
	attackers.Wait()
	if got := output(t, client, "x"); got != "admin local-administrator command 127.0.0.2\n" {
		t.Errorf("the owner's command said %q", got)
	}
	client.Close()
	if asked, evaluated := checked.asked.Load(), checked.evaluated.Load()-1; asked < guesses || evaluated > most || evaluated < 1 {
		t.Errorf("of %d guesses %d were evaluated, want at most %d", asked-1, evaluated, most)
	}
}

// guess uses up the attempts of one connection.
func guess(t *testing.T, n *network, next func() string) {
	raw, err := net.Dial("tcp", "127.0.0.1:"+n.port())
	if err != nil {
		t.Error(err)
		return
	}
	defer raw.Close()
	_, _, _, err = ssh.NewClientConn(raw, "", &ssh.ClientConfig{
		// The quick exchange: it is the attempts that count here.
		Config: ssh.Config{KeyExchanges: []string{ssh.KeyExchangeCurve25519}},
		User:   "admin", HostKeyCallback: ssh.FixedHostKey(n.key),
		Auth: []ssh.AuthMethod{ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) { return next(), nil }), 3)},
	})
	if err == nil {
		t.Error("a guess was right")
	}
}

func TestHalfOpenStrangersDoNotKeepAnAdministratorOut(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	const strangers, addresses = 1000, 25
	for i := range strangers {
		raw := n.connect(t, fmt.Sprintf("127.0.1.%d", 1+i%addresses))
		if i%3 == 0 { // some say a word
			if _, err := io.WriteString(raw, "SSH-2.0-nobody\r\n"); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
		}
	}
	before := time.Now()
	client := n.as(t, password(ownersPassword))
	// Strangers go after 20 seconds; nobody waits for that.
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("signing in took %v", took)
	}
	if got := output(t, client, "x"); got == "" {
		t.Error("no answer")
	}
}

func TestPlacesAreBounded(t *testing.T) {
	n := listen(t, sshd.Network{Limits: budget.Limits{Admitted: 2, Strangers: 6, PerAddress: 2}}, sshd.Config{})
	closed := func(raw net.Conn) bool {
		raw.SetReadDeadline(time.Now().Add(patience))
		_, err := io.Copy(io.Discard, raw)
		return err == nil || errors.Is(err, syscall.ECONNRESET)
	}
	open := func(raw net.Conn) bool { // the server's version has come
		raw.SetReadDeadline(time.Now().Add(patience))
		_, err := io.ReadFull(raw, make([]byte, len("SSH-2.0-")))
		return err == nil
	}
	var crowd []net.Conn
	for i := range 6 {
		raw := n.connect(t, fmt.Sprintf("127.0.1.%d", 1+i/2))
		if !open(raw) {
			t.Fatalf("stranger %d was refused", i)
		}
		crowd = append(crowd, raw)
	}
	if !closed(n.connect(t, "127.0.1.1")) {
		t.Error("a third stranger of one address was served")
	}
	// Somebody from elsewhere gets the place of the oldest in a crowd.
	first := n.connect(t, "127.0.2.1")
	if !open(first) || !closed(crowd[0]) {
		t.Error("no room was made for somebody from elsewhere")
	}
	// Those signed in have places of their own, and not without end.
	n.create("bob", ownersPassword)
	one := n.as(t, password(ownersPassword))
	n.signedIn(t, "eve", 1)
	for name, want := range map[string]string{
		"bob": "too many administrators are signed in, try again later\r\n",
		"eve": "too many connections of the account eve (1), close some of them\r\n",
	} {
		var told string
		_, err := n.signInOver(n.connect(t, "127.0.3.1"), name, func(text string) { told += text }, password(ownersPassword))
		if err == nil || told != want {
			t.Errorf("%s as the third: %v, told %q", name, err, told)
		}
	}
	one.Close()
	eventually(t, "a place among those signed in", func() bool {
		client, err := n.signIn(t, "127.0.3.1", "bob", password(ownersPassword))
		if err == nil {
			client.Close()
		}
		return err == nil
	})
}

func TestAStrangersTimeIsBounded(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{Handshake: 100 * time.Millisecond})
	for name, say := range map[string]string{"silent": "", "slow": "SSH-2.0-slow\r\n"} {
		raw := n.connect(t, "127.0.0.1")
		if _, err := io.WriteString(raw, say); err != nil {
			t.Fatal(err)
		}
		raw.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, raw); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a %s stranger was not dropped: %v", name, err)
		}
	}
}

// blocking checks passwords for ever.
type blocking struct {
	*directory
	begun, ended chan struct{}
}

func (b blocking) Verify(ctx context.Context, _, _ string, _ netip.Addr) (accounts.Account, error) {
	b.begun <- struct{}{}
	<-ctx.Done()
	b.ended <- struct{}{}
	return accounts.Account{}, ctx.Err()
}

func TestAStrangerWhoLeavesEndsTheCheck(t *testing.T) {
	checks := blocking{newDirectory(), make(chan struct{}, 1), make(chan struct{}, 1)}
	n := listen(t, sshd.Network{Accounts: checks}, sshd.Config{Handshake: time.Hour})
	for _, leave := range []func(net.Conn){
		func(c net.Conn) { c.Close() },
		func(c net.Conn) { c.(*net.TCPConn).CloseWrite() },
		func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() },
	} {
		raw := n.connect(t, "127.0.0.1")
		refused := make(chan error, 1)
		go func() {
			_, err := n.signInOver(raw, "admin", nil, password("x"))
			refused <- err
		}()
		receive(t, checks.begun, "the check")
		leave(raw)
		receive(t, checks.ended, "the check's end")
		if receive(t, refused, "the client") == nil {
			t.Error("somebody who left was let in")
		}
	}
}

// hugeKey is an RSA key of 16384 bits, the most that the library reads, with
// the slowest exponent. Nobody has its private half.
func hugeKey(t *testing.T) ssh.PublicKey {
	t.Helper()
	n := new(big.Int).Lsh(big.NewInt(1), 16384)
	key, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type string
		E, N *big.Int
	}{ssh.KeyAlgoRSA, big.NewInt(1<<24 - 1), n.Sub(n, big.NewInt(1))}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAHugeKeyCostsLittle(t *testing.T) {
	n := listen(t, sshd.Network{}, sshd.Config{})
	key := hugeKey(t)
	const rounds, most = 10, 50 * time.Millisecond
	before := processorTime(t)
	for range rounds {
		if _, err := n.signIn(t, "127.0.0.1", "admin", ssh.PublicKeys(offering{key})); err == nil {
			t.Fatal("a key that nobody has was let in")
		}
	}
	offered := (processorTime(t) - before) / rounds
	// A client of ours does not sign with a key that was refused; another may,
	// and the library then looks at one signature.
	junk := &ssh.Signature{Format: ssh.KeyAlgoRSASHA512, Blob: make([]byte, 2048)}
	before = processorTime(t)
	for range rounds {
		if key.Verify([]byte("signed"), junk) == nil {
			t.Fatal("junk is a signature")
		}
	}
	checked := (processorTime(t) - before) / rounds
	t.Logf("a connection that offers it costs %v of CPU on both sides, a signature %v", offered, checked)
	if offered+checked > most {
		t.Errorf("a stranger with a huge key costs %v of CPU, want at most %v", offered+checked, most)
	}
}

// processorTime is the CPU that this process has used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
