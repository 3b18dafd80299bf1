package e2e

import (
	"testing"
	"time"

	"vedette/internal/acts"
	"vedette/scripts/emulink"
)

// TestALinkTestFindsWhatALongLineCarries has real daemons test a line of 20
// Mbit/s over a round trip of 100 ms, without loss and with, both ways. A
// machine that does other things may carry less, so the best of some tries
// counts; none may find more than there is.
func TestALinkTestFindsWhatALongLineCarries(t *testing.T) {
	const (
		line  = 20_000_000
		tries = 3
		most  = 1.06 // what proto/capacity's bound leaves for 110 ms that are held up, of the 0.96 that are data
	)
	for _, c := range []struct {
		name  string
		loss  float64
		least float64 // of the line
	}{
		{"clean", 0, 0.75}, {"5 % lost", 0.05, 0.5},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := emulink.Direction{Delay: 50 * time.Millisecond, Rate: line, Queue: line / 8 / 10, Loss: c.loss}
			o := emulink.Options{Forth: d, Back: d}
			o.Forth.Seed, o.Back.Seed = 1, 2
			_, s := across(t, wanLink(t, o))
			for _, way := range [][]string{{"link", "test"}, {"link", "test", "--back"}} {
				best := 0.0
				for try := 0; try < tries && best < c.least; try++ {
					found := read[acts.LinkTest](s, way...)
					part := float64(found.Rate) / line
					if best = max(best, part); part > most || found.Bounded {
						t.Errorf("%v found %.3f of the line: %+v", way, part, found)
					}
				}
				if t.Logf("%v: %.3f of the line", way, best); best < c.least {
					t.Errorf("%v found %.3f of the line at best", way, best)
				}
			}
		})
	}
}
