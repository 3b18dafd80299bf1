package gateway_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/centralnode/gateway"
	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/problem"
)

// sendsAll sends a whole body before it reads anything, as most clients do, and
// returns what it reads then.
func (s *systems) sendsAll(certificate tls.Certificate, size int) (*problem.Problem, error) {
	s.t.Helper()
	conn, err := tls.Dial("tcp", s.Address().String(), pki.ClientConfig(pki.PinTo(s.server.Fingerprint()), &certificate))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "POST /kata/mail-1/objects HTTP/1.1\r\nHost: cn\r\nContent-Length: %d\r\n\r\n", size); err != nil {
		return nil, err
	}
	for block := strings.Repeat("x", 1<<20); size > 0; size -= len(block) {
		if _, err := conn.Write([]byte(block[:min(size, len(block))])); err != nil {
			return nil, err
		}
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	answer, ok := problem.Read(r)
	if !ok {
		return nil, fmt.Errorf("answer %s", r.Status)
	}
	return answer, nil
}

func TestRefusedCallerReadsWhyThoughItSendsFirst(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	weak := pkitest.Key(t, "rsa1024")
	for name, certificate := range map[string]tls.Certificate{
		"unknown": pkitest.Pair(t, pki.KeyECDSAP256).TLS(),
		"unfit":   {Certificate: [][]byte{pkitest.SelfSigned(t, weak)}, PrivateKey: weak},
	} {
		t.Run(name, func(t *testing.T) {
			if answer, err := s.sendsAll(certificate, 16<<20); err != nil || answer.Status != http.StatusUnauthorized || answer.Code != problem.CertificateUnknown {
				t.Errorf("%+v, %v", answer, err)
			}
		})
	}
}

// TestRefusedCallerIsNotListenedToForEver holds a body back: the connection ends
// all the same, soon.
func TestRefusedCallerIsNotListenedToForEver(t *testing.T) {
	s := openSystems(t, gateway.Limits{})
	certificate := pkitest.Pair(t, pki.KeyECDSAP256).TLS()
	conn, err := tls.Dial("tcp", s.Address().String(), pki.ClientConfig(pki.PinTo(s.server.Fingerprint()), &certificate))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "POST /kata/mail-1/objects HTTP/1.1\r\nHost: cn\r\nContent-Length: 1000\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || r.StatusCode != http.StatusUnauthorized || !r.Close {
		t.Fatalf("%v, %v", r, err)
	}
	_ = r.Body.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("something came after the answer: %d, %v", n, err)
	}
	eventually(t, "the connection is gone", func() bool { _, strangers := s.Counts(); return strangers == 0 })
}
