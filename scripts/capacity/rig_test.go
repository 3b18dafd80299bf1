package capacity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/capacity"
	"vedette/proto/link"
	"vedette/scripts/emulink"
	"vedette/scripts/emulink/emulinktest"
)

// serving is the argument of the test's binary as the child that carries packets.
const serving = "serve-a-link"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == serving {
		if err := emulink.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := ahead(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// ahead has this process go before what else the machine does, where it may: a
// packet that waits for a processor looks like one that waits for the line.
// A thread's priority is that of those that it starts, so the process begins
// anew.
func ahead() error {
	const begun = "VEDETTE_CAPACITY_AHEAD"
	program, err := exec.LookPath("nice")
	if err != nil || os.Getuid() != 0 || os.Getenv(begun) != "" {
		return os.Unsetenv(begun)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{program, "-n", "-20", self}, os.Args[1:]...)
	return syscall.Exec(program, args, append(os.Environ(), begun+"=1"))
}

const patience = time.Minute

// rig is a link between two namespaces.
type rig struct {
	t            *testing.T
	way          *emulink.Link
	dial, accept *link.Link
	lanes        []*link.Lane // of the Sensor
	theirs       []*link.Lane // of the Central Node
	received     atomic.Int64 // bytes of bulk agents
}

// over makes a link over a way that is the same in both directions.
func over(t *testing.T, d emulink.Direction) *rig {
	t.Helper()
	back := d
	d.Seed, back.Seed = 1, 2
	emulinktest.Need(t)
	cmd := exec.Command(os.Args[0], serving)
	cmd.Stderr = os.Stderr
	way, err := emulink.Start(cmd, emulink.Options{Forth: d, Back: back})
	if err != nil {
		t.Fatal(err)
	}
	// What a busy machine does to a link is another one each time.
	for try := 1; ; try++ {
		if err := way.Validate(t.Context(), emulink.Tolerance{Delay: 5 * time.Millisecond, Rate: 0.1}); err == nil {
			break
		} else if try == 4 {
			t.Fatal(err)
		}
	}
	r := &rig{t: t, way: way, dial: link.NewDialing(link.Config{})}
	acceptor := link.NewAccepting(link.Config{}, nil)
	t.Cleanup(func() {
		r.dial.Close(link.CodeShutdown, "the test ends")
		acceptor.Close(link.CodeShutdown, "the test ends")
		if err := way.Close(); err != nil {
			t.Error(err)
		}
	})
	server, sensor := pkitest.Pair(t, pki.KeyECDSAP256), pkitest.Agent(t, "sensor")
	door, err := way.B.Listen("tcp", net.JoinHostPort(way.B.Address.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	for _, class := range []link.Class{link.Small, link.Small, link.Bulk, link.Bulk} {
		joined := make(chan error, 1)
		go func() { joined <- r.let(acceptor, door, server) }()
		joining, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		raw, err := way.A.DialContext(joining, "tcp", door.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		shown := sensor.TLS()
		c := pki.ClientConfig(pki.PinTo(server.Fingerprint()), &shown)
		c.NextProtos, c.MinVersion, c.DynamicRecordSizingDisabled = []string{link.ALPN}, tls.VersionTLS13, true
		lane, err := r.dial.AddLane(joining, tls.Client(raw, c), class)
		if err := errors.Join(err, <-joined); err != nil {
			t.Fatal(err)
		}
		if lane.Congestion() != link.BBR {
			t.Fatalf("the lanes use %s", lane.Congestion())
		}
		r.lanes = append(r.lanes, lane)
	}
	served := make(chan struct{})
	go func() { defer close(served); r.serve() }()
	t.Cleanup(func() {
		r.dial.Close(link.CodeShutdown, "the test ends")
		<-served
	})
	return r
}

// let takes the next lane in at the Central Node's end.
func (r *rig) let(acceptor *link.Acceptor, door net.Listener, server *pki.Pair) error {
	raw, err := door.Accept()
	if err != nil {
		return err
	}
	c := pki.ServerConfig(pki.NewHolder(server), link.ALPN)
	c.MinVersion, c.DynamicRecordSizingDisabled = tls.VersionTLS13, true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn := tls.Server(raw, c)
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	lane, err := acceptor.Join(ctx, conn, "sensor")
	if err == nil {
		r.accept = lane.Link()
		r.theirs = append(r.theirs, lane)
	}
	return err
}

// What an agent of a test does, by its ALPN.
const (
	bulky   = "bulk"     // it sends for the sake of sending
	chatter = "http/1.1" // it is sent back what it says
)

// serve is the Central Node: it makes tests, answers requests and takes bulk.
func (r *rig) serve() {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		s, err := r.accept.Accept(context.Background())
		if err != nil {
			return
		}
		all.Go(func() {
			switch m := s.Meta(); {
			case m.Measure:
				if err := capacity.Serve(context.Background(), s, capacity.OverLanes(func() []*link.Lane { return r.theirs }, nil)); err != nil {
					s.Reset(link.CodeCancel, "")
					return
				}
			case m.ALPN == bulky:
				_, _ = io.Copy(counter{&r.received}, s)
			default:
				_, _ = io.Copy(s, s)
			}
			_ = s.Close()
		})
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) { c.n.Add(int64(len(p))); return len(p), nil }

// send writes until it fails.
func send(w io.Writer) {
	for b := make([]byte, 16<<10); ; {
		if _, err := w.Write(b); err != nil {
			return
		}
	}
}

// agent opens the stream of agent n.
func (r *rig) agent(n byte, alpn string) *link.Stream {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	s, err := r.dial.Open(ctx, link.Meta{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 1), ALPN: alpn})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// test runs a capacity test.
func (r *rig) test(spec capacity.Spec) capacity.Result {
	r.t.Helper()
	found, err := r.try(spec)
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// try is a test that may not come to its end in time.
func (r *rig) try(spec capacity.Spec) (capacity.Result, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	s, err := r.dial.Open(ctx, link.Meta{Measure: true})
	if err != nil {
		r.t.Fatal(err)
	}
	found, err := capacity.Test(ctx, s, spec, capacity.OverLanes(func() []*link.Lane { return r.lanes }, nil))
	if err != nil {
		s.Reset(link.CodeCancel, "")
		return found, err
	}
	return found, s.Close()
}

// talk has agents make small requests, 20 a second each, until stop, and returns
// how long each took.
func (r *rig) talk(agents int, stop <-chan struct{}) []time.Duration {
	r.t.Helper()
	var (
		mu  sync.Mutex
		all []time.Duration
		run sync.WaitGroup
	)
	for n := range agents {
		s := r.agent(byte(n+1), chatter)
		run.Go(func() {
			defer s.Close()
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			b := make([]byte, 400)
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				began := time.Now()
				_ = s.SetDeadline(began.Add(patience))
				if _, err := s.Write(b); err != nil {
					r.t.Error(err)
					return
				}
				if _, err := io.ReadFull(s, b); err != nil {
					r.t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, time.Since(began))
				mu.Unlock()
			}
		})
	}
	run.Wait()
	slices.Sort(all)
	return all
}

// share is the part of sorted times below which a share of them is.
func share(all []time.Duration, of float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	return all[int(of*float64(len(all)-1))]
}
