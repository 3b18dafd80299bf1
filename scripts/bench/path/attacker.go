package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/pki"
	"vedette/scripts/bench/load"
	"vedette/scripts/bench/process"
	"vedette/scripts/bench/site"
)

// attackCommand is the first argument of a process that attacks.
const attackCommand = "attack"

// attackerAddress is where attackers come from: not where good agents do.
const attackerAddress = "127.0.0.9"

// attack is one way to be a nuisance. Attackers do it over and over, each on
// one connection at a time.
type attack struct {
	name, about string
	attackers   int
	rate        int // connections a second, of all attackers
	listed      bool
	do          func(*attacker, context.Context)
}

func attacks() []attack {
	return []attack{
		{name: "silent", about: "1,000 strangers who connect and say nothing, 500 new ones a second", attackers: 1000, rate: 500, do: (*attacker).silent},
		{name: "slow", about: "500 strangers who send their handshake a byte at a time", attackers: 500, rate: 200, do: (*attacker).slow},
		{name: "flood", about: "200 handshakes a second of strangers who then leave", attackers: 50, rate: 200, do: (*attacker).flood},
		{name: "refused", about: "1,000 agents who are not listed and ask 200 times a second", attackers: 1000, rate: 200, do: (*attacker).refused},
		{name: "headers", about: "50 agents who are not listed and send headers without end, 50 times a second", attackers: 50, rate: 50, do: (*attacker).headers},
		{name: "unread", about: "200 listed agents who ask for 16 MiB and never read", attackers: 200, rate: 500, listed: true, do: (*attacker).unread},
	}
}

// attacker is what all attackers of one process share.
type attacker struct {
	address string
	config  *tls.Config
	tokens  *time.Ticker
}

// startAttack runs an attack at the lowest priority, so that what it costs
// itself is taken from nobody.
func startAttack(a attack, c *site.Certificates, s *site.Subject) (*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	pair := site.UnknownPair
	if a.listed {
		pair = site.AgentPair
	}
	cmd := exec.Command("nice", "-n", "19", self, attackCommand, a.name, s.Address, s.Pin.String(), c.Path(pair))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	return process.Start(cmd)
}

// beAttacker attacks until ctx ends.
func beAttacker(ctx context.Context, name, address, pin, pair string) error {
	raw, err := os.ReadFile(filepath.Clean(pair))
	if err != nil {
		return err
	}
	p, _, err := pki.ParsePair(raw, time.Now())
	if err != nil {
		return err
	}
	fingerprint, err := pki.ParseFingerprint(pin)
	if err != nil {
		return err
	}
	for _, a := range attacks() {
		if a.name != name {
			continue
		}
		at := &attacker{address: address, config: load.Client(fingerprint, p), tokens: time.NewTicker(time.Second / time.Duration(a.rate))}
		var group errgroup.Group
		for range a.attackers {
			group.Go(func() error {
				for ctx.Err() == nil {
					select {
					case <-at.tokens.C:
						a.do(at, ctx)
					case <-ctx.Done():
					}
				}
				return nil
			})
		}
		return group.Wait()
	}
	return fmt.Errorf("there is no attack %s", name)
}

// dial connects. The connection ends with ctx.
func (a *attacker) dial(ctx context.Context) (net.Conn, func()) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(attackerAddress)}, Timeout: site.DialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", a.address)
	if err != nil {
		return nil, nil // there will be another
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	return conn, func() { stop(); _ = conn.(*net.TCPConn).SetLinger(0); _ = conn.Close() } // attackers are not polite
}

// secure connects and shakes hands.
func (a *attacker) secure(ctx context.Context) (*tls.Conn, func()) {
	raw, end := a.dial(ctx)
	if raw == nil {
		return nil, nil
	}
	conn := tls.Client(raw, a.config)
	if conn.HandshakeContext(ctx) != nil {
		end()
		return nil, nil
	}
	return conn, end
}

func (a *attacker) silent(ctx context.Context) {
	if conn, end := a.dial(ctx); conn != nil {
		defer end()
		_, _ = io.Copy(io.Discard, conn) // until it is thrown out
	}
}

func (a *attacker) slow(ctx context.Context) {
	conn, end := a.dial(ctx)
	if conn == nil {
		return
	}
	defer end()
	hello := append([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3}, make([]byte, 32)...) // a ClientHello of 512 bytes begins like this
	for _, b := range hello {
		if _, err := conn.Write([]byte{b}); err != nil || load.Pause(ctx, 100*time.Millisecond) != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, conn)
}

func (a *attacker) flood(ctx context.Context) {
	if conn, end := a.secure(ctx); conn != nil {
		end()
	}
}

func (a *attacker) refused(ctx context.Context) {
	conn, end := a.secure(ctx)
	if conn == nil {
		return
	}
	defer end()
	if _, err := conn.Write([]byte("POST " + site.TakePath + " HTTP/1.1\r\nHost: central-node\r\nContent-Length: 0\r\n\r\n")); err == nil {
		_, _ = io.Copy(io.Discard, conn) // the refusal, and the end
	}
}

func (a *attacker) headers(ctx context.Context) {
	conn, end := a.secure(ctx)
	if conn == nil {
		return
	}
	defer end()
	_, err := conn.Write([]byte("POST " + site.TakePath + " HTTP/1.1\r\nHost: central-node\r\n"))
	for lines := bytes.Repeat([]byte("X-Filler: 0123456789012345678901234567890123456789\r\n"), 80); err == nil; {
		_, err = conn.Write(lines)
	}
}

func (a *attacker) unread(ctx context.Context) {
	conn, end := a.secure(ctx)
	if conn == nil {
		return
	}
	defer end()
	_ = conn.NetConn().(*net.TCPConn).SetReadBuffer(4096) // it only blocks sooner
	if _, err := conn.Write([]byte("GET " + site.GivePath + " HTTP/1.1\r\nHost: central-node\r\n\r\n")); err == nil {
		<-ctx.Done()
	}
}
