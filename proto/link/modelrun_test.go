package link

import (
	"flag"
	"testing"
)

var (
	modelSeed = flag.Uint64("model.seed", 0, "run the model with this seed only")
	modelRuns = flag.Uint64("model.runs", 1500, "how many seeds the model runs")
)

func runModel(seed uint64) *world {
	w := newWorld(seed)
	for range 300 + w.rng.IntN(1500) {
		if w.step(); w.broken != nil {
			return w
		}
	}
	w.finish()
	return w
}

// TestStreamsAreExactOrEndWithAnError is the model of SPEC.md: two ends, lanes that die for one side first, late records,
// copies, random programs. Whatever happens, each reader gets exactly the bytes that were written, or an error.
func TestStreamsAreExactOrEndWithAnError(t *testing.T) {
	first, last := uint64(1), *modelRuns
	if *modelSeed != 0 {
		first, last = *modelSeed, *modelSeed
	}
	streams, bytesRead, sent, copied, gaps, shunned := 0, uint64(0), uint64(0), uint64(0), 0, 0
	for seed := first; seed <= last; seed++ {
		w := runModel(seed)
		if w.broken != nil {
			t.Fatalf("seed %d (run again with -model.seed=%d): %v", seed, seed, w.broken)
		}
		streams += len(w.users[1])
		gaps, shunned = max(gaps, w.gaps), shunned+w.shunned
		for _, e := range w.ends {
			sent, copied = sent+e.sentBytes, copied+e.copiedBytes
		}
		for _, users := range w.users {
			for _, u := range users {
				bytesRead += u.read
			}
		}
	}
	t.Logf("%d streams, %d MB, %d MB sent, of it %d MB copies, lanes shunned %d times, at most %d gaps", streams, bytesRead>>20, sent>>20, copied>>20, shunned, gaps)
	if *modelSeed == 0 && (streams < int(last) || copied < last<<10 || shunned < int(last)) {
		t.Errorf("only %d streams in %d runs, %d bytes of copies, %d lanes shunned: the model does nothing", streams, last, copied, shunned)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		if w := runModel(seed); w.broken != nil {
			t.Fatalf("seed %d: %v", seed, w.broken)
		}
	})
}
