package link

import (
	"context"
	"io"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRetention pushes bulk bytes over TLS lanes with and without retention, in turns, and reports the CPU that
// both ends together need for a GB each way, and the ratio.
func BenchmarkRetention(b *testing.B) {
	const size = 128 << 20
	connect := overTLS(b)
	var rigs [2]*rig
	for i := range rigs {
		rigs[i] = newRig(b, connect, Config{}, Small, Small, Bulk, Bulk)
		for _, l := range []*Link{rigs[i].dial, rigs[i].accept} {
			l.mu.Lock()
			l.end.unretain = i == 1
			l.mu.Unlock()
		}
	}
	push := func(r *rig) time.Duration {
		before := cpuTime()
		done := make(chan error, 4)
		for range 4 {
			go func() {
				s, err := r.accept.Accept(context.Background())
				if err == nil {
					_, err = io.Copy(io.Discard, s)
				}
				done <- err
			}()
			s, err := r.dial.Open(context.Background(), Meta{})
			if err != nil {
				b.Fatal(err)
			}
			go func() {
				p := make([]byte, 32<<10)
				for range size / 4 / len(p) {
					if _, err := s.Write(p); err != nil {
						b.Error(err)
						return
					}
				}
				_ = s.CloseWrite()
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				b.Fatal(err)
			}
		}
		return cpuTime() - before
	}
	push(rigs[0])
	push(rigs[1])
	var cpu [2]time.Duration
	b.SetBytes(2 * size)
	b.ResetTimer()
	for n := range b.N {
		for i := range rigs {
			i ^= n & 1
			cpu[i] += push(rigs[i])
		}
	}
	gb := float64(b.N) * size / 1e9
	b.ReportMetric(cpu[0].Seconds()/gb, "cpu-s/GB-retained")
	b.ReportMetric(cpu[1].Seconds()/gb, "cpu-s/GB-plain")
	b.ReportMetric(float64(cpu[0])/float64(cpu[1]), "ratio")
}

// BenchmarkIdleStream reports the memory of an idle stream after a small request and answer, both ends together.
func BenchmarkIdleStream(b *testing.B) {
	r := newRig(b, overTCP, Config{}, Small, Bulk)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const n = 4000
	for b.Loop() {
		before := heap()
		streams := make([]*Stream, 0, 2*n)
		for range n {
			s, err := r.dial.Open(context.Background(), Meta{})
			if err != nil {
				b.Fatal(err)
			}
			o, err := r.accept.Accept(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			var p [300]byte
			for _, w := range [][2]*Stream{{s, o}, {o, s}} {
				_, _ = w[0].Write(p[:])
				if _, err := io.ReadFull(w[1], p[:]); err != nil {
					b.Fatal(err)
				}
			}
			streams = append(streams, s, o)
		}
		eventually(b, "everything is acknowledged", func() bool { return r.dial.Stats().Retained+r.accept.Stats().Retained == 0 })
		b.ReportMetric(float64(heap()-before)/n/1024, "KiB/stream-both-ends")
		for _, s := range streams {
			s.Reset(CodeCancel, "")
		}
		eventually(b, "no stream is left", func() bool { return r.dial.Stats().Streams+r.accept.Stats().Streams == 0 })
	}
}
