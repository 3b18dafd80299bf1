package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"vedette/centralnode/gateway"
	"vedette/centralnode/trust"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

func TestRefusalSaysWhyAndEndsTheConnection(t *testing.T) {
	t.Parallel()
	gone, unknown := pkitest.Agent(t, "gone"), pkitest.Agent(t, "unknown")
	d := open(t, gateway.Limits{}, gone)
	d.withdraw(gone.Fingerprint())
	for _, c := range []struct {
		who  *pki.Pair
		code problem.Code
	}{{nil, problem.NoCertificate}, {unknown, problem.CertificateUnknown}, {gone, problem.Withdrawn}} {
		r, err := d.client(c.who).Get("https://" + d.Address().String() + takePath)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := problem.Read(r)
		_ = r.Body.Close()
		if !ok || p.Code != c.code || p.Status != http.StatusUnauthorized || p.Detail == "" || !r.Close {
			t.Errorf("%s: %+v, close %v", c.code, p, r.Close)
		}
		if c.who != nil && strings.Contains(p.Detail, c.who.Fingerprint().String()) {
			t.Errorf("%s: the body repeats the identity", c.code)
		}
	}
	eventually(t, "the codes are logged", func() bool {
		return strings.Contains(d.logs.String(), "code=withdrawn") && strings.Contains(d.logs.String(), gone.Fingerprint().String())
	})
	want := map[gateway.Refusal]uint64{}
	for _, code := range []problem.Code{problem.NoCertificate, problem.CertificateUnknown, problem.Withdrawn} {
		want[gateway.Refusal{Door: trust.AgentService, Code: code}] = 1
	}
	if got := d.Refusals(); !maps.Equal(got, want) {
		t.Errorf("counted are %v, want %v", got, want)
	}
	r, err := d.client(gone).Get("https://" + d.Address().String() + "/kata/scanner/v1/sensors/1/scans")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); !ok || p.Code != problem.NotFound {
		t.Errorf("a path of nobody: %+v", p)
	}
}

func TestIdentityHeadersAndProxyLinesChangeNothing(t *testing.T) {
	listed := pkitest.Agent(t, "listed")
	d := open(t, gateway.Limits{}, listed)
	request, err := http.NewRequest(http.MethodPost, "https://"+d.Address().String()+takePath, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-IP", "X-SSL-Cert", "X-Client-Cert", "X-SSL-Client-SHA256", "X-Forwarded-Client-Cert", "SSL-Client-Cert"} {
		request.Header.Set(name, listed.Fingerprint().String())
	}
	r, err := d.client(nil).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if p, ok := problem.Read(r); !ok || p.Code != problem.NoCertificate {
		t.Fatalf("a header changed the identity: %+v", p)
	}
	for _, line := range []string{"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"} {
		raw := dial(t, d, "127.0.0.1")
		if _, err := io.WriteString(raw, line); err != nil {
			t.Fatal(err)
		}
		c := listed.TLS()
		if err := tls.Client(raw, pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), &c)).Handshake(); err == nil {
			t.Fatalf("a connection that began with %q was let in", line)
		}
	}
}

// TestSmuggledRequestsStayTheCallers sends what confuses a pair of servers
// about where a request ends. There is no pair here: whatever is read as a
// second request is judged as the same caller.
func TestSmuggledRequestsStayTheCallers(t *testing.T) {
	t.Parallel()
	listed := pkitest.Agent(t, "listed")
	d := open(t, gateway.Limits{}, listed)
	second := "POST " + takePath + " HTTP/1.1\r\nHost: x\r\nX-Client-Cert: forged\r\nContent-Length: 1\r\n\r\nx"
	heads := []string{
		"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\nx\r\n0\r\n\r\n",
		"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
		"Content-Length: +0\r\n\r\n",
		"Content-Length: 0x0\r\n\r\n",
		"Content-Length: -1\r\n\r\n",
		"X: a\r\n folded: b\r\nContent-Length: 0\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n0;ext=\"\n\"\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
		"Content-Length: 0\n\n",
	}
	c := listed.TLS()
	for _, who := range []*tls.Certificate{nil, &c} {
		for _, head := range heads {
			raw := tls.Client(dial(t, d, "127.0.0.1"), pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), who))
			_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(raw, "POST "+takePath+" HTTP/1.1\r\nHost: x\r\n"+head+second); err != nil {
				t.Fatal(err)
			}
			_ = raw.CloseWrite()
			answers, _ := io.ReadAll(bufio.NewReader(raw)) // the server may end it in any way
			if who == nil && bytes.Contains(answers, []byte("taken")) {
				t.Errorf("%q: a stranger had something taken:\n%s", head, answers)
			}
			_ = raw.Close()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.all {
		if x.leaf != listed.Fingerprint() {
			t.Errorf("taken for another identity %s", x.leaf)
		}
	}
}

