package kv

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkApply(b *testing.B) {
	s := temporary(b)
	for n := 0; b.Loop(); n++ {
		if _, err := s.Apply(b.Context(), []Op{put(fmt.Sprint("key/", n%1000), strings.Repeat("v", 400))}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func filled(b *testing.B, n int) *Store {
	b.Helper()
	s := temporary(b)
	var ops []Op
	for i := range n {
		ops = append(ops, put(fmt.Sprintf("host/%06d", i), strings.Repeat("v", 400)))
	}
	if _, err := s.Apply(b.Context(), ops, nil); err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkGet(b *testing.B) {
	s := filled(b, 15_000)
	for n := 0; b.Loop(); n++ {
		if _, err := s.Get(b.Context(), fmt.Sprintf("host/%06d", n%15_000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListOf15000(b *testing.B) {
	s := filled(b, 15_000)
	for b.Loop() {
		if list, _, err := s.List(b.Context(), "host/"); err != nil || len(list) != 15_000 {
			b.Fatal(len(list), err)
		}
	}
}

func BenchmarkCheckOf15000(b *testing.B) {
	s := filled(b, 15_000)
	for b.Loop() {
		if err := s.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
