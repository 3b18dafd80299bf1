package about_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/about"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pin = [32]byte{1, 2, 3, 31: 4}

// known answers as a Sensor whose Central Node has the pin.
func known(asked [32]byte) about.Answer {
	if asked == pin {
		return about.Answer{Role: about.RoleSensor, Pin: about.PinCentralNode}
	}
	return about.Answer{Role: about.RoleSensor}
}

// serve takes one TLS connection with some protocols and gives it to f.
func serve(t *testing.T, f func(*tls.Conn), protocols ...string) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", pki.ServerConfig(pki.NewHolder(pkitest.Pair(t, pki.KeyECDSAP256)), protocols...))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		f(c.(*tls.Conn))
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func dial(t *testing.T, address string) *tls.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	config := pki.ClientConfig(func(pki.Fingerprint) error { return nil }, nil)
	config.NextProtos = []string{about.ALPN}
	return tls.Client(raw, config)
}

func TestQuestionIsAnsweredOverTLS(t *testing.T) {
	for asked, want := range map[[32]byte]about.Answer{
		pin:      {Role: about.RoleSensor, Pin: about.PinCentralNode},
		{9}:      {Role: about.RoleSensor},
		{}:       {Role: about.RoleSensor},
		{31: 40}: {Role: about.RoleSensor},
	} {
		served := make(chan error, 1)
		address := serve(t, func(c *tls.Conn) { served <- about.Serve(c, known) }, about.ALPN, "http/1.1")
		got, err := about.Ask(context.Background(), dial(t, address), asked)
		if err != nil || got != want {
			t.Errorf("%x: %+v, %v", asked, got, err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestServerWithoutTheProtocolIsNotAsked(t *testing.T) {
	for name, protocols := range map[string][]string{"no ALPN at all": nil, "another ALPN": {"http/1.1"}} {
		t.Run(name, func(t *testing.T) {
			got := make(chan int, 1)
			address := serve(t, func(c *tls.Conn) {
				n, _ := io.Copy(io.Discard, c)
				got <- int(n)
			}, protocols...)
			conn := dial(t, address)
			if a, err := about.Ask(context.Background(), conn, pin); err == nil || protocols == nil && !errors.Is(err, about.ErrNotSpoken) {
				t.Fatalf("%+v, %v", a, err)
			}
			_ = conn.Close()
			if n := <-got; n != 0 {
				t.Fatalf("%d bytes were sent", n)
			}
		})
	}
}

// pipe runs f on one end of a connection in memory and gives the other.
func pipe(t *testing.T, f func(net.Conn)) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() { defer close(done); f(far); _ = far.Close() }()
	t.Cleanup(func() { _ = near.Close(); <-done })
	return near
}

func TestNothingBeyondTheQuestionIsRead(t *testing.T) {
	served := make(chan error, 1)
	rest := make(chan string, 1)
	conn := pipe(t, func(c net.Conn) {
		served <- about.Serve(c, known)
		b, _ := io.ReadAll(c)
		rest <- string(b)
	})
	go func() { // the pipe has no buffer: the answer has to be read before more is taken
		var b [6]byte
		_, _ = io.ReadFull(conn, b[:])
	}()
	if _, err := conn.Write(append([]byte("VAQ\x01"), append(pin[:], "GET /"...)...)); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	if got := <-rest; got != "GET /" {
		t.Fatalf("left over is %q", got)
	}
}

func TestMalformedQuestionGetsNoAnswer(t *testing.T) {
	for name, q := range map[string]string{
		"HTTP":            "POST /vedette.agent.v1.AgentService/Sync HTTP/1.1\r\n",
		"another version": "VAQ\x02" + string(pin[:]),
		"an answer":       "VAA\x01" + string(pin[:]),
		"half of it":      "VAQ\x01" + string(pin[:10]),
	} {
		t.Run(name, func(t *testing.T) {
			served := make(chan error, 1)
			conn := pipe(t, func(c net.Conn) {
				served <- about.Serve(c, func([32]byte) about.Answer { t.Error("asked"); return about.Answer{} })
			})
			go func() { _, _ = io.WriteString(conn, q); _ = conn.Close() }()
			if err := <-served; err == nil {
				t.Fatal("served")
			}
		})
	}
}

func TestGarbageIsNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "nothing": "", "half": "VAA\x01\x02", "another version": "VAA\x02\x02\x01", "role 9": "VAA\x01\x09\x01",
	} {
		t.Run(name, func(t *testing.T) {
			conn := pipe(t, func(c net.Conn) {
				_, _ = io.ReadFull(c, make([]byte, 36))
				_, _ = io.WriteString(c, text)
			})
			if a, err := about.Ask(context.Background(), conn, pin); err == nil || a != (about.Answer{}) {
				t.Fatalf("%+v, %v", a, err)
			}
		})
	}
}

func TestZerosAskForTheRoleAlone(t *testing.T) {
	conn := pipe(t, func(c net.Conn) {
		// A server whose own lists have an entry that is not set.
		_ = about.Serve(c, func([32]byte) about.Answer {
			return about.Answer{Role: about.RoleSensor, Pin: about.PinCentralNode}
		})
	})
	got, err := about.Ask(context.Background(), conn, [32]byte{})
	if want := (about.Answer{Role: about.RoleSensor}); err != nil || got != want {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestBothSidesGiveUpInTime(t *testing.T) {
	for name, f := range map[string]func(context.Context, net.Conn) error{
		"serve": func(_ context.Context, c net.Conn) error { return about.Serve(c, known) },
		"ask": func(ctx context.Context, c net.Conn) error {
			_, err := about.Ask(ctx, c, pin)
			return err
		},
	} {
		for behaviour, peer := range map[string]func(net.Conn, <-chan struct{}){
			"silent": func(c net.Conn, _ <-chan struct{}) { _, _ = io.Copy(io.Discard, c) },
			"deaf":   func(_ net.Conn, ended <-chan struct{}) { <-ended },
			"a byte each second": func(c net.Conn, _ <-chan struct{}) {
				go func() { _, _ = io.Copy(io.Discard, c) }()
				for _, b := range append([]byte("VAQ\x01"), pin[:]...) {
					<-time.After(time.Second)
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
				}
			},
		} {
			t.Run(name+" with one who is "+behaviour, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					near, far := net.Pipe()
					ended, gone := make(chan struct{}), make(chan struct{})
					go func() { defer close(gone); peer(far, ended) }()
					began := time.Now()
					err := f(context.Background(), near)
					if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					if d := time.Since(began); d != about.Timeout {
						t.Errorf("after %s", d)
					}
					_ = near.Close()
					close(ended)
					<-gone
				})
			})
		}
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := about.Ask(ctx, near, pin); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		_ = near.Close()
	})
}
