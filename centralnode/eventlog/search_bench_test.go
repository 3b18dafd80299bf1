package eventlog

import (
	"fmt"
	"testing"
)

// BenchmarkSearch measures pages of 100 events, the newest ones, of an older
// page, of one agent among many, and of a text that occurs nowhere, which reads
// as much as a page may.
func BenchmarkSearch(b *testing.B) {
	for _, size := range []struct{ packages, events, length int }{{10_000, 50, 130}, {2_000, 300, 130}} {
		l := open(b, Config{Dir: b.TempDir(), MaxBytes: 4 << 30})
		var queues [100]uint64
		for n := range size.packages {
			agent := n % len(queues)
			queues[agent]++
			p := newPackage(agent, queues[agent], 1)
			p.Events = makeEvents(agent, queues[agent], size.events, size.length)
			appendOK(b, l, p, Stored)
		}
		first, err := l.Search(b.Context(), Search{Limit: 100})
		if err != nil {
			b.Fatal(err)
		}
		quiet := newPackage(1000, 1, 1)
		old := Cursor{Store: first.Oldest.Store, Place: uint64(size.packages / 2)}
		for name, q := range map[string]Search{
			"first": {}, "older": {Filter: Filter{From: old}}, "newer": {Filter: Filter{From: old}, Newer: true},
			"agent": {Filter: Filter{AgentID: id(7)}}, "unknown-agent": {Filter: Filter{AgentID: quiet.AgentID}},
			"nowhere": {Filter: Filter{Text: "nowhere"}, MaxBytes: 64 << 20},
		} {
			b.Run(fmt.Sprintf("packages=%d/events=%d/%s", size.packages, size.packages*size.events, name), func(b *testing.B) {
				q.Limit = 100
				var packages uint64
				for b.Loop() {
					found, err := l.Search(b.Context(), q)
					if err != nil {
						b.Fatal(err)
					}
					packages += found.Packages
				}
				b.ReportMetric(float64(packages)/float64(b.N), "packages/op")
			})
		}
	}
}
