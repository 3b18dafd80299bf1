package proxy_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/about"
	"vedette/proto/link"
	"vedette/proto/problem"
	"vedette/sensor/proxy"
)

func TestRefusalSaysWhyWithoutTroublingTheCentralNode(t *testing.T) {
	t.Parallel()
	listed, gone, unknown := pkitest.Agent(t, "listed"), pkitest.Agent(t, "gone"), pkitest.Agent(t, "unknown")
	r := open(t, options{}, echo)
	down := &problem.Problem{Title: "x", Status: 503, Code: problem.SensorPending, RetryAfter: 7 * time.Second}
	policy := listing(1, true, []*pki.Pair{listed}, []*pki.Pair{gone})
	for _, c := range []struct {
		name   string
		who    *pki.Pair
		before func()
		status int
		code   problem.Code
		retry  time.Duration
	}{
		{"no policy yet", listed, func() {}, 503, problem.LinkDown, 2 * time.Second},
		{"no certificate", nil, func() { r.Apply(policy) }, 401, problem.NoCertificate, 0},
		{"not listed", unknown, func() {}, 401, problem.CertificateUnknown, 0},
		{"withdrawn", gone, func() {}, 401, problem.Withdrawn, 0},
		{"link down", listed, func() { r.refuse(down) }, 503, problem.SensorPending, 7 * time.Second},
		{"link down is said first", gone, func() {}, 503, problem.SensorPending, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.before()
			answer, err := r.client(c.who).Post(r.url(), "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			p, ok := problem.Read(answer)
			if !ok || p.Code != c.code || p.Status != c.status || p.RetryAfter != c.retry || !answer.Close {
				t.Fatalf("%+v, close %v", p, answer.Close)
			}
		})
	}
	if n := r.opened.Load(); n != 0 {
		t.Errorf("%d streams were opened", n)
	}
	if n := r.Counts().Refused; n != 3 {
		t.Errorf("%d refusals by policy were counted", n)
	}
	eventually(t, "the code and the leaf are logged", func() bool {
		return strings.Contains(r.logs.String(), "code=withdrawn") && strings.Contains(r.logs.String(), gone.Fingerprint().String())
	})
	r.refuse(nil)
	r.call(listed).says(t, "hello")
	eventually(t, "no stranger is left", func() bool { return r.Counts().Strangers == 0 })
}

func TestAFullProxyReadsTheRequestItRefuses(t *testing.T) {
	r := open(t, options{limits: proxy.Limits{Connections: 1}}, echo)
	r.Apply(listing(1, false, nil, nil))
	r.call(nil).says(t, "hello")
	answer, err := r.client(nil).Post(r.url(), "text/plain", strings.NewReader(strings.Repeat("x", 10_000)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if p, ok := problem.Read(answer); !ok || p.Code != problem.Busy || p.Status != 503 || p.RetryAfter != 30*time.Second {
		t.Fatalf("%+v", p)
	}
}

func TestAStreamThatCannotBeOpenedIsAnswered(t *testing.T) {
	t.Parallel()
	r := open(t, options{link: link.Config{MaxStreams: 1}, times: proxy.Times{Open: 200 * time.Millisecond}}, echo)
	r.Apply(listing(1, false, nil, nil))
	ask := func() *problem.Problem {
		answer, err := r.client(nil).Get(r.url())
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		p, _ := problem.Read(answer)
		return p
	}
	r.call(nil).says(t, "hello")
	if p := ask(); p == nil || p.Code != problem.Busy {
		t.Errorf("no stream is left: %+v", p)
	}
	r.dial.Close(link.CodeShutdown, "")
	if p := ask(); p == nil || p.Code != problem.LinkDown || p.RetryAfter == 0 {
		t.Errorf("the link has ended: %+v", p)
	}
}

// TestACallerThatOnlyWritesStillGetsTheAnswer sends more than any buffer holds
// before it reads: a close in haste would reset its connection.
func TestACallerThatOnlyWritesStillGetsTheAnswer(t *testing.T) {
	t.Parallel()
	r := open(t, options{}, echo)
	r.Apply(listing(1, true, nil, nil))
	c := r.call(nil)
	body := strings.Repeat("x", 3<<20)
	if _, err := fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if p, ok := problem.Read(answer); !ok || p.Code != problem.NoCertificate {
		t.Fatalf("%+v", p)
	}
	if c.raw.ended.Load() {
		t.Error("the answer ended without close_notify")
	}
}

// short are the times of strangers where a test waits for their end.
var short = proxy.Times{First: 2 * time.Second, Header: time.Second, Linger: 300 * time.Millisecond}

func TestSlowAndOversizedHeadersAreRefused(t *testing.T) {
	t.Parallel()
	r := open(t, options{times: short}, echo)
	r.Apply(listing(1, true, nil, nil))
	var all sync.WaitGroup
	for i := range 40 {
		c := r.call(nil)
		all.Go(func() {
			if i%2 == 0 { // half a header
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost:")
				_, _ = io.Copy(io.Discard, c)
				return
			}
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n")
			go func() {
				for range 1000 {
					if _, err := io.WriteString(c, "X: "+strings.Repeat("a", 1000)+"\r\n"); err != nil {
						return
					}
				}
			}()
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				return // cut is fine as well
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("a header of 1 MB is answered %d", answer.StatusCode)
			}
		})
	}
	all.Wait()
	eventually(t, "they are let go", func() bool { return r.Counts().Strangers == 0 })
}

func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	agent := pkitest.Agent(t, "agent")
	r := open(t, options{limits: proxy.Limits{Strangers: 300, StrangersPerAddress: 64}, times: short}, echo)
	r.Apply(listing(1, true, []*pki.Pair{agent}, nil))
	held := r.call(agent)
	held.says(t, "hello")
	flood := func(n int, come func(source string)) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { come(fmt.Sprintf("127.0.%d.%d", 1+i*6/n, 1+i%20)) })
		}
		all.Wait()
	}
	flood(200, func(source string) { // shake hands with a listed certificate, then say nothing
		_, _ = r.try(agent, source)
	})
	flood(200, func(source string) { // half a header, refused
		if c, err := r.try(nil, source); err == nil {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost:")
		}
	})
	// These say nothing at all. They come last: on a busy machine the time of the
	// others may have ended before all have shaken hands. They are fewer than there may
	// be: who is let in late among them must not make room for them.
	flood(250, func(source string) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
		if raw, err := dialer.Dial("tcp", r.Address().String()); err == nil {
			t.Cleanup(func() { _ = raw.Close() })
		}
	})
	eventually(t, "strangers are there", func() bool { return r.Counts().Strangers >= 100 })
	for range 20 {
		held.says(t, "hello")
		r.call(agent).says(t, "hello")
	}
	if n := r.opened.Load(); n != 21 {
		t.Errorf("%d streams were opened for 21 agents: strangers had some", n)
	}
	eventually(t, "the strangers' time ends", func() bool { return r.Counts().Strangers == 0 })
	held.says(t, "hello")
}

