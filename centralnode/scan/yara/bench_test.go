package yara_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkScan is one object after the other, with 1,000 rules.
func BenchmarkScan(b *testing.B) {
	var rules strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&rules, "rule R%d { strings: $a = \"pattern number %d\" condition: $a }\n", i, i)
	}
	w := newWorld(b, "a.yar", rules.String()).open()
	for name, size := range map[string]int{"1KiB": 1 << 10, "10MiB": 10 << 20} {
		o := w.object(strings.Repeat("The quick brown fox jumps. ", size/27+1)[:size])
		b.Run(name, func(b *testing.B) {
			b.SetBytes(o.Size)
			for b.Loop() {
				if _, err := w.Scan(context.Background(), o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
