package events_test

import (
	"testing"
)

// BenchmarkCatchUp measures how fast one external system reads what is there, in
// answers of the default size, over TLS.
func BenchmarkCatchUp(b *testing.B) {
	d := newDisk(b, 1)
	n, s := d.start(b), d.systems[0]
	const packages, each = 1000, 20
	for seq := uint64(1); seq <= packages; seq++ {
		n.append(seq, each)
	}
	read := 0
	for b.Loop() {
		for token, left := "", packages*each; left > 0; {
			a, err := s.try(b.Context(), s.plain, "/events?continuation_token="+token)
			must(b, err)
			token, left, read = a.ContinuationToken, left-len(a.Events), read+len(a.Events)
		}
	}
	b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWake measures the time from the beginning of an append to the answer
// of a call that waits for it.
func BenchmarkWake(b *testing.B) {
	d := newDisk(b, 1)
	n, s := d.start(b), d.systems[0]
	token := s.poll(b).ContinuationToken
	seq := uint64(0)
	for b.Loop() {
		b.StopTimer()
		call := s.parkedCall(b.Context(), b, token)
		seq++
		b.StartTimer()
		n.append(seq, 1)
		token = await(b, call).answer.ContinuationToken
	}
}
