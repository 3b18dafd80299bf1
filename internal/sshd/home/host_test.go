package home_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"vedette/internal/sshd/home"
)

const password = "Correct-horse-7"

// host is an SSH server whose only purpose is the home folder.
type host struct {
	t        testing.TB
	folder   *memory
	port     string
	hostKey  string // SHA256:...
	files    string // where clients keep keys, and their HOME
	identity string // file of the administrator's key
	known    string // known_hosts

	ctx context.Context // ends clients that run

	mu    sync.Mutex // guards what follows
	trip  func(net.Conn) net.Conn
	conns map[net.Conn]bool
	ended *sync.Cond // a connection has been served
}

func newKey(t testing.TB) (ed25519.PrivateKey, ssh.Signer) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, signer
}

// newHost starts a host; the test's end ends it.
func newHost(t testing.TB) *host {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, hostSigner := newKey(t)
	key, signer := newKey(t)
	h := &host{t: t, folder: &memory{}, files: t.TempDir(), ctx: context.Background(), conns: map[net.Conn]bool{}}
	h.ended = sync.NewCond(&h.mu)
	h.port = strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	h.hostKey = ssh.FingerprintSHA256(hostSigner.PublicKey())
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	h.identity = h.write("identity", pem.EncodeToMemory(block))
	h.known = h.write("known_hosts", []byte("[127.0.0.1]:"+h.port+" "+string(ssh.MarshalAuthorizedKey(hostSigner.PublicKey()))))
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(offered.Marshal(), signer.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
		PasswordCallback: func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if string(given) == password {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		},
	}
	config.AddHostKey(hostSigner)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { h.serve(ctx, conn, config) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		cancel()
		h.cut()
		wg.Wait()
	})
	return h
}

// write makes a file for the clients, readable by its owner alone.
func (h *host) write(name string, content []byte) string {
	h.t.Helper()
	path := filepath.Join(h.files, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// under puts a layer under every connection to come.
func (h *host) under(trip func(net.Conn) net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trip = trip
}

// cut closes all connections under their clients.
func (h *host) cut() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for conn := range h.conns {
		conn.Close()
	}
}

func (h *host) serve(ctx context.Context, conn net.Conn, config *ssh.ServerConfig) {
	h.mu.Lock()
	h.conns[conn] = true
	trip := h.trip
	h.mu.Unlock()
	defer h.forget(conn)
	if trip != nil {
		conn = trip(conn)
	}
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { ssh.DiscardRequests(requests) })
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			continue
		}
		wg.Go(func() { h.session(ctx, channel, requests) })
	}
}

func (h *host) forget(conn net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, conn)
	h.ended.Broadcast()
}

// settle waits until the host has heard all that its clients had to say.
func (h *host) settle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.conns) > 0 {
		h.ended.Wait()
	}
}

func (h *host) session(ctx context.Context, channel ssh.Channel, requests <-chan *ssh.Request) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for request := range requests {
		var word struct{ Text string }
		whole := true // all has been answered, and nothing is being written
		serve := func() int { return 127 }
		if request.Type == "exec" || request.Type == "subsystem" {
			if err := ssh.Unmarshal(request.Payload, &word); err != nil {
				h.t.Error(err)
			}
		}
		args := split(word.Text)
		known := true
		switch {
		case request.Type == "subsystem" && word.Text == "sftp":
			serve = func() int {
				if err := home.ServeSFTP(ctx, channel, h.folder, h.log()); err != nil {
					whole = false
					return 1
				}
				return 0
			}
		case request.Type == "exec" && len(args) > 0 && args[0] == "scp":
			serve = func() int {
				return home.ServeSCP(ctx, args[1:], channel, channel, channel.Stderr(), h.folder, h.log())
			}
		case request.Type == "exec":
		default:
			known = false
		}
		if request.WantReply {
			request.Reply(known, nil)
		}
		if known {
			wg.Go(func() {
				exit := serve()
				if whole {
					channel.CloseWrite()
				}
				channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exit)}))
				channel.Close()
			})
		}
	}
}

func (h *host) log() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(writer{h.t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.DiscardHandler)
}

type writer struct{ t testing.TB }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// split splits a command line as far as clients of scp write one.
func split(line string) []string {
	var args []string
	var arg []byte
	quoted, some := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			quoted, some = !quoted, true
		case c == '\\' && !quoted && i+1 < len(line):
			i++
			arg, some = append(arg, line[i]), true
		case c == ' ' && !quoted:
			if some {
				args = append(args, string(arg))
			}
			arg, some = nil, false
		default:
			arg, some = append(arg, c), true
		}
	}
	if some {
		args = append(args, string(arg))
	}
	return args
}
