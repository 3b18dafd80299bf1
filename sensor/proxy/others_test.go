package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"vedette/pki"
	"vedette/proto/link"
)

// othersVariable makes this test program play all others for the benchmark
// below instead of testing, so that only the Sensor's memory is measured.
const othersVariable = "VEDETTE_BENCH_OTHERS"

// others is the Central Node, which echoes, and agents that say something, read
// it back and are silent then, until standard input ends.
func others() error {
	own, err := pki.GenerateServer(pki.ServerOptions{Names: []string{"localhost"}, Now: time.Now})
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", acceptConfig(pki.NewHolder(own)))
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Println(listener.Addr(), own.Fingerprint())
	acceptor := link.NewAccepting(link.Config{}, nil)
	defer acceptor.Close(link.CodeShutdown, "")
	for range lanes {
		c, err := listener.Accept()
		if err != nil {
			return err
		}
		lane, err := acceptor.Join(context.Background(), c, "sensor")
		if err != nil {
			return err
		}
		if lane.First() {
			go serveStreams(lane.Link(), echo)
		}
	}

	var address, pin string
	var n, size int
	if _, err := fmt.Scan(&address, &pin, &n, &size); err != nil {
		return err
	}
	server, err := pki.ParseFingerprint(pin)
	if err != nil {
		return err
	}
	message := []byte(strings.Repeat("x", min(size, 1<<16)))
	for range n {
		pair, err := pki.GenerateAgent(pki.AgentOptions{Name: "agent", Now: time.Now})
		if err != nil {
			return err
		}
		shown := pair.TLS()
		config := pki.ClientConfig(pki.PinTo(server), &shown)
		config.DynamicRecordSizingDisabled = true // as OpenSSL: records of 16 KiB from the beginning
		c, err := tls.Dial("tcp", address, config)
		if err != nil {
			return err
		}
		defer c.Close()
		go func() {
			for sent := 0; sent < size; sent += len(message) {
				if _, err := c.Write(message); err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
			}
		}()
		if _, err := io.CopyN(io.Discard, c, int64(size)); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// BenchmarkIdleAgents reports what an agent costs the Sensor that has sent
// something, was answered, and is silent now: resident memory, heap, stacks.
// Every agent has a certificate of its own.
func BenchmarkIdleAgents(b *testing.B) {
	for _, n := range []int{1000, 9000} {
		for _, size := range []int{600, 20_000} {
			b.Run(fmt.Sprintf("agents=%d/said=%d", n, size), func(b *testing.B) {
				for b.Loop() {
					holdAgents(b, n, size)
				}
			})
		}
	}
}

// BenchmarkEcho sends bytes to a Central Node elsewhere and back and reports the
// CPU of the Sensor alone, for a GB through it, half of that each way.
func BenchmarkEcho(b *testing.B) {
	const size = 512 << 20
	for b.Loop() {
		r, ready := withOthers(b, 1, size)
		before := cpuTime()
		ready()
		b.ReportMetric((cpuTime()-before).Seconds()*1e9/(2*size), "cpu-s/GB")
		r.end()
	}
	b.SetBytes(2 * size)
}

// withOthers starts a Sensor, and all others in another process. ready lets the
// agents begin and returns when they have been answered.
func withOthers(b *testing.B, n, size int) (r *rig, ready func()) {
	child := exec.Command(os.Args[0])
	child.Env, child.Stderr = append(os.Environ(), othersVariable+"=1"), os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		_ = child.Wait()
	})
	var central, pin, word string
	if _, err := fmt.Fscanln(out, &central, &pin); err != nil {
		b.Fatal(err)
	}
	f, err := pki.ParseFingerprint(pin)
	if err != nil {
		b.Fatal(err)
	}
	r = open(b, options{central: central, pin: f, unlimited: true}, nil)
	r.Apply(listing(1, false, nil, nil))
	return r, func() {
		if _, err := fmt.Fprintln(in, r.Address(), r.server.Fingerprint(), n, size); err != nil {
			b.Fatal(err)
		}
		if _, err := fmt.Fscanln(out, &word); err != nil {
			b.Fatal(err)
		}
	}
}

func holdAgents(b *testing.B, n, size int) {
	r, ready := withOthers(b, n, size)
	before, busy := measure(b), cpuTime()
	ready()
	busy = cpuTime() - busy
	eventually(b, "everything is acknowledged", func() bool { return r.dial.Stats().Retained == 0 })
	<-time.After(3 * time.Second) // agents have fallen silent
	after := measure(b)
	if got := r.Counts().Agents; got != n {
		b.Fatalf("%d agents, want %d", got, n)
	}
	each := func(after, before uint64) float64 { return float64(int64(after-before)) / float64(n) / 1024 }
	b.ReportMetric(each(after.resident, before.resident), "KiB-RSS/agent")
	b.ReportMetric(each(after.heap, before.heap), "KiB-heap/agent")
	b.ReportMetric(each(after.stacks, before.stacks), "KiB-stack/agent")
	b.ReportMetric(1024*each(after.objects, before.objects), "objects/agent")
	b.ReportMetric(float64(busy.Microseconds())/float64(n), "cpu-us/agent") // handshake, stream, message and answer
	b.ReportMetric(0, "ns/op")
}

type memory struct{ resident, heap, stacks, objects uint64 }

func measure(b *testing.B) (m memory) {
	for range 8 { // stacks shrink by half at most each time
		runtime.GC()
	}
	debug.FreeOSMemory()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(line, &m.resident); err != nil {
		b.Fatal(err)
	}
	m.resident <<= 10
	m.heap, m.stacks, m.objects = s.HeapAlloc, s.StackInuse, s.HeapObjects
	return m
}
