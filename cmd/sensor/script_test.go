package main

import (
	"crypto/tls"
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vedette/cmd/internal/cli/clitest"
	"vedette/internal/sshd"
	"vedette/pki"
	"vedette/proto/link"
)

var update = flag.Bool("update", false, "write what the commands say into the scripts' golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sensor": main})
}

// TestScripts serves a fake Sensor's commands as daemon [not-allowed].
func TestScripts(t *testing.T) {
	clitest.Scripts(t, *update, func(args []string) sshd.Command {
		admin := newFakeAdmin()
		admin.allowed = len(args) == 0
		return newCommand(admin, "1.2.3", slog.New(slog.DiscardHandler), func() time.Time { return epoch })
	}, map[string]func(*testscript.TestScript, bool, []string){"server": server})
}

// server listens as a Central Node that ends every link at once: server. It
// puts its address into $SERVER, its fingerprint into $FINGERPRINT, and that of
// another certificate into $OTHER.
func server(ts *testscript.TestScript, _ bool, _ []string) {
	pair, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"central.example.org"}})
	ts.Check(err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", pki.ServerConfig(pki.NewHolder(pair), link.ALPN))
	ts.Check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake() // a look ends it too
			conn.Close()
		}
	}()
	ts.Defer(func() {
		listener.Close()
		<-ended
	})
	ts.Setenv("SERVER", listener.Addr().String())
	ts.Setenv("FINGERPRINT", pair.Fingerprint().String())
	ts.Setenv("OTHER", fingerprint(8).String())
}