func TestLeavesOfEightKiBPassAndLargerOnesDoNot(t *testing.T) {
	metas := make(chan link.Meta, 1)
	r := open(t, options{}, func(s *link.Stream) {
		metas <- s.Meta()
		echo(s)
	})
	r.Apply(listing(1, false, nil, nil))
	padded := func(size int) *pki.Pair {
		return pkitest.PairFor(t, pkitest.ECDSAKey(t), func(c *x509.Certificate) {
			c.SerialNumber = big.NewInt(1 << 40)
			c.DNSNames = []string{"x." + strings.Repeat("a", size)}
		})
	}
	fits := padded(7000)
	fits = padded(7000 + pki.MaxLeafSize - len(fits.Leaf().Raw) - 10) // signatures vary in length
	if n := len(fits.Leaf().Raw); n < pki.MaxLeafSize-20 {
		t.Fatalf("the largest leaf has %d bytes", n)
	}
	r.call(fits).says(t, "hello")
	if m := <-metas; pki.FingerprintOf(m.Leaf) != fits.Fingerprint() {
		t.Errorf("another leaf of %d bytes came", len(m.Leaf))
	}
	key := pkitest.ECDSAKey(t)
	large := &tls.Certificate{Certificate: [][]byte{pkitest.SelfSigned(t, key, pkitest.Huge)}, PrivateKey: key}
	raw, err := tls.Dial("tcp", r.Address().String(), pki.ClientConfig(pki.PinTo(r.server.Fingerprint()), large))
	if err == nil {
		defer raw.Close()
		if _, err = raw.Read(make([]byte, 1)); err == nil {
			t.Fatal("a larger leaf was let in")
		}
	}
	if !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the agent is told %v", err)
	}
	eventually(t, "the log says why", func() bool { return strings.Contains(r.logs.String(), "at most 8192 are allowed") })
	if n := r.opened.Load(); n != 1 {
		t.Errorf("%d streams", n)
	}
}

func TestWhatAFingerprintIsHereCanBeAsked(t *testing.T) {
	r := open(t, options{}, echo)
	c := r.call(nil, about.ALPN)
	got, err := about.Ask(context.Background(), c.Conn, r.server.Fingerprint())
	if err != nil || got != (about.Answer{Role: about.RoleSensor, Pin: about.PinOwn}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := r.opened.Load(); n != 0 {
		t.Error("a question opened a stream")
	}
}

func TestNewRefusesWhatItCannotDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	c := proxy.Config{Address: taken.Addr().String(), Certificate: pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))}
	if _, err := proxy.New(c); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("error %v", err)
	}
	c.IngressLimit = proxy.MaxIngress + 1
	if _, err := proxy.New(c); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("error %v", err)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		t.Error("a bad limit looks like a bad address")
	}
}
