package process_test

import (
	"os/exec"
	"testing"
	"time"

	"vedette/scripts/bench/process"
)

func TestUsageCountsChildrenToo(t *testing.T) {
	// The shell waits and its child works; it ends its child.
	p, err := process.Start(exec.Command("sh", "-c", `(while :; do :; done) & child=$!; trap 'kill $child; exit 0' TERM; wait`))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.End(); err != nil {
			t.Error(err)
		}
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		u, err := p.Usage()
		if err == nil && u.CPU > 100*time.Millisecond {
			if u.PSS <= 0 || u.RSS < u.PSS || u.Peak < u.RSS {
				t.Fatalf("%+v", u)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("used %+v: %v", u, err)
		}
	}
}

func TestEndTellsHowItEnded(t *testing.T) {
	p, err := process.Start(exec.Command("sh", "-c", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || p.End() != nil {
		t.Fatalf("ended with %v", err)
	}
}
