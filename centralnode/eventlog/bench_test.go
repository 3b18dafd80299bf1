package eventlog

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAppend measures packages made durable per second, with one agent
// after the other and with many at once.
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
	b.ReportMetric(float64(b.N)/took, "packages/s")
	b.ReportMetric(float64(b.N*len(events))/took, "events/s")
}
