package report

import "testing"

func TestBoundsAreMetOnTheirOwnSide(t *testing.T) {
	rounds := Span{Median: 2, Min: 1, Max: 3}
	for _, c := range []struct {
		aim, loosened string
		good, bad     float64
		best          float64
	}{
		{"<= 0.80", "<= 1.6", 1.6, 1.61, 1},
		{">= 2.2", ">= 1.1", 1.1, 1.09, 3},
	} {
		b, err := ParseBound(c.aim)
		if err != nil {
			t.Fatal(err)
		}
		if b.Holds(c.good) || !b.Holds(b.Value) {
			t.Errorf("%s: %v is good, or the bound itself is not", c.aim, c.good)
		}
		l := b.Loosened(2)
		if l.String() != c.loosened || !l.Holds(c.good) || l.Holds(c.bad) {
			t.Errorf("%s twice as easy is %s", c.aim, l)
		}
		if got := b.Best(rounds); got != c.best {
			t.Errorf("%s: best round %v", c.aim, got)
		}
	}
	for _, aim := range []string{"", "0.8", "<= ", "<= much", "0.66-0.99"} {
		if _, err := ParseBound(aim); err == nil {
			t.Errorf("%q is a bound", aim)
		}
	}
}
