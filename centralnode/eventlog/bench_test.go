package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAppend measures packages made durable per second, with one agent and
// with many at once, packages of a quiet host and of a busy one. The share of
// the disk is the time that as many bare writes with a sync take, one after the
// other as the store does them, of the time that all of it took.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{2_000, 60_000} {
		for _, parallel := range []int{1, 64} {
			b.Run(fmt.Sprintf("bytes=%d/agents=%d", size, parallel), func(b *testing.B) {
				benchmarkAppend(b, size, parallel)
			})
		}
	}
}

func benchmarkAppend(b *testing.B, size, parallel int) {
	l := open(b, Config{Dir: b.TempDir(), MaxBytes: 1 << 30})
	run(b, l)
	ctx := context.Background()
	events := makeEvents(0, 0, size/200, 130)
	var agents atomic.Int64
	b.SetParallelism(parallel)
	b.SetBytes(int64(size))
	b.ResetTimer()
	began := time.Now()
	b.RunParallel(func(pb *testing.PB) {
		p := newPackage(int(agents.Add(1)), 0, 1)
		p.Events = events
		for pb.Next() {
			p.Seq++
			if _, err := l.Append(ctx, p); err != nil {
				b.Error(err)
				return
			}
		}
	})
	took := time.Since(began).Seconds()
	b.StopTimer()
	bare := bareSync(b, size).Seconds()
	b.ReportMetric(100*bare*float64(b.N)/took, "%disk")
	b.ReportMetric(float64(b.N)/took, "packages/s")
	b.ReportMetric(float64(b.N*len(events))/took, "events/s")
}

// bareSync is how long it takes to append some bytes to a file and sync it.
func bareSync(b *testing.B, size int) time.Duration {
	f, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const times = 500
	data := make([]byte, size)
	began := time.Now()
	for range times {
		if _, err := f.Write(data); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began) / times
}
