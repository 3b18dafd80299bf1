//go:build !race

package socket_test

import (
	"io"
	"testing"
)

func TestNoCallAllocates(t *testing.T) {
	quick, far := pair(t)
	p := make([]byte, 100)
	go io.Copy(far, far)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := quick.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(quick, p); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations a round", n)
	}
}
