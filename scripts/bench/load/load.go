// Package load is what the loads of the benchmarks have in common.
package load

import (
	"context"
	"crypto/tls"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"vedette/pki"
)

// Spread does n things, so many at once, and stops at the first error.
func Spread(ctx context.Context, atOnce, n int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

// Pause waits, unless ctx ends before.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Percentiles returns p50, p99 and the longest in milliseconds; zeros when there
// are none. It sorts latencies.
func Percentiles(latencies []time.Duration) (p50, p99, longest float64) {
	if len(latencies) == 0 {
		return 0, 0, 0
	}
	slices.Sort(latencies)
	return at(latencies, 0.50), at(latencies, 0.99), at(latencies, 1)
}

// P95 returns p50 and p95 in milliseconds; zeros when there are none. It sorts
// latencies.
func P95(latencies []time.Duration) (p50, p95 float64) {
	if len(latencies) == 0 {
		return 0, 0
	}
	slices.Sort(latencies)
	return at(latencies, 0.50), at(latencies, 0.95)
}

// at is the latency that a share of the sorted ones is below, in milliseconds.
func at(sorted []time.Duration, share float64) float64 {
	return float64(sorted[min(len(sorted)-1, int(share*float64(len(sorted))))].Nanoseconds()) / 1e6
}

// Noise makes n bytes that do not compress, always the same.
func Noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// Client is the TLS configuration of somebody who shows a certificate and takes
// only that of the server. It offers one key exchange group, so that every
// subject does the same work.
func Client(pin pki.Fingerprint, shown *pki.Pair) *tls.Config {
	certificate := shown.TLS()
	c := pki.ClientConfig(pki.PinTo(pin), &certificate)
	c.MinVersion, c.CurvePreferences = tls.VersionTLS13, []tls.CurveID{tls.X25519}
	return c
}
