package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/agent/simulate"
	"vedette/internal/acts"
)

// dial opens an SSH connection from an address of this machine. Banners go to
// told; nil: nowhere.
func (k *desk) dial(from, user string, told func(string), methods ...ssh.AuthMethod) (*ssh.Client, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 20 * time.Second}
	raw, err := dialer.Dial("tcp", k.daemon.ssh)
	if err != nil {
		return nil, err
	}
	conn, channels, requests, err := ssh.NewClientConn(raw, "", &ssh.ClientConfig{
		// The quick exchange: it is not what is measured.
		Config: ssh.Config{KeyExchanges: []string{ssh.KeyExchangeCurve25519}},
		User:   user, Auth: methods,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if got := ssh.FingerprintSHA256(key); got != k.hostKey {
				return fmt.Errorf("another host key: %s", got)
			}
			return nil
		},
		BannerCallback: func(text string) error {
			if told != nil {
				told(text)
			}
			return nil
		},
	})
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// cpu is the processor time that a process has used.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, proc(5)
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// guessing is an attack on the password of one account.
type guessing struct {
	asked, braked, right atomic.Int64 // guesses; those answered with a time to wait; those let in
	connections          atomic.Int64
}

// attack makes so many guesses over connections in parallel.
func (g *guessing) attack(k *desk, guesses int64, from, user string, half chan<- struct{}) {
	var all sync.WaitGroup
	defer all.Wait()
	for range 8 {
		all.Go(func() {
			for g.asked.Load() < guesses {
				client, err := k.dial(from, user,
					func(text string) {
						if strings.HasPrefix(text, "too many attempts, try again in ") {
							g.braked.Add(1)
						}
					},
					ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) {
						i := g.asked.Add(1)
						if i == guesses/2 {
							close(half)
						}
						return fmt.Sprintf("Guess-horse-%d", i), nil
					}), 3))
				g.connections.Add(1)
				if err == nil {
					g.right.Add(1)
					_ = client.Close()
				}
			}
		})
	}
}

// TestTenThousandGuessesCostOthersNothing guesses at the password of a real
// Sensor that carries agents.
func TestTenThousandGuessesCostOthersNothing(t *testing.T) {
	const guesses, most = 10_000, 20
	const slow = 20 * time.Second // even on a busy machine; behind the guesses it would be minutes
	n := newNode(t, unsafeSameServer)
	s, k := sensorWithDoor(t)
	s.join(n)
	acks, stop := loadWith(t, s.daemon, simulate.Config{Agents: 2, Rate: 20, EventsPerPackage: 4, Timeout: 5 * time.Second, Backoff: 500 * time.Millisecond})
	eventually(t, 20*time.Second, "packages are taken", func() bool { return acks.count() > 5 })
	// What looking at one password costs the daemon.
	before := k.cpu()
	const looks = 4
	for range looks {
		client, err := k.dial("127.0.0.3", "admin", nil, ssh.Password(k.password))
		if err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
	}
	look := (k.cpu() - before) / looks

	var g guessing
	half, done := make(chan struct{}), make(chan struct{})
	begun, spent := time.Now(), k.cpu()
	go func() { defer close(done); g.attack(k, guesses, "127.0.0.1", "admin", half) }()
	select {
	case <-half:
	case <-time.After(busy * time.Minute):
		t.Fatalf("only %d guesses in %v", g.asked.Load(), busy*time.Minute)
	}
	// The owner comes from elsewhere, with ssh and the password.
	acked := acks.count()
	owner := time.Now()
	o := k.doLine("", k.lineByPassword("ssh", "-o", "BindAddress=127.0.0.2", "admin@HOST", "status"))
	took := time.Since(owner)
	if o.code != 0 || !strings.Contains(o.out, "Administrators connect to") || took > slow {
		t.Errorf("the owner: exit %d after %v, %s", o.code, took, o.err)
	}
	// So does somebody with a key, from the guesser's own address, and the console.
	if o := k.command("status"); o.code != 0 {
		t.Errorf("a key: exit %d, %s", o.code, o.err)
	}
	console := time.Now()
	s.must("certificate", "show")
	if waited := time.Since(console); waited > slow {
		t.Errorf("the console took %v", waited)
	}
	eventually(t, 10*time.Second, "agents are served", func() bool { return acks.count() > acked+5 })
	<-done
	elapsed, used := time.Since(begun), k.cpu()-spent

	evaluated := g.asked.Load() - g.braked.Load()
	t.Logf("%d guesses over %d connections in %v, the daemon's CPU %v; a look at a password costs %v; %d were looked at; the owner was in after %v",
		g.asked.Load(), g.connections.Load(), elapsed.Round(time.Millisecond), used, look, evaluated, took.Round(time.Millisecond))
	if g.right.Load() != 0 || g.asked.Load() < guesses || evaluated < 1 || evaluated > most {
		t.Errorf("of %d guesses %d were looked at, want at most %d; %d were let in", g.asked.Load(), evaluated, most, g.right.Load())
	}
	// Those that got a time to wait cannot have been looked at: that would have cost more.
	if all := look * time.Duration(guesses); used > all/20 {
		t.Errorf("the guesses cost %v; looking at all of them would cost %v", used, all)
	}
	stop()
	acks.holdAgainst(n)
	for _, r := range read[[]acts.AuditRecord](s, "audit", "list", "--account", "admin") {
		t.Errorf("a guesser did something: %+v", r)
	}
	k.stop()
	n.stop()
}