func TestSilentAndSlowStrangersDoNotKeepAgentsOut(t *testing.T) {
	t.Parallel()
	agent := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{Strangers: 1500, StrangersPerAddress: 64}, agent)
	held := d.client(agent)
	d.mustPost(held, "")
	var flood sync.WaitGroup
	for i := range 2000 {
		source := fmt.Sprintf("127.0.%d.%d", 1+i/100, 1+i%20)
		flood.Go(func() {
			raw := dial(t, d, source)
			switch i % 3 {
			case 0: // says nothing
			case 1: // half a ClientHello
				_, _ = raw.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1})
			case 2: // shakes hands, then half a header
				s := tls.Client(raw, pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), nil))
				_ = s.SetDeadline(time.Now().Add(10 * time.Second))
				if s.Handshake() == nil {
					_, _ = io.WriteString(s, "POST /take HTTP/1.1\r\nHost:")
				}
			}
		})
	}
	flood.Wait()
	if _, strangers := d.Counts(); strangers < 200 {
		t.Fatalf("only %d strangers are there: this test looked at too little", strangers)
	}
	for range 20 {
		d.mustPost(held, "")
		d.mustPost(d.client(agent), "") // from 127.0.0.1, which has its own bound
	}
	eventually(t, "the strangers' time ends", func() bool { _, strangers := d.Counts(); return strangers == 0 })
	d.mustPost(held, "")
}

func TestOneAddressCannotTakeEveryPlace(t *testing.T) {
	d := open(t, gateway.Limits{Strangers: 100, StrangersPerAddress: 10})
	for range 30 {
		dial(t, d, "127.0.0.9")
	}
	eventually(t, "the places of the address are taken", func() bool { _, n := d.Counts(); return n == 10 })
	d.mustPost(d.client(nil), problem.NoCertificate)
}

func TestSlowBodyIsCutAndOversizedHeaderRefused(t *testing.T) {
	t.Parallel()
	agent := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{}, agent)
	c := agent.TLS()
	secure := func() *tls.Conn {
		s := tls.Client(dial(t, d, "127.0.0.1"), pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), &c))
		_ = s.SetDeadline(time.Now().Add(30 * time.Second))
		return s
	}
	s := secure()
	if _, err := io.WriteString(s, "POST "+takePath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, s); n > 0 && err == nil {
		t.Logf("%d bytes of answer", n)
	}
	if n := d.check(); n != 0 {
		t.Fatalf("half a body was taken")
	}
	s = secure()
	_, _ = io.WriteString(s, "GET / HTTP/1.1\r\nHost: x\r\n")
	go func() {
		line := []byte("X: " + strings.Repeat("a", 1000) + "\r\n")
		for range 1000 {
			if _, err := s.Write(line); err != nil {
				return
			}
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(s), nil)
	if err == nil && answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("a header of 1 MB is answered %d", answer.StatusCode)
	}
	if err == nil {
		_ = answer.Body.Close()
	}
}

func TestCutAllReachesAHandshakeUnderWay(t *testing.T) {
	agent := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{}, agent)
	before := d.client(agent)
	d.mustPost(before, "")
	raw := dial(t, d, "127.0.0.1")
	eventually(t, "the connection is taken in", func() bool { _, strangers := d.Counts(); return strangers == 1 })
	if n := d.CutAll(); n != 1 {
		t.Fatalf("%d connections were cut, want 1", n)
	}
	c := agent.TLS()
	late := tls.Client(raw, pki.ClientConfig(pki.PinTo(d.server.Fingerprint()), &c))
	_ = late.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(late, "POST "+takePath+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx") // it may be cut by now
	if answer, _ := io.ReadAll(late); len(answer) > 0 {
		t.Fatalf("a connection of before is answered %q", answer)
	}
	d.mustPost(d.client(agent), "")
	if n := d.check(); n != 2 {
		t.Fatalf("%d were taken, want 2", n)
	}
}

func TestPanicStaysInItsConnection(t *testing.T) {
	agent := pkitest.Agent(t, "agent")
	d := open(t, gateway.Limits{}, agent)
	d.mu.Lock()
	d.slow = func(pki.Fingerprint) { panic("boom") }
	d.mu.Unlock()
	if _, err := d.post(d.client(agent)); err == nil {
		t.Fatal("the panicking request was answered")
	}
	d.mu.Lock()
	d.slow = nil
	d.mu.Unlock()
	d.mustPost(d.client(agent), "")
	if done := d.withdraw(agent.Fingerprint()); done.Unfinished != 0 {
		t.Fatalf("the panic left an admission behind: %+v", done)
	}
	if !strings.Contains(d.logs.String(), "boom") {
		t.Fatal("the panic is not in the log")
	}
}

func TestAddressInUseIsAnErrorOfNew(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = gateway.New(gateway.Config{Address: taken.Addr().String(), Certificate: pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256))})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Fatalf("error %v", err)
	}
}
