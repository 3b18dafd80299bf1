package process_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"vedette/scripts/bench/process"
)

// start starts a script that is ended with the test.
func start(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Start(exec.Command("sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.End(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestUsageCountsChildrenToo(t *testing.T) {
	// The shell waits and its child works; it ends its child.
	p := start(t, `(while :; do :; done) & child=$!; trap 'kill $child; exit 0' TERM; wait`)
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

func TestOpenDescriptorsAreCounted(t *testing.T) {
	// The shell has its three, and seven more that the sleep inherits.
	p := start(t, `for n in 3 4 5 6 7 8 9; do eval "exec $n</dev/null"; done; exec sleep 60`)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		n, err := process.Descriptors(p.PID())
		if err == nil && n >= 10 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors: %v", n, err)
		}
	}
}

func TestWhatWasWrittenIsTheKernelsCount(t *testing.T) {
	count := func() int64 {
		raw, err := os.ReadFile("/proc/self/io")
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(regexp.MustCompile(`(?m)^write_bytes: (\d+)$`).FindStringSubmatch(string(raw))[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	least := count()
	n, err := process.Written(os.Getpid())
	if most := count(); err != nil || n < least || n > most {
		t.Errorf("%d bytes, not %d to %d: %v", n, least, most, err)
	}
	if _, err := process.Written(1 << 30); err == nil {
		t.Error("a process that is not there has written")
	}
}
