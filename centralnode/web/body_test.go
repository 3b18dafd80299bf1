package web

import (
	"io"
	"testing"
	"time"
)

// chunks gives a chunk with each Read.
type chunks struct{ size, left int }

func (c *chunks) Read(p []byte) (int, error) {
	n := min(c.size, c.left, len(p))
	if c.left -= n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *chunks) Close() error { return nil }

func TestABodyGetsTheTimeThatItIsWorth(t *testing.T) {
	for _, c := range []struct {
		size, of int
		want     time.Duration
		most     int // times that it is told
	}{
		{1, 500, bodyGrace, 1}, {1, 3000, bodyGrace + 2*time.Second, 3}, {32 << 10, 100 << 10, bodyTimeout, 60}, {1000, 2 << 20, bodyTimeout, 60},
	} {
		var until time.Time
		told := 0
		b := &body{ReadCloser: &chunks{c.size, c.of}, began: time.Now(), until: func(at time.Time) error {
			until = at
			told++
			return nil
		}}
		if err := b.extend(); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(b)
		if err != nil || len(all) != c.of || until.Sub(b.began) != c.want || told > c.most {
			t.Errorf("%+v: %d bytes, %v; %s, told %d times", c, len(all), err, until.Sub(b.began), told)
		}
	}
}
