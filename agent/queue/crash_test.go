package queue

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestMain turns the test binary into a writer that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("QUEUE_CRASH_DIR"); dir != "" {
		crashWriter(dir)
	}
	os.Exit(m.Run())
}

// crashWriter appends for ever and says so after each package.
func crashWriter(dir string) {
	q, err := Open(dir, Options{Log: quietStderr()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		q.mu.Lock()
		number := q.next
		q.mu.Unlock()
		if err := q.Append(events(int(number)*10, 1+i%7)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("queued", number)
		if i%3 == 2 {
			p := q.Next()
			// Said first: whoever is killed in between has not lost it.
			fmt.Println("forgotten", p.Number)
			q.Forget(p.Number)
		}
	}
}

func TestKilledWriterLosesNoQueuedPackage(t *testing.T) {
	dir := t.TempDir()
	kept := make(map[uint64]bool)
	var highest uint64
	for round := range 12 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "QUEUE_CRASH_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, stop := 0, 5+rand.IntN(60)
		for s := bufio.NewScanner(out); s.Scan(); lines++ {
			word, rest, _ := strings.Cut(s.Text(), " ")
			number, err := strconv.ParseUint(rest, 10, 64)
			if err != nil {
				t.Fatalf("round %d: %s", round, s.Text())
			}
			if word == "forgotten" {
				delete(kept, number)
			} else {
				if number <= highest {
					t.Fatalf("round %d: number %d was given again after %d", round, number, highest)
				}
				highest = number
				kept[number] = true
			}
			if lines == stop {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
		if lines <= stop {
			t.Fatalf("round %d: only %d lines", round, lines)
		}
	}
	q := mustOpen(t, dir, Options{})
	for p := q.Next(); p != nil; p = q.Next() {
		if got := p.Request.Events[0].GetProcessStart().Pid; uint64(got) != p.Number*10 {
			t.Fatalf("package %d holds the events of another one: %d", p.Number, got)
		}
		delete(kept, p.Number)
		q.Forget(p.Number)
	}
	if len(kept) > 0 {
		t.Fatalf("%d queued packages are lost: %v", len(kept), kept)
	}
}
