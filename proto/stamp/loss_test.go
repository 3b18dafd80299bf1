package stamp_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"vedette/proto/stamp"
)

// fates are what happens to a packet on its way in one direction.
type fate struct {
	lost  bool
	twice bool
	delay int // in packets that overtake it
}

func fates(t *rapid.T, label string, n int) []fate {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) fate {
		return fate{rapid.IntRange(0, 9).Draw(t, "lost") < 3, rapid.IntRange(0, 9).Draw(t, "twice") < 2, rapid.IntRange(0, 40).Draw(t, "delay")}
	}), n, n).Draw(t, label)
}

// TestLossIsKnownByDirection sends packets through a pipe that loses, delays,
// reorders and repeats, and counts by what the sender learns alone.
func TestLossIsKnownByDirection(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := stamp.Session{ID: 9, Key: &key}
		sender, reflector := stamp.NewSender(s), stamp.NewReflector()
		reflector.Add(s, peer.Addr())
		n := rapid.IntRange(1, 300).Draw(t, "packets")
		there, back := fates(t, "there", n), fates(t, "back", n)

		const each, slot = 50 * time.Millisecond, 10 * time.Millisecond
		arrivals := make(map[int][][]byte) // by slot: packets at the reflector
		returns := make(map[int][][]byte)  // and at the sender
		put := func(to map[int][][]byte, at int, f fate, p []byte) {
			if f.lost {
				return
			}
			to[at+f.delay] = append(to[at+f.delay], p)
			if f.twice {
				to[at+f.delay+3] = append(to[at+f.delay+3], p)
			}
		}
		var reached, answered int             // what really happened
		var heard, most uint32                // what the sender learns
		seen := make(map[uint32]stamp.Answer) // by sequence
		last := 5*n + 200
		for at := range last {
			now := noon.Add(time.Duration(at) * slot)
			if i := at / 5; at%5 == 0 && i < n {
				put(arrivals, at, there[i], sender.Next(nil, now))
			}
			for _, p := range arrivals[at] {
				if reply := reflector.Reflect(p, peer, now, nil); reply != nil {
					put(returns, at, back[reached], reply)
					reached++
				}
			}
			for _, p := range returns[at] {
				a, ok := sender.Answer(p, now)
				if !ok {
					continue
				}
				if _, again := seen[a.Sequence]; again {
					t.Fatalf("packet %d is answered twice", a.Sequence)
				}
				seen[a.Sequence] = a
				heard, most = heard+1, max(most, a.Reflected+1)
				if a.RoundTrip < 0 || a.RoundTrip > 2*45*slot {
					t.Fatalf("round trip %s", a.RoundTrip)
				}
			}
		}
		lostThere := 0
		for _, f := range there {
			if f.lost {
				lostThere++
			}
		}
		for _, f := range back[:reached] {
			if !f.lost {
				answered++
			}
		}
		if reached != n-lostThere || int(heard) != answered {
			t.Fatalf("%d of %d reached, %d lost; %d heard of %d answers", reached, n, lostThere, heard, answered)
		}
		// An answer says how many were reflected before it. So at the last one that
		// came the sender knows both directions; what the reflector sent after it is
		// not known yet.
		if int(most) > reached || heard > most {
			t.Fatalf("the sender thinks that %d were reflected, of %d", most, reached)
		}
		lateAnswers := 0
		for i := int(most); i < reached; i++ {
			if !back[i].lost {
				t.Fatalf("answer %d came and is not counted", i)
			}
			lateAnswers++
		}
		if int(most)-int(heard) != reached-answered-lateAnswers {
			t.Fatalf("lost on the way back: %d by the sender, %d really", most-heard, reached-answered-lateAnswers)
		}
	})
}

func TestEachNumberIsAnsweredOnceWithinTheWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := stamp.Session{ID: 9, Key: &key}
		sender, reflector := stamp.NewSender(s), stamp.NewReflector()
		reflector.Add(s, peer.Addr())
		var packets [][]byte
		for range 3000 {
			packets = append(packets, sender.Next(nil, noon))
		}
		answered, newest, now := make(map[int]bool), -1, noon
		at := 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			at = min(max(at+rapid.IntRange(-1100, 1200).Draw(t, "jump"), 0), len(packets)-1)
			now = now.Add(time.Second) // the rate is not what is tested
			got := reflector.Reflect(packets[at], peer, now, nil) != nil
			want := !answered[at] && at > newest-1024
			if got != want {
				t.Fatalf("packet %d, the newest was %d: answered is %v", at, newest, got)
			}
			if got {
				answered[at], newest = true, max(newest, at)
			}
		}
	})
}
