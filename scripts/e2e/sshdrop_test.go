package e2e

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"vedette/internal/acts"
)

// metrics are a daemon's own figures.
func (d *daemon) metrics(names ...string) []float64 {
	d.t.Helper()
	answer, err := http.Get("http://" + d.local + "/metrics")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	found := make(map[string]float64)
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, text, _ := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); err == nil {
			found[name] = value
		}
	}
	values := make([]float64, len(names))
	for i, name := range names {
		value, ok := found[name]
		if !ok {
			d.t.Fatalf("there is no metric %s", name)
		}
		values[i] = value
	}
	return values
}

// cutting is a client's connection that ends after some bytes, by one of the
// ways in which connections end.
type cutting struct {
	*net.TCPConn
	left  atomic.Int64
	reset bool
}

func (c *cutting) spend(n int) {
	if c.left.Add(int64(-n)) > 0 {
		return
	}
	if c.reset {
		_ = c.SetLinger(0)
	}
	_ = c.Close()
}

func (c *cutting) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.spend(n)
	return n, err
}

func (c *cutting) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p[:min(int64(len(p)), max(0, c.left.Load()))]) // part of a packet is also a moment
	if c.spend(len(p)); err == nil && n < len(p) {
		err = io.ErrClosedPipe
	}
	return n, err
}

// dropped begins a session as admin and works until its connection ends, after
// so many bytes. It says whether work was begun.
func (k *desk) dropped(key ssh.Signer, what string, bytes int64, reset bool) bool {
	raw, err := net.Dial("tcp", k.daemon.ssh)
	if err != nil {
		k.t.Error(err)
		return false
	}
	cut := &cutting{TCPConn: raw.(*net.TCPConn), reset: reset}
	cut.left.Store(bytes)
	defer cut.Close()
	conn, channels, requests, err := ssh.NewClientConn(cut, "", &ssh.ClientConfig{
		Config: ssh.Config{KeyExchanges: []string{ssh.KeyExchangeCurve25519}},
		User:   "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: func(string, net.Addr, ssh.PublicKey) error { return nil },
	})
	if err != nil {
		return false
	}
	client := ssh.NewClient(conn, channels, requests)
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return false
	}
	in, err := session.StdinPipe()
	if err != nil {
		return false
	}
	input := "line after line\n"
	switch what {
	case "sftp":
		err = session.RequestSubsystem(what)
		input = "\x00\x00\x00\x05\x01\x00\x00\x00\x03" + // INIT, version 3
			"\x00\x00\x00\x19\x03\x00\x00\x00\x01\x00\x00\x00\x08kata.pem\x00\x00\x00\x1a\x00\x00\x00\x00" // OPEN to write
	case "shell":
		if session.RequestPty("xterm", 24, 80, nil) != nil {
			return false
		}
		err = session.Shell()
		input = "2\r1\r" // Program settings, Manage server certificate
	case "scp -t .":
		err = session.Start(what)
		input = "C0600 60000 kata.pem\n" + strings.Repeat("k", 5000)
	default:
		err = session.Start(what)
	}
	if err != nil {
		return false
	}
	for {
		if _, err := io.WriteString(in, input); err != nil {
			return true
		}
		if what == "shell" && session.WindowChange(24, 80+rand.IntN(40)) != nil {
			return true
		}
	}
}

// TestSessionsDroppedAtRandomMomentsLeaveNothing drops commands, copies and
// menus of real daemons.
func TestSessionsDroppedAtRandomMomentsLeaveNothing(t *testing.T) {
	const sessions, workers, seed = 500, 8, 20261122
	doors(t, func(t *testing.T, k *desk) {
		key, err := ssh.ParsePrivateKey([]byte(k.read("id")))
		if err != nil {
			t.Fatal(err)
		}
		served := read[acts.ServerCertificate](k, "certificate", "show")
		drop := func(sessions int, seed uint64) (begun int64) {
			var lived atomic.Int64
			jobs := make(chan int)
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for i := range jobs {
						random := rand.New(rand.NewPCG(seed, uint64(i)))
						what := []string{k.liveView(), "certificate upload -", "status", "shell", "scp -t .", "sftp"}[random.IntN(6)]
						// Of a whole sign-in with a session, so that moments spread over it.
						if k.dropped(key, what, random.Int64N(9000), random.IntN(2) == 0) {
							lived.Add(1)
						}
					}
				})
			}
			for i := range sessions {
				jobs <- i
			}
			close(jobs)
			all.Wait()
			eventually(t, 20*time.Second, "nobody is signed in", func() bool { return k.sessions() == 0 })
			return lived.Load()
		}
		drop(sessions/5, 1) // what is made once is made
		names := []string{"go_goroutines", "process_open_fds", "process_resident_memory_bytes"}
		before := k.metrics(names...)
		begun := drop(sessions, seed)
		var after []float64
		eventually(t, 20*time.Second, "goroutines and descriptors are those of the start", func() bool {
			after = k.metrics(names...)
			return after[0] <= before[0]+1 && after[1] <= before[1]+1 // the question itself has one
		})
		t.Logf("%d of %d sessions lived to begin; goroutines %.0f to %.0f, descriptors %.0f to %.0f, memory %.1f to %.1f MB",
			begun, sessions, before[0], after[0], before[1], after[1], before[2]/1e6, after[2]/1e6)
		if grown := after[2] - before[2]; grown > 16<<20 {
			t.Errorf("the memory grew by %.1f MB", grown/1e6)
		}
		if begun < sessions/10 || begun > sessions*9/10 {
			t.Errorf("%d of %d sessions lived to begin: the moments are not spread", begun, sessions)
		}
		if s := read[acts.ServerCertificate](k, "certificate", "show"); s.Uploaded != nil || s.PEM != served.PEM {
			t.Errorf("a dropped upload was kept: %+v", s.Uploaded)
		}
		k.must("ssh", "admin@HOST", "status")
	})
}
