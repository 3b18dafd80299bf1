package builtin

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestMatcherFindsWhatAPlainSearchFinds compares over few letters, so that
// patterns overlap and contain each other.
func TestMatcherFindsWhatAPlainSearchFinds(t *testing.T) {
	letters := rapid.SampledFrom([]byte("ab\x00"))
	rapid.Check(t, func(t *rapid.T) {
		patterns := rapid.SliceOfN(rapid.SliceOfN(letters, 2, 9), 1, 12).Draw(t, "patterns")
		slices.SortFunc(patterns, bytes.Compare)
		patterns = slices.CompactFunc(patterns, bytes.Equal)
		stream := rapid.SliceOfN(letters, 0, 200).Draw(t, "stream")
		s := newMatcher(patterns).search()
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "read")
			s.write(rest[:n])
			rest = rest[n:]
		}
		for i, p := range patterns {
			want := int64(0)
			if at := bytes.Index(stream, p); at >= 0 {
				want = int64(at + len(p))
			}
			if s.ends[i] != want {
				t.Fatalf("pattern %q in %q ends at %d, want %d", p, stream, s.ends[i], want)
			}
		}
	})
}

// TestMatcherIsLinearAgainstHostilePatterns has the patterns for which a naive
// automaton walks a thousand outputs at every byte, beside one pattern of them.
func TestMatcherIsLinearAgainstHostilePatterns(t *testing.T) {
	var patterns [][]byte
	for n := 2; n <= 1024; n++ {
		patterns = append(patterns, bytes.Repeat([]byte("a"), n))
	}
	stream := bytes.Repeat([]byte("a"), 128<<10)
	fastest := func(m *matcher) time.Duration {
		best := time.Hour
		for range 3 {
			s, start := m.search(), time.Now()
			s.write(stream)
			best = min(best, time.Since(start))
			if s.ends[m.count-1] != 1024 {
				t.Fatalf("the longest pattern ends at %d", s.ends[m.count-1])
			}
		}
		return best
	}
	one, all := fastest(newMatcher(patterns[len(patterns)-1:])), fastest(newMatcher(patterns))
	if all > 50*one {
		t.Errorf("all patterns take %v, one takes %v", all, one)
	}
}

func TestMatcherTakesLittleMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var patterns [][]byte
	total := 0
	for range 10_000 {
		p := make([]byte, 16)
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		patterns, total = append(patterns, p), total+len(p)
	}
	slices.SortFunc(patterns, bytes.Compare)
	m := newMatcher(patterns)
	size := len(m.label) + 4*(cap(m.first)+cap(m.out)+cap(m.fail)+cap(m.hit))
	if size > 18*total {
		t.Errorf("%d bytes of patterns take %d bytes of memory", total, size)
	}
}
