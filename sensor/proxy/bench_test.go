package proxy_test

import (
	"crypto/tls"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"

	"vedette/pki"
	"vedette/pki/pkitest"
	"vedette/proto/link"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkUpload pushes bulk bytes of 4 agents through proxy and link and
// reports the CPU of the whole process (agents, Sensor and Central Node) for a
// GB, with the ingress share out of the way.
func BenchmarkUpload(b *testing.B) { benchmarkBulk(b, true) }

// BenchmarkDownload does the same the other way.
func BenchmarkDownload(b *testing.B) { benchmarkBulk(b, false) }

func benchmarkBulk(b *testing.B, up bool) {
	const size, agents = 16 << 20, 4
	block := make([]byte, 1<<16)
	push := func(w io.Writer) error {
		for range size / len(block) {
			if _, err := w.Write(block); err != nil {
				return err
			}
		}
		return nil
	}
	pull := func(r io.Reader) error {
		_, err := io.CopyN(io.Discard, r, size)
		return err
	}
	r := open(b, options{secure: true, unlimited: true}, func(s *link.Stream) {
		for order := make([]byte, 1); ; {
			if _, err := io.ReadFull(s, order); err != nil {
				return
			}
			if up && pull(s) != nil || !up && push(s) != nil {
				return
			}
			if _, err := s.Write(order); err != nil {
				return
			}
		}
	})
	r.Apply(listing(1, false, nil, nil))
	var conns []*tls.Conn
	for range agents {
		c, err := tls.Dial("tcp", r.Address().String(), r.config(pkitest.Agent(b, "agent")))
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	round := func() {
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() {
				order := []byte{1}
				_, err := c.Write(order)
				if err == nil && up {
					err = push(c)
				} else if err == nil {
					err = pull(c)
				}
				if err == nil {
					_, err = io.ReadFull(c, order)
				}
				if err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
	round()
	b.SetBytes(agents * size)
	before := cpuTime()
	for b.Loop() {
		round()
	}
	b.ReportMetric((cpuTime()-before).Seconds()*1e9/float64(b.N*agents*size), "cpu-s/GB")
}

// BenchmarkSmallRequest is a request of 300 bytes and its answer on kept
// connections.
func BenchmarkSmallRequest(b *testing.B) {
	r := open(b, options{secure: true, unlimited: true}, echo)
	r.Apply(listing(1, false, nil, nil))
	before := cpuTime()
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		c, err := tls.Dial("tcp", r.Address().String(), r.config(nil))
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		for m := make([]byte, 300); p.Next(); {
			if _, err := c.Write(m); err != nil {
				b.Error(err)
			}
			if _, err := io.ReadFull(c, m); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkWithdraw is how long Apply takes that cuts 1,000 agents of 2,000,
// with everything else in the same process.
func BenchmarkWithdraw(b *testing.B) {
	good, bad := pkitest.Agent(b, "good"), pkitest.Agent(b, "bad")
	r := open(b, options{}, echo)
	for b.Loop() {
		b.StopTimer()
		r.Apply(listing(1, true, []*pki.Pair{good, bad}, nil))
		for range 1000 {
			r.call(good).says(b, "hello")
			r.call(bad).says(b, "hello")
		}
		b.StartTimer()
		if n := r.Apply(listing(2, true, []*pki.Pair{good}, []*pki.Pair{bad})); n != 1000 {
			b.Fatalf("%d were cut", n)
		}
		b.StopTimer()
		r.CutAll()
		eventually(b, "all are gone", func() bool { return r.Counts().Agents == 0 })
		b.StartTimer()
	}
}
