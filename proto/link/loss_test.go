package link

import (
	"math/rand/v2"
	"testing"
	"time"
)

// lossRun tells seconds of traffic with a share of loss, and returns how often the judgement changed.
func lossRun(s *losses, rng *rand.Rand, seconds, segments int, share float64) (changes int) {
	for range seconds {
		lost := 0
		for range segments {
			if rng.Float64() < share {
				lost++
			}
		}
		before := s.lossy
		if s.step(float64(segments+lost), float64(lost), time.Second) != before {
			changes++
		}
	}
	return changes
}

func TestLossIsSeenSoonAndForgottenAfterHalfAMinute(t *testing.T) {
	for _, rate := range []int{20, 500, 20_000} {
		rng := rand.New(rand.NewPCG(1, uint64(rate)))
		var s losses
		if lossRun(&s, rng, 600, rate, 0); s.lossy {
			t.Errorf("%d/s without loss are lossy", rate)
		}
		if lossRun(&s, rng, 5, rate, 0.10); !s.lossy {
			t.Errorf("%d/s: 10 %% are not seen after 5 s", rate)
		}
		if n := lossRun(&s, rng, 120, rate, 0.02); n != 0 {
			t.Errorf("%d/s: the judgement changes %d times at 2 %%", rate, n)
		}
		if lossRun(&s, rng, int(calmTime/time.Second)-1, rate, 0); !s.lossy {
			t.Errorf("%d/s: loss is forgotten too soon", rate)
		}
		if lossRun(&s, rng, 60, rate, 0); s.lossy {
			t.Errorf("%d/s: still lossy after a minute and a half without loss", rate)
		}
	}
}

func TestJudgementDoesNotFlapAtTheThreshold(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var s losses
	if n := lossRun(&s, rng, 3600, 500, lossyShare); n > 1 {
		t.Errorf("changed %d times in an hour of exactly 1 %%", n)
	}
}

func TestAQuietLinkIsJudgedToo(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var s losses
	if lossRun(&s, rng, 60, 2, 0.10); !s.lossy {
		t.Error("10 % of 2 segments a second are not seen within a minute")
	}
	if lossRun(&s, rng, 900, 2, 0); s.lossy {
		t.Error("a quiet link stays lossy for a quarter of an hour")
	}
}

func TestWhatThePeerAlreadyHadIsNoLoss(t *testing.T) {
	l := newLink(Config{}.withDefaults())
	l.end = newEnd(true, testLimits, 1<<20, 1<<20)
	lane := &Lane{link: l, state: l.end.laneUp(1, Small, 0)}
	now := TCP{}
	for range 20 { // every fifth segment again, and all of them for nothing
		now.Segments, now.Retransmitted, now.Needless = now.Segments+500, now.Retransmitted+100, now.Needless+100
		if l.judge([]look{{lane: lane, TCP: now}}, 0, time.Second); l.end.copying {
			t.Fatal("needless retransmissions make copies")
		}
	}
	now.Segments, now.Retransmitted = now.Segments+500, now.Retransmitted+100
	if l.judge([]look{{lane: lane, TCP: now}}, 0, time.Second); !l.end.copying {
		t.Error("lost segments make no copies")
	}
}

func TestStatsCountWhatIsSent(t *testing.T) {
	r := newRig(t, overTCP, Config{}, Small, Small)
	exchange(t, r, 20, 50_000, nil)
	for _, l := range []*Link{r.dial, r.accept} {
		s := l.Stats()
		if s.SentBytes < 20*1000 || s.CopiedBytes != 0 || s.Copying {
			t.Errorf("%+v", s)
		}
	}
}
