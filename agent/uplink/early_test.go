package uplink_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"vedette/agent/agenttest"
	"vedette/agent/uplink"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
	"vedette/proto/problem"
)

// tooMuch is a request that no socket buffers hold: sending it fails when the
// server closes.
func tooMuch(t *testing.T, address string, pin pki.Fingerprint) *uplink.Fault {
	t.Helper()
	c := uplink.NewClient(uplink.ClientOptions{Address: address, Pins: pki.PinTo(pin), Timeout: 10 * time.Second})
	defer c.Close()
	_, err := c.Sync(context.Background(), &agentv1.SyncRequest{AgentId: strings.Repeat("a", 24<<20)})
	if err == nil {
		t.Fatal("half a request was answered")
	}
	if c.Connected() {
		t.Error("the connection is kept")
	}
	return uplink.Explain(address, err)
}

func TestRefusalThatComesBeforeTheWholeRequestIsRead(t *testing.T) {
	n := agenttest.Start(t)
	n.Set(func(r *agenttest.Rules) {
		r.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hangUp(w, down) })
	})
	if f := tooMuch(t, n.Address, n.Pair.Fingerprint()); f.Code != string(problem.LinkDown) || f.RetryAfter != time.Second {
		t.Fatalf("%+v (%v)", f, f.Err)
	}
}

func TestGoodAnswerToHalfARequestIsNotBelieved(t *testing.T) {
	n := agenttest.Start(t)
	n.Set(func(r *agenttest.Rules) {
		r.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			hangUp(w, "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 0\r\n\r\n")
		})
	})
	if f := tooMuch(t, n.Address, n.Pair.Fingerprint()); f.Code != uplink.CodeCut {
		t.Fatalf("%+v (%v)", f, f.Err)
	}
}

// TestAlertAfterTheHandshakeIsRead: in TLS 1.3 a server judges the client's
// certificate when the client already sends.
func TestAlertAfterTheHandshakeIsRead(t *testing.T) {
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	config := pki.ServerConfig(pki.NewHolder(pair), "http/1.1")
	config.VerifyConnection = func(tls.ConnectionState) error { return errors.New("not this one") }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			if tls.Server(c, config).Handshake() == nil {
				t.Error("no alert was sent")
			}
			_ = c.Close()
		}
	}()
	defer func() { _ = l.Close(); <-done }()
	if f := tooMuch(t, l.Addr().String(), pair.Fingerprint()); f.Code != uplink.CodeTLS {
		t.Fatalf("%+v (%v)", f, f.Err)
	}
}
