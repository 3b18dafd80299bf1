package load_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"vedette/scripts/bench/load"
)

func TestPercentiles(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i)*time.Millisecond)
	}
	if p50, p99, longest := load.Percentiles(all); p50 != 101 || p99 != 199 || longest != 200 {
		t.Fatal(p50, p99, longest)
	}
	if p50, p95 := load.P95(all); p50 != 101 || p95 != 191 {
		t.Fatal(p50, p95)
	}
	if p50, p99, longest := load.Percentiles(nil); p50 != 0 || p99 != 0 || longest != 0 {
		t.Fatal("percentiles of nothing")
	}
}

func TestSpreadStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	var began atomic.Int32
	err := load.Spread(t.Context(), 2, 1000, func(ctx context.Context, i int) error {
		began.Add(1)
		if i == 3 {
			return broken
		}
		if i > 3 {
			<-ctx.Done()
		}
		return nil
	})
	if !errors.Is(err, broken) || began.Load() > 10 {
		t.Fatal(began.Load(), err)
	}
}

func TestNoiseIsTheSameEveryTime(t *testing.T) {
	a, b := load.Noise(4096), load.Noise(8192)
	if !bytes.Equal(a, b[:4096]) || bytes.Count(a, []byte{0}) > 64 {
		t.Fatal("not the noise that was expected")
	}
}
