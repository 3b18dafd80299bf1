package uplink_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"vedette/agent/agenttest"
	"vedette/agent/uplink"
	"vedette/pki"
	"vedette/pki/pkitest"
	agentv1 "vedette/proto/agent/v1"
)

type pkiEdit = func(*x509.Certificate)

// hostile runs a TLS server that answers each request with f.
func hostile(t *testing.T, f func(io.Writer)) (string, *pki.Pair) {
	t.Helper()
	pair := pkitest.Pair(t, pki.KeyECDSAP256)
	l, err := tls.Listen("tcp", "127.0.0.1:0", pki.ServerConfig(pki.NewHolder(pair), "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				f(conn)
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String(), pair
}

// forever writes until the agent hangs up.
func forever(w io.Writer, text string) {
	block := []byte(strings.Repeat(text, 64<<10/len(text)))
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// bomb is 16 MiB of zeros.
func bomb(t *testing.T, window int) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	for range 16 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileAnswersAreBounded(t *testing.T) {
	small, large := bomb(t, 64<<10), bomb(t, 64<<20)
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\n"
	for name, f := range map[string]func(io.Writer){
		"endless headers": func(w io.Writer) {
			_, _ = io.WriteString(w, ok)
			forever(w, "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
		},
		"endless header line":  func(w io.Writer) { _, _ = io.WriteString(w, ok+"X-A: "); forever(w, "a") },
		"endless status line":  func(w io.Writer) { forever(w, "H") },
		"endless body":         func(w io.Writer) { _, _ = io.WriteString(w, ok+"\r\n"); forever(w, "a") },
		"a gigabyte announced": func(w io.Writer) { _, _ = io.WriteString(w, ok+"Content-Length: 1073741824\r\n\r\n"); forever(w, "a") },
		"endless chunks": func(w io.Writer) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\n\r\n")
			forever(w, "1\r\na\r\n")
		},
		"endless trailers": func(w io.Writer) {
			_, _ = io.WriteString(w, ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n")
			forever(w, "A: aaaaaaaaaaaaaaaaaaa\r\n")
		},
		"endless informational": func(w io.Writer) { forever(w, "HTTP/1.1 103 Early Hints\r\n\r\n") },
		"another protocol": func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
			forever(w, "a")
		},
		"endless problem": func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 401 No\r\nContent-Type: application/problem+json\r\n\r\n")
			forever(w, `{"code":"`)
		},
		"redirect to elsewhere": func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 307 Go\r\nLocation: https://192.0.2.1/\r\nContent-Length: 0\r\n\r\n")
		},
		"no HTTP": func(w io.Writer) { _, _ = io.WriteString(w, "220 mail ready\r\n") },
		"another kind of content": func(w io.Writer) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi")
		},
		"a compressed bomb": func(w io.Writer) {
			_, _ = io.WriteString(w, ok+"Content-Encoding: gzip\r\n\r\n")
			z := gzip.NewWriter(w)
			forever(z, "\x00")
		},
		"a zstd bomb":                     func(w io.Writer) { _, _ = w.Write(append([]byte(ok+"Content-Encoding: zstd\r\n\r\n"), small...)) },
		"a zstd bomb with a large window": func(w io.Writer) { _, _ = w.Write(append([]byte(ok+"Content-Encoding: zstd\r\n\r\n"), large...)) },
	} {
		t.Run(name, func(t *testing.T) {
			address, pair := hostile(t, f)
			c := uplink.NewClient(uplink.ClientOptions{Address: address, Pins: pki.PinTo(pair.Fingerprint()), Timeout: 5 * time.Second, Zstd: uplink.NewCompression()})
			defer c.Close()
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, err := c.Sync(context.Background(), &agentv1.SyncRequest{AgentId: strings.Repeat("a", 2048)})
			runtime.ReadMemStats(&after)
			if f := uplink.Explain(address, err); err == nil || f.Code != uplink.CodeBadAnswer {
				t.Fatalf("%+v (%v)", f, err)
			}
			// Both ends live in this process; without bounds it would be gigabytes.
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Fatalf("%d MiB were allocated", grown>>20)
			}
		})
	}
}

func TestSilentServersTimeOut(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	release := make(chan struct{})
	address, pair := hostile(t, func(io.Writer) { <-release })
	defer close(release)
	for name, address := range map[string]string{"no handshake": silent.Addr().String(), "no answer": address} {
		t.Run(name, func(t *testing.T) {
			c := uplink.NewClient(uplink.ClientOptions{Address: address, Pins: pki.PinTo(pair.Fingerprint()), Timeout: 100 * time.Millisecond})
			defer c.Close()
			_, err := c.Sync(context.Background(), &agentv1.SyncRequest{})
			if f := uplink.Explain(address, err); f.Code != uplink.CodeTimeout {
				t.Fatalf("%+v (%v)", f, err)
			}
		})
	}
}

func TestEveryFaultHasASentenceAndANextStep(t *testing.T) {
	n := agenttest.Start(t)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9\r\n")
			_ = c.Close()
		}
	}()
	defer func() { _ = plain.Close(); <-done }()
	for want, address := range map[string]string{
		uplink.CodeUnreachable: "127.0.0.1:1",
		uplink.CodeName:        "name.invalid:443",
		uplink.CodeTLS:         plain.Addr().String(),
		uplink.CodeWrongPin:    n.Address,
	} {
		c := uplink.NewClient(uplink.ClientOptions{Address: address, Pins: pki.PinTo(pki.Fingerprint{1}), Timeout: 5 * time.Second})
		_, err := c.Sync(context.Background(), &agentv1.SyncRequest{})
		f := uplink.Explain(address, err)
		if f.Code != want || f.Text == "" || f.Next == "" || strings.ContainsAny(f.Text+f.Next, "\r\n") {
			t.Errorf("%s: %+v (%v)", want, f, err)
		}
		c.Close()
	}
}
