package eventlog

import (
	"testing"

	"pgregory.net/rapid"
)

func TestHistoryJudgesPackages(t *testing.T) {
	var h history
	for seq := uint64(1); seq <= 100; seq++ {
		if seq != 90 { // passed over by the agent
			h.stored(seq, digest(seq))
		}
	}
	tests := []struct {
		what   string
		seq    uint64
		digest digest
		want   verdict
	}{
		{"zero", 0, 1, verdictJump},
		{"the next", 101, 5, verdictNew},
		{"a gap", 150, 5, verdictNew},
		{"the largest gap", 100 + MaxSeqJump, 5, verdictNew},
		{"over the largest gap", 101 + MaxSeqJump, 5, verdictJump},
		{"the last again", 100, 100, verdictDuplicate},
		{"the last with other content", 100, 5, verdictConflict},
		{"the oldest remembered", 36, 36, verdictDuplicate},
		{"the oldest remembered with other content", 36, 5, verdictConflict},
		{"older than what is remembered", 35, 5, verdictDuplicate},
		{"passed over", 90, 90, verdictConflict},
	}
	for _, tt := range tests {
		if got := h.judge(tt.seq, tt.digest); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
		}
	}
	if len(h.ring) != recentKept {
		t.Errorf("%d packages remembered, want %d", len(h.ring), recentKept)
	}
	h.forget()
	if got := h.judge(100, 5); got != verdictDuplicate {
		t.Errorf("after forget: %v, want duplicate", got)
	}
}

func TestHistorySurvivesACheckpoint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history
		seq := uint64(0)
		digests := make(map[uint64]digest)
		for range rapid.IntRange(0, 200).Draw(t, "packages") {
			seq += rapid.Uint64Range(1, MaxSeqJump).Draw(t, "step")
			digests[seq] = digest(rapid.Uint64().Draw(t, "digest"))
			h.stored(seq, digests[seq])
		}
		s := h.state()
		if len(s.Recent) > 256 {
			t.Fatalf("state takes %d bytes", len(s.Recent))
		}
		got, err := restore(s)
		if err != nil {
			t.Fatal(err)
		}
		if got.highest != h.highest {
			t.Fatalf("highest %d, want %d", got.highest, h.highest)
		}
		if want := min(len(h.ring), recentSaved); len(got.ring) != want {
			t.Fatalf("%d packages remembered, want %d", len(got.ring), want)
		}
		for i, r := range got.ring {
			if want := h.newest(len(got.ring) - 1 - i); r != want || digests[r.seq] != r.digest {
				t.Fatalf("package %d is %v, want %v", i, r, want)
			}
		}
	})
}

func FuzzRestore(f *testing.F) {
	h := history{}
	h.stored(5, 1)
	h.stored(9, 2)
	f.Add(uint64(9), h.state().Recent)
	f.Add(uint64(1), []byte{recentVersion, 0x80})
	f.Fuzz(func(t *testing.T, highest uint64, b []byte) {
		h, err := restore(QueueState{Highest: highest, Recent: b})
		if err != nil {
			return
		}
		if len(h.ring) > recentSaved || h.highest != highest {
			t.Fatalf("restored %d packages up to %d", len(h.ring), h.highest)
		}
	})
}
