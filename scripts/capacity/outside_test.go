package capacity

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vedette/proto/capacity"
)

// outsider sends from the Sensor's end to the Central Node's beside the link, until the test is over, and counts what arrives.
func (r *rig) outsider(send func(net.Conn), network string) *atomic.Int64 {
	r.t.Helper()
	var (
		arrived atomic.Int64
		run     sync.WaitGroup
		ends    []io.Closer
		to      net.Addr
	)
	r.t.Cleanup(func() {
		for _, c := range ends {
			c.Close()
		}
		run.Wait()
	})
	take := func(c io.Reader) { _, _ = io.Copy(counter{&arrived}, c) }
	at := net.JoinHostPort(r.way.B.Address.String(), "0")
	if network == "tcp" {
		door, err := r.way.B.Listen(network, at)
		if err != nil {
			r.t.Fatal(err)
		}
		ends, to = append(ends, door), door.Addr()
		run.Go(func() {
			if c, err := door.Accept(); err == nil {
				defer c.Close()
				take(c)
			}
		})
	} else {
		c, err := r.way.B.ListenPacket(network, at)
		if err != nil {
			r.t.Fatal(err)
		}
		ends, to = append(ends, c), c.LocalAddr()
		run.Go(func() { take(c.(net.Conn)) })
	}
	c, err := r.way.A.DialContext(r.t.Context(), network, to.String())
	if err != nil {
		r.t.Fatal(err)
	}
	ends = append(ends, c)
	run.Go(func() { send(c) })
	for tick, until := time.Tick(10*time.Millisecond), time.Now().Add(patience); arrived.Load() < 4<<20; {
		if <-tick; time.Now().After(until) {
			r.t.Fatalf("%d bytes of somebody else arrived", arrived.Load())
		}
	}
	return &arrived
}

// greedy sends by TCP without an end, with the congestion control of most machines.
func greedy(t *testing.T) func(net.Conn) {
	return func(c net.Conn) {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Error(err)
			return
		}
		if err := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
		}); err != nil {
			t.Error(err)
		}
		send(c)
	}
}

// flood sends packets at a part more than the line carries, whatever becomes of them.
func flood(c net.Conn) {
	const size, rate = 1400, 1.05 * line / 8
	began, sent := time.Now(), 0
	for tick, b := time.Tick(2*time.Millisecond), make([]byte, size); ; <-tick {
		for ; float64(sent) < rate*time.Since(began).Seconds(); sent += size {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}
}

// Somebody outside of the link has filled the line before the test begins: the test takes less of it than they have, says that
// there may be more, and finds no more than there is. A machine that does other things may keep others from filling the line, so
// one try of some counts for who has how much.
func TestATestLeavesTheLineToWhoFilledItBefore(t *testing.T) {
	for _, c := range []struct {
		name, network string
		send          func(*testing.T) func(net.Conn)
	}{
		{"TCP", "tcp", greedy},
		{"UDP", "udp", func(*testing.T) func(net.Conn) { return flood }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := over(t, slow())
			r.test(capacity.Spec{Duration: time.Second}) // so that TCP knows the way
			arrived := r.outsider(c.send(t), c.network)
			left := false
			for try := 0; try < 3 && !left; try++ {
				before, began := arrived.Load(), time.Now()
				found := r.test(capacity.Spec{})
				theirs := 8 * float64(arrived.Load()-before) / time.Since(began).Seconds()
				own := 8 * float64(found.Bytes) / found.Took.Seconds()
				t.Logf("the test found %.1f Mbit/s, at least: %v; others had %.1f", float64(found.Rate)/1e6, found.Growing, theirs/1e6)
				if found.Bounded || float64(found.Rate) > most*line {
					t.Errorf("found %+v", found)
				}
				left = found.Growing && own < theirs
			}
			if !left {
				t.Error("the test took the line from who had filled it, or did not say at least")
			}
		})
	}
}
