package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vedette/centralnode/scan/engine"
)

// BenchmarkSubmit submits objects, which are scanned meanwhile, from so many
// callers at once; each call waits until the object is durable. Objects are kept
// inside the state file or as files, to see which is better at which size.
func BenchmarkSubmit(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 64 << 10, 10 << 20} {
		for _, inline := range []bool{true, false} {
			if inline && size > 64<<10 {
				continue
			}
			for _, callers := range []int{1, 8, 64} {
				kind := "file"
				if inline {
					kind = "inline"
				}
				b.Run(fmt.Sprintf("%dKiB/%s/%d", size>>10, kind, callers), func(b *testing.B) {
					benchmarkSubmit(b, size, inline, callers)
				})
			}
		}
	}
}

// BenchmarkMailBehindFlood submits one mail after the other and waits for each
// verdict, while eight other systems keep thousands of objects waiting and an
// object takes an engine 2 ms.
func BenchmarkMailBehindFlood(b *testing.B) {
	for _, priority := range []bool{true, false} {
		b.Run(fmt.Sprintf("priority=%v", priority), func(b *testing.B) {
			slow := &fake{name: "slow", scan: func(context.Context, engine.Object) (engine.Result, error) {
				<-time.After(2 * time.Millisecond)
				return engine.Result{}, nil
			}}
			r := open(b, Config{
				Engines: []engine.Engine{slow}, Limits: Limits{Workers: 2, InFlight: 4096, InFlightPerSystem: 400},
				First: func(id string) bool { return id == "mail" },
			})
			stop := run(b, r)
			defer stop()
			r.SetPriority(priority)
			ended := make(chan struct{})
			var flood sync.WaitGroup
			for i := range 8 {
				flood.Go(func() {
					for {
						select {
						case <-ended:
							return
						default:
						}
						if submit(r, fmt.Sprint("flood", i), "", []byte("x")) != nil {
							<-time.After(time.Millisecond) // as many wait as may
						}
					}
				})
			}
			within(b, time.Minute, "a flood", func() bool { return r.Status(b.Context()).Waiting > 3000 })
			took := make([]time.Duration, b.N)
			b.ResetTimer()
			for i := range b.N {
				at := time.Now()
				submitOK(b, r, "mail", fmt.Sprint(i), []byte("mail"))
				for r.Waiting("mail") > 0 {
					<-time.After(100 * time.Microsecond)
				}
				took[i] = time.Since(at)
			}
			b.StopTimer()
			close(ended)
			flood.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

func benchmarkSubmit(b *testing.B, size int, inline bool, callers int) {
	r := open(b, Config{Engines: []engine.Engine{reader()}, Limits: Limits{InFlight: 4096, InFlightPerSystem: 4096}})
	r.inline = -1
	if inline {
		r.inline = 1 << 20
	}
	stop := run(b, r)
	defer stop()
	content := make([]byte, size)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.SetBytes(int64(size))
	b.ResetTimer()
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				at := time.Now()
				var busy *BusyError
				err := submit(r, "gate", fmt.Sprint(i), content)
				for errors.As(err, &busy) {
					<-time.After(time.Millisecond)
					err = submit(r, "gate", fmt.Sprint(i), content)
				}
				if err != nil {
					b.Error(err)
					return
				}
				took[i-1] = time.Since(at)
			}
		})
	}
	wg.Wait()
	passed := time.Since(began)
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/passed.Seconds(), "objects/s")
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
	within(b, time.Minute, "all verdicts", func() bool { return r.Waiting("gate") == 0 })
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "verdicts/s")
}
